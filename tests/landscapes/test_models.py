from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, GPT2Config, GPTNeoForCausalLM, LlamaConfig, LlamaForCausalLM
from transformers.models.gpt2 import GPT2LMHeadModel

from villani_verify.errors import DeviceError, ModelError, RequestError
from villani_verify.landscape import Landscape
from villani_verify.landscapes.architectures import gpt_neo_tiny
from villani_verify.landscapes.dtype_audit import audit_dtype
from villani_verify.landscapes.models import check_positions, load_model, vocabulary_size

TOKENS = torch.arange(24).reshape(2, 12) % 7


def edit_config(directory: Path, **changes: object) -> None:
    config = json.loads((directory / "config.json").read_text())
    config.update(changes)
    (directory / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None or k not in changes}))


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(TOKENS, use_cache=False).logits


def refusal(name: Path | str, error: type[Exception] = ModelError) -> str:
    with pytest.raises(error) as caught:
        load_model(str(name))
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400, message
    assert str(name) in message
    return message


def test_weights_come_back_in_the_dtype_asked_for(saved: Path) -> None:
    original = gpt_neo_tiny()
    loaded = load_model(str(saved), dtype=torch.float64)
    assert isinstance(loaded, GPTNeoForCausalLM)
    assert loaded.config._attn_implementation == "eager"
    assert torch.equal(logits(loaded), logits(original))
    assert {p.dtype for p in load_model(str(saved)).parameters()} == {torch.float32}
    assert audit_dtype(Landscape.causal_lm(loaded, TOKENS)).passed


def test_dropout_is_off(directory: Path) -> None:
    edit_config(directory, resid_dropout=0.5, embed_dropout=0.5, attention_dropout=0.5)
    model = load_model(str(directory), dtype=torch.float64)
    assert not any(module.training for module in model.modules())
    assert torch.equal(logits(model), logits(gpt_neo_tiny()))


@pytest.mark.parametrize(
    "build",
    [
        lambda: GPT2LMHeadModel(GPT2Config(vocab_size=7, n_embd=6, n_layer=2, n_head=2, n_positions=16)),
        lambda: LlamaForCausalLM(
            LlamaConfig(
                vocab_size=7,
                hidden_size=8,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=12,
                max_position_embeddings=16,
            )
        ),
    ],
    ids=["gpt2", "llama"],
)
def test_other_architectures_load_in_float64(build: Callable[[], torch.nn.Module], tmp_path: Path) -> None:
    original = build()
    original.save_pretrained(tmp_path)
    model = load_model(str(tmp_path), dtype=torch.float64)
    torch.testing.assert_close(logits(model).float(), logits(original.eval()), rtol=1e-5, atol=1e-6)
    assert audit_dtype(Landscape.causal_lm(model, TOKENS)).passed
    assert vocabulary_size(model) == 7
    check_positions(model, 16)
    with pytest.raises(RequestError, match="17"):
        check_positions(model, 17)


