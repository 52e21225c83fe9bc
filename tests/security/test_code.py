"""No code of a model's author runs, and no pickle is read; files of code are run only where they are named.

`tests/landscapes/test_models.py` has the same of the library, and `tests/faults` what a user sees of a model of pickles alone.
"""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from villani_verify.cli import main
from villani_verify.errors import RequestError
from villani_verify.theory.langevin.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

CODE = "open('exploded', 'w').close()\n"


class Bomb:
    """Makes a file when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return open, ("exploded", "w")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory, in which nothing may have run in the end."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert not (tmp_path / "exploded").exists()


@pytest.fixture
def directory(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny model with code and pickles beside its weights."""
    from transformers import GPTNeoConfig, GPTNeoForCausalLM

    config = GPTNeoConfig(
        hidden_size=6, num_layers=1, num_heads=2, attention_types=[[["global"], 1]], intermediate_size=8, vocab_size=7,
        max_position_embeddings=16, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    GPTNeoForCausalLM(config).save_pretrained(place / "model")
    for name in ("code.py", "modeling_gpt_neo.py", "configuration_gpt_neo.py", "tokenization.py", "__init__.py"):
        (place / "model" / name).write_text(CODE, encoding="utf-8")
    for name in ("pytorch_model.bin", "model.pt", "training_args.bin", "scheduler.pt"):
        (place / "model" / name).write_bytes(pickle.dumps(Bomb()))
    return place / "model"


def edit(path: Path, **changes: object) -> None:
    values = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(values | changes), encoding="utf-8")


def run(directory: Path, *more: str) -> int:
    return main(["psi", "--model", str(directory), "--sequences", "1", "--sequence-length", "4", *more])


def test_the_bomb_would_make_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(Bomb())).close()
    assert (tmp_path / "exploded").exists()


def test_code_and_pickles_beside_the_weights_are_ignored(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(directory / "config.json", auto_map={"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"})
    edit(directory / "generation_config.json", custom_generate="code.py")
    assert run(directory, "--tokenizer", "classes") == 0
    assert capsys.readouterr().out.startswith("model: ")


def test_an_architecture_of_its_own_is_refused(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(directory / "config.json", model_type="mine", auto_map={"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"})
    assert run(directory, "--tokenizer", "classes") == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_tokenizer_of_its_own_is_refused(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(directory / "tokenizer_config.json", tokenizer_class="Mine", auto_map={"AutoTokenizer": ["tokenization.Mine", None]})
    assert run(directory) == 2
    assert "lacks vocab.json" in capsys.readouterr().err


def test_pickles_alone_are_refused(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (directory / "model.safetensors").unlink()
    assert run(directory, "--tokenizer", "classes") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "only a pickle" in line


def test_an_index_that_names_a_pickle_is_refused(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (directory / "model.safetensors").rename(directory / "part.safetensors")
    names = {"transformer.wte.weight": "pytorch_model.bin"}
    edit(directory / "model.safetensors.index.json", weight_map=names, metadata={"total_size": 1})
    assert run(directory, "--tokenizer", "classes") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "names 'pytorch_model.bin'" in line


def test_a_checkpoint_with_a_pickle_is_refused(place: Path) -> None:
    path, like = place / "checkpoint.npz", torch.zeros(2, 3)
    save_checkpoint(path, {}, Checkpoint(1, like, np.zeros((1, 2, 1))))
    stream = io.BytesIO()
    np.save(stream, np.array([Bomb()], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path) as old:
        entries = {n: old.read(n) for n in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, content in (entries | {"states.npy": stream.getvalue()}).items():
            new.writestr(name, content)
    with pytest.raises(RequestError, match="damaged"):
        load_checkpoint(path, {}, like)


@pytest.mark.parametrize("field", ["landscape", "witness"])
def test_code_that_results_name_is_not_run(place: Path, capsys: pytest.CaptureFixture[str], field: str) -> None:
    (place / "bomb.py").write_text(CODE, encoding="utf-8")
    request = {"landscape": "bomb.py:make"}
    witness = {"kind": "slow-growth", "criterion": "quadratic_growth", "request": request}
    results = {"schema_version": 1, "landscape": {"request": request}, "criteria": {"quadratic_growth": {"witness": witness}}}
    (place / "results.json").write_text(json.dumps(witness if field == "witness" else results), encoding="utf-8")
    assert main(["replay", "results.json"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "'bomb.py:make', which is not run unasked" in line


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("verify",), "the file is run"),
        (("psi",), "the file is run"),
        (("replay",), "no file is run unasked"),
        (("campaign",), "that file is run"),
    ],
)
def test_the_help_says_that_a_file_is_run(command: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--help"]) == 0
    assert words in " ".join(capsys.readouterr().out.replace("│", " ").split())
