from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from villani_verify.corpora import load_tokenizer
from villani_verify.corpora.tokenizers import CLASSES
from villani_verify.errors import TextError

UNICODE = "The 3 naïve dogs — “émigrés” 🐕 ran.\r\n\tEnd\x00"


def one_line_error(name: str) -> str:
    with pytest.raises(TextError) as caught:
        load_tokenizer(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_bytes() -> None:
    tokenizer = load_tokenizer("bytes")
    tokens = tokenizer.encode(UNICODE)
    assert (tokenizer.name, tokenizer.vocabulary_size) == ("bytes", 256)
    assert tokens.dtype == torch.int64
    assert tokens.tolist() == list(UNICODE.encode())
    assert tokenizer.encode("").shape == (0,)


def test_classes_against_a_loop_over_characters() -> None:
    tokenizer = load_tokenizer("classes")
    tokens = tokenizer.encode(UNICODE)
    naive = [next((i for i, members in enumerate(CLASSES) if c.lower() in members), 6) for c in UNICODE]
    assert (tokenizer.name, tokenizer.vocabulary_size) == ("classes", 7)
    assert tokens.dtype == torch.int64
    assert tokens.tolist() == naive
    assert tokenizer.encode("ab n.0~").tolist() == [0, 1, 3, 2, 4, 5, 6]
    assert tokenizer.encode("").shape == (0,)


def test_classes_partition_the_letters_and_digits() -> None:
    members = "".join(CLASSES)
    assert len(set(members)) == len(members)
    assert set("abcdefghijklmnopqrstuvwxyz0123456789 \n.") <= set(members)


def test_small_bpe_merges_and_adds_no_special_tokens(gpt2_directory: Callable[..., Path]) -> None:
    directory = gpt2_directory()
    vocabulary = json.loads((directory / "vocab.json").read_text(encoding="utf-8"))
    tokenizer = load_tokenizer(str(directory))
    assert tokenizer.vocabulary_size == 259
    assert tokenizer.encode("a the<|endoftext|>").tolist() == [vocabulary[s] for s in ("a", "Ġth", "e", "<|endoftext|>")]
    assert tokenizer.encode("").shape == (0,)
    assert len(tokenizer.encode(UNICODE)) == len(UNICODE.encode()) - UNICODE.count(" t")


def test_tokenizer_json_is_the_same_without_its_truncation(gpt2_directory: Callable[..., Path], tmp_path: Path) -> None:
    from_files = load_tokenizer(str(gpt2_directory()))
    backend = from_files.backend  # type: ignore[attr-defined]
    backend.enable_truncation(4)
    (tmp_path / "single").mkdir()
    backend.save(str(tmp_path / "single" / "tokenizer.json"))
    backend.no_truncation()
    from_json = load_tokenizer(str(tmp_path / "single"))
    assert from_json.vocabulary_size == from_files.vocabulary_size
    assert torch.equal(from_json.encode(UNICODE), from_files.encode(UNICODE))


def test_directory_without_its_files(gpt2_directory: Callable[..., Path]) -> None:
    directory = gpt2_directory(vocab=None, merges=None)
    assert one_line_error(str(directory)) == (
        f"tokenizer directory {directory}: it lacks vocab.json and merges.txt; put them there, or a tokenizer.json"
    )


def test_directory_without_merges(gpt2_directory: Callable[..., Path]) -> None:
    assert "it lacks merges.txt;" in one_line_error(str(gpt2_directory(merges=None)))


@pytest.mark.parametrize(
    ("vocab", "problem"),
    [
        ("{", r"Expecting property name"),
        ("", r"Expecting value"),
        ("[]", "not a JSON object from tokens to distinct numbers"),
        ("{}", "not a JSON object from tokens to distinct numbers"),
        ('{"a": "x"}', "not a JSON object from tokens to distinct numbers"),
        ('{"a": 0, "b": 0}', "not a JSON object from tokens to distinct numbers"),
        ('{"a": -1}', "not a JSON object from tokens to distinct numbers"),
        ('{"a": 0}', "it lacks 255 of the 256 byte symbols"),
    ],
)
def test_corrupt_vocabulary(gpt2_directory: Callable[..., Path], vocab: str, problem: str) -> None:
    message = one_line_error(str(gpt2_directory(vocab=vocab)))
    assert "vocab.json" in message
    assert problem in message
    assert message.endswith("; fetch it again")


def test_vocabulary_that_is_not_utf8(gpt2_directory: Callable[..., Path]) -> None:
    directory = gpt2_directory()
    (directory / "vocab.json").write_bytes(b'{"\xff": 0}')
    assert "can't decode byte 0xff" in one_line_error(str(directory))


@pytest.mark.parametrize("merges", ["#version: 0.2\nĠt\n", "#version: 0.2\nq z\n"])
def test_corrupt_merges(gpt2_directory: Callable[..., Path], merges: str) -> None:
    message = one_line_error(str(gpt2_directory(merges=merges)))
    assert "merges.txt: " in message
    assert message.endswith("; fetch it again")


def test_corrupt_and_empty_tokenizer_json(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models

    path = tmp_path / "tokenizer.json"
    path.write_text("{")
    assert f"tokenizer file {path}: " in one_line_error(str(tmp_path))
    Tokenizer(models.BPE()).save(str(path))
    assert "its vocabulary of 0 has no token for plain English; fetch its files again" in one_line_error(str(tmp_path))


def test_neither_a_directory_nor_a_hub_name(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    assert f"{str(file)!r}: it is a file; give " in one_line_error(str(file))
    assert "there is no such directory; give 'bytes', 'classes', a directory, or a model on the hub" in one_line_error(
        str(tmp_path / "absent")
    )


def test_gpt2_on_real_text(real_data: Path) -> None:
    from transformers import GPT2TokenizerFast

    directory = str(real_data / "gpt2-bpe")
    tokenizer = load_tokenizer(directory)
    text = (real_data / "wikitext-103-raw" / "wiki.valid.raw").read_text(encoding="utf-8")[:200_000]
    tokens = tokenizer.encode(text)
    assert tokenizer.vocabulary_size == 50_257
    assert tokenizer.backend.decode(tokens.tolist(), skip_special_tokens=False) == text  # type: ignore[attr-defined]
    assert tokenizer.encode("Hello world<|endoftext|>").tolist() == [15496, 995, 50256]
    reference = GPT2TokenizerFast.from_pretrained(directory)
    assert tokens.tolist() == reference(text, verbose=False)["input_ids"]