def test_mask_buffers_saved_by_older_releases_are_no_mismatch(directory: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = directory / "model.safetensors"
    weights = load_file(path)
    for layer in (0, 1):
        weights[f"transformer.h.{layer}.attn.attention.bias"] = torch.ones(1, 1, 16, 16, dtype=torch.uint8)
        weights[f"transformer.h.{layer}.attn.attention.masked_bias"] = torch.tensor(-1e9)
    save_file(weights, path, metadata={"format": "pt"})
    assert torch.equal(logits(load_model(str(directory), dtype=torch.float64)), logits(gpt_neo_tiny()))


def test_loading_is_silent_and_leaves_the_settings(saved: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from transformers.utils import logging as library

    before = (library.get_verbosity(), library.is_progress_bar_enabled(), logging.getLogger("huggingface_hub").level)
    load_model(str(saved))
    assert (library.get_verbosity(), library.is_progress_bar_enabled(), logging.getLogger("huggingface_hub").level) == before
    assert capfd.readouterr() == ("", "")


def test_positions_and_vocabulary() -> None:
    model = gpt_neo_tiny()
    assert vocabulary_size(model) == 7
    check_positions(model, 16)
    with pytest.raises(
        RequestError, match=r"^sequence length 17: GPTNeoForCausalLM has only 16 positions; use --sequence-length 16 or less$"
    ):
        check_positions(model, 17)
    check_positions(torch.nn.Linear(1, 1), 10**6)
    with pytest.raises(ModelError, match=r"^Linear: its config has no vocab_size"):
        vocabulary_size(torch.nn.Linear(1, 1))


def test_paths_that_are_no_model(tmp_path: Path) -> None:
    assert "does not exist; mend the path" in refusal(tmp_path / "absent")
    assert "does not exist; mend the path" in refusal("./absent")
    (tmp_path / "file").write_text("x")
    assert "it is a file; give the directory" in refusal(tmp_path / "file")
    assert "there is no config.json; save the model there" in refusal(tmp_path)
    with pytest.raises(ModelError, match=r"^model: the name is empty"):
        load_model(" ")
    assert "mend the name" in refusal("not a/name")


def test_only_a_pickle(directory: Path) -> None:
    (directory / "model.safetensors").unlink()
    assert "there are no weights (*.safetensors)" in refusal(directory)

    class Bomb:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
            return Path.touch, (directory / "exploded",)  # type: ignore[return-value]

    torch.save(Bomb(), directory / "pytorch_model.bin")
    message = refusal(directory)
    assert "only a pickle (pytorch_model.bin)" in message
    assert "convert it to safetensors" in message
    assert not (directory / "exploded").exists()


@pytest.mark.parametrize(
    "damage",
    [lambda b: b[: len(b) // 2], lambda b: b[:-40], lambda b: b"", lambda b: b"garbage " * 100, lambda b: b[:3]],
    ids=["half", "end-cut", "empty", "garbage", "three-bytes"],
)
def test_damaged_safetensors(directory: Path, damage: Callable[[bytes], bytes]) -> None:
    path = directory / "model.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    assert "a safetensors file is damaged" in refusal(directory)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "nonsense"}, "names no causal language model that transformers knows; mend its model_type"),
        ({"model_type": None, "architectures": None}, "names no causal language model that transformers knows"),
        ({"model_type": "vit"}, "names no causal language model that transformers knows"),
        (
            {"model_type": "nonsense", "auto_map": {"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"}},
            "it needs its author's own code, which is never run here",
        ),
        ({"hidden_size": 8}, "shapes of the weights do not fit config.json"),
        ({"vocab_size": 9}, "shapes of the weights do not fit config.json"),
        (
            {"num_layers": 4, "attention_types": [[["global", "local"], 2]], "attention_layers": ["global", "local"] * 2},
            "it has no weights for transformer.h.2.",
        ),
        (
            {"num_layers": 1, "attention_types": [[["global"], 1]], "attention_layers": ["global"]},
            "it has weights that config.json does not ask for, transformer.h.1.",
        ),
        ({"num_layers": 3}, "mend the files"),
        ({"hidden_size": "six"}, "mend the files"),
    ],
)
def test_configurations_that_do_not_fit(directory: Path, changes: dict[str, object], message: str) -> None:
    edit_config(directory, **changes)
    assert message in refusal(directory)


def test_configuration_that_is_not_json(directory: Path) -> None:
    (directory / "config.json").write_text("{oops")
    assert "config.json is not valid JSON" in refusal(directory)


def test_missing_weights_are_named_and_not_drawn_afresh(directory: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = directory / "model.safetensors"
    weights = load_file(path)
    del weights["transformer.ln_f.weight"], weights["transformer.h.0.ln_1.bias"]
    save_file(weights, path, metadata={"format": "pt"})
    assert "it has no weights for transformer.h.0.ln_1.bias and 1 more" in refusal(directory)


def test_code_beside_the_weights_is_not_run(directory: Path) -> None:
    (directory / "code.py").write_text(f"open({str(directory / 'exploded')!r}, 'w')\n")
    edit_config(directory, model_type="nonsense", auto_map={"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"})
    refusal(directory)
    # With a type that the library knows, its own class is taken.
    edit_config(directory, model_type="gpt_neo")
    assert type(load_model(str(directory))) is GPTNeoForCausalLM
    assert not (directory / "exploded").exists()


def test_bert_is_refused_or_loaded_never_half(tmp_path: Path) -> None:
    from transformers import BertModel

    BertModel(
        BertConfig(vocab_size=7, hidden_size=6, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    ).save_pretrained(tmp_path)
    # transformers has a causal BERT, but these weights have no language-model head.
    assert "it has no weights for" in refusal(tmp_path)


def test_devices_and_dtypes_that_do_not_exist(saved: Path) -> None:
    for device in ("nowhere", "cuda:99"):
        with pytest.raises(DeviceError, match=rf"^device '{device}': not available on this machine"):
            load_model(str(saved), device=device)
    with pytest.raises(RequestError, match=r"^dtype torch.int64 of model"):
        load_model(str(saved), dtype=torch.int64)


@pytest.mark.parametrize(
    "setting", [{"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}], ids=["offline", "unreachable"]
)
def test_hub_out_of_reach(setting: dict[str, str], tmp_path: Path) -> None:
    """In a process of its own, as the hub's library reads these settings when it is imported."""
    code = (
        "from villani_verify.errors import ModelError\n"
        "from villani_verify.landscapes.models import load_model\n"
        "try: load_model('EleutherAI/gpt-neo-125m')\n"
        "except ModelError as e: print(e)\n"
    )
    environment = {**os.environ, **setting, "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == (
        "model name 'EleutherAI/gpt-neo-125m': the Hugging Face hub is not reachable and the model is not cached; "
        "give a local directory instead\n"
    )
    assert done.stderr == ""


def test_a_cached_model_needs_no_hub(saved: Path, tmp_path: Path) -> None:
    cache = tmp_path / "hub" / "models--owner--tiny"
    shutil.copytree(saved, cache / "snapshots" / ("0" * 40))
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("0" * 40)
    code = (
        "from villani_verify.landscapes.models import load_model\n"
        "print(sum(p.numel() for p in load_model('owner/tiny').parameters()))\n"
    )
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert (done.stdout, done.stderr) == ("822\n", "")
