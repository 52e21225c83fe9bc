"""A unit of work, named by the digest of everything that its result depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import villani_verify

_PACKAGE = Path(villani_verify.__file__).parent
# What a result can depend on; report, command line and the rest of this folder cannot change one.
_MATHEMATICS = ("corpora", "criteria", "curvature", "estimation", "landscapes", "runs/kinds", "search")


def canonical(value: Any) -> str:
    """Return the one JSON text of a value: sorted names, no spaces, floats to the last bit.

    It is ASCII, so that half a surrogate pair, in a name, can be digested and kept as well.

    Raises:
        ValueError: if a number is not finite.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def parsed(text: str) -> Any:
    """Return the value of a JSON text; `canonical` can write it again.

    Raises:
        ValueError: if it is none, if it is nested too deeply, or if a number is not finite.
    """

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is no number of JSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except RecursionError as e:
        raise ValueError("it is nested too deeply") from e


def digest(*texts: str) -> str:
    """Return 128 bits of BLAKE2b over the texts, as 32 hexadecimal digits."""
    return digest_of(texts)


def digest_of(texts: Iterable[str]) -> str:
    """Return the `digest` of texts that need not be in memory all at once."""
    state = hashlib.blake2b(digest_size=16)
    for text in texts:
        data = text.encode()
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.hexdigest()


@lru_cache(maxsize=1)
def mathematics() -> str:
    """Return the version of the mathematics: a digest of the code that a result depends on, and the versions it runs on."""
    from importlib.metadata import version

    files = [p for folder in _MATHEMATICS for p in (_PACKAGE / folder).rglob("*.py")] + list(_PACKAGE.glob("*.py"))
    texts = [text for p in sorted(files) for text in (p.relative_to(_PACKAGE).as_posix(), p.read_text(encoding="utf-8"))]
    return digest(*texts, *(f"{name} {version(name)}" for name in ("torch", "numpy", "scipy", "transformers")))


@dataclass(frozen=True)
class Unit:
    """What is computed as a whole, kept as a whole, and counted once.

    Attributes:
        kind: a name of `kinds.KINDS`, which says how it is computed.
        landscape: digest of the loss, with its weights and data; empty where none is looked at.
        parameters: plain values; the result depends on nothing else.
    """

    kind: str
    landscape: str
    parameters: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The content address: two units with one key have one result, and any other key may have another."""
        return digest(mathematics(), self.text)

    @property
    def label(self) -> str:
        """The group of units that take about as long as this one."""
        criterion = self.parameters.get("criterion", "")
        return " ".join(filter(None, (self.kind, criterion, self.landscape[:8])))

    @property
    def text(self) -> str:
        """The canonical text, from which `from_text` makes the unit again."""
        return canonical([self.kind, self.landscape, self.parameters])

    @classmethod
    def from_text(cls, text: str) -> Unit:
        """Return the unit with this text.

        Raises:
            ValueError: if it is none.
        """
        kind, landscape, parameters = parsed(text)
        if not (isinstance(kind, str) and isinstance(landscape, str) and isinstance(parameters, dict)):
            raise ValueError("it is no kind, landscape and parameters")
        return cls(kind, landscape, parameters)
