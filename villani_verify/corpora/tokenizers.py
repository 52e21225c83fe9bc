"""Tokenizers: bytes, seven classes of characters for the tiniest models, and byte-pair encodings from files."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from villani_verify.corpora.hub import hub_tokenizer_directory
from villani_verify.errors import TextError, one_line

CLASSES = ("aeiou", "bcdfghjklm", "npqrstvwxyz", " \t\r\n", ".,;:!?'\"()-", "0123456789")
"""The first six classes, lower and upper case alike; the seventh is everything else."""

_END_OF_TEXT = "<|endoftext|>"
_SAMPLE = "The quick brown fox said: it's 42 naïve steps…\n\n  Over the lazy dog."
# What the hub accepts as "name" or "owner/name".
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


class Tokenizer(Protocol):
    """What turns text into numbers.

    Attributes:
        name: how reports call it.
        vocabulary_size: every token is below it.
    """

    @property
    def name(self) -> str:
        """How reports call it."""

    @property
    def vocabulary_size(self) -> int:
        """One more than the largest token."""

    def encode(self, text: str) -> Tensor:
        """Return the tokens of `text`, 1-D int64, without special tokens added."""


class ByteTokenizer:
    """One token a byte of UTF-8: 256 tokens, nothing to fetch."""

    name = "bytes"
    vocabulary_size = 256

    def encode(self, text: str) -> Tensor:
        """Return the UTF-8 bytes of `text`, 1-D int64."""
        return torch.from_numpy(np.frombuffer(text.encode(), dtype=np.uint8).astype(np.int64))


class ClassTokenizer:
    """One token a character, its class in `CLASSES`: 7 tokens, for models of a few hundred parameters."""

    name = "classes"
    vocabulary_size = len(CLASSES) + 1

    def encode(self, text: str) -> Tensor:
        """Return the class of every character of `text`, 1-D int64 in [0, 7)."""
        codes = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
        return torch.from_numpy(_CLASS_OF[np.minimum(codes, len(_CLASS_OF) - 1)])


@dataclass(frozen=True)
class FileTokenizer:
    """A tokenizer read from files, run by the `tokenizers` library.

    Attributes:
        name: directory or hub name it came from.
        vocabulary_size: one more than the largest token.
        backend: the `tokenizers.Tokenizer`.
    """

    name: str
    vocabulary_size: int
    backend: Any

    def encode(self, text: str) -> Tensor:
        """Return the tokens of `text`, 1-D int64, without special tokens added and without truncation.

        Raises:
            TextError: if the tokenizer has none for some part of it.
        """
        try:
            return torch.tensor(self.backend.encode(text, add_special_tokens=False).ids, dtype=torch.int64)
        except Exception as e:  # the library raises bare Exception
            raise TextError(
                f"tokenizer {self.name!r}: it cannot encode the text ({one_line(e, 160)}); fetch its files again"
            ) from e


def load_tokenizer(name: str) -> Tokenizer:
    """Return the tokenizer called `name`.

    Args:
        name: "bytes", "classes", a directory with `tokenizer.json` or with GPT-2's `vocab.json` and `merges.txt`,
            or a model on the hub, of which only these files are fetched.

    Raises:
        TextError: if there is none, or its files are missing, corrupt or empty.
    """
    if name == "bytes":
        return ByteTokenizer()
    if name == "classes":
        return ClassTokenizer()
    path = Path(os.path.expanduser(name))
    if path.is_dir():
        return _from_directory(name, path)
    if os.path.exists(path) or not _HUB_NAME.fullmatch(name):
        problem = "it is a file" if os.path.exists(path) else "there is no such directory"
        raise TextError(f"tokenizer {name!r}: {problem}; give 'bytes', 'classes', a directory, or a model on the hub")
    return _from_directory(name, hub_tokenizer_directory(name))


def _from_directory(name: str, directory: Path) -> FileTokenizer:
    if os.path.isfile(directory / "tokenizer.json"):
        return _checked(name, _read_tokenizer_json(directory / "tokenizer.json"))
    missing = [file for file in ("vocab.json", "merges.txt") if not os.path.isfile(directory / file)]
    if missing:
        raise TextError(f"tokenizer directory {directory}: it lacks {' and '.join(missing)}; put them there, or a tokenizer.json")
    return _checked(name, _read_gpt2_files(directory))


def _read_tokenizer_json(path: Path) -> Any:
    from tokenizers import Tokenizer as Backend

    try:
        backend = Backend.from_file(str(path))
    except Exception as e:  # the library raises bare Exception
        raise TextError(f"tokenizer file {path}: {one_line(e, 200)}; fetch it again") from e
    backend.no_truncation()
    backend.no_padding()
    return backend


def _read_gpt2_files(directory: Path) -> Any:
    """Build GPT-2's byte-level byte-pair encoder and check that it lost nothing."""
    # Not through transformers: its constructor takes `vocab_file` and `merges_file` and silently builds an empty one.
    from tokenizers import AddedToken, decoders, models, pre_tokenizers
    from tokenizers import Tokenizer as Backend

    vocabulary = _read_vocabulary(directory / "vocab.json")
    unwritable = sum(symbol not in vocabulary for symbol in pre_tokenizers.ByteLevel.alphabet())
    if unwritable:
        raise TextError(f"tokenizer file {directory / 'vocab.json'}: it lacks {unwritable} of the 256 byte symbols; fetch it again")
    try:
        model = models.BPE.from_file(str(directory / "vocab.json"), str(directory / "merges.txt"))
    except Exception as e:  # the library raises bare Exception
        raise TextError(f"tokenizer file {directory / 'merges.txt'}: {one_line(e, 200)}; fetch it again") from e
    backend = Backend(model)
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    if _END_OF_TEXT in vocabulary:
        backend.add_special_tokens([AddedToken(_END_OF_TEXT, special=True)])
    if backend.get_vocab() != vocabulary or backend.decode(backend.encode(_SAMPLE).ids) != _SAMPLE:
        raise TextError(f"tokenizer directory {directory}: text does not survive a round trip; fetch its files again")
    return backend


def _read_vocabulary(path: Path) -> dict[str, int]:
    try:
        vocabulary = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise TextError(f"tokenizer file {path}: {one_line(e, 200)}; fetch it again") from e
    numbers = list(vocabulary.values()) if isinstance(vocabulary, dict) else []
    if not numbers or not all(type(n) is int and n >= 0 for n in numbers) or len(set(numbers)) != len(numbers):
        raise TextError(f"tokenizer file {path}: it is not a JSON object from tokens to distinct numbers ≥ 0; fetch it again")
    return vocabulary


def _checked(name: str, backend: Any) -> FileTokenizer:
    """Refuse a tokenizer that loaded without complaint but drops all text."""
    size = 1 + max(backend.get_vocab().values(), default=-1)
    found = FileTokenizer(name, size, backend)
    if not len(found.encode(_SAMPLE)):
        raise TextError(f"tokenizer {name!r}: its vocabulary of {size} has no token for plain English; fetch its files again")
    return found


def _class_table() -> np.ndarray:
    """Return the class of each ASCII code, and in one more entry that of all other characters."""
    table = np.full(129, len(CLASSES), dtype=np.int64)
    for number, members in enumerate(CLASSES):
        for character in members + members.upper():
            table[ord(character)] = number
    return table


_CLASS_OF = _class_table()
