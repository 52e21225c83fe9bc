"""The one tree of errors that this package raises on purpose.

Every message names the thing, the place and the remedy on one line, because the
command line prints it as it stands and exits with status 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class VillaniError(Exception):
    """Base class: catching it catches everything this package raises on purpose."""


class RequestError(VillaniError):
    """What was asked for does not exist or does not fit together (an unknown name, a bad option)."""


class TextError(VillaniError):
    """The text cannot be used: empty, not UTF-8, too short, or of another vocabulary than the model's."""


class ModelError(VillaniError):
    """The model cannot be loaded, or cannot be used as a landscape."""


class LandscapeError(VillaniError):
    """The function is no landscape: its loss is not a finite, non-negative, deterministic scalar."""


class DeviceError(VillaniError):
    """The device does not exist, or has not enough memory even for the smallest chunk."""


class OutputError(VillaniError):
    """The results cannot be written where they were asked for."""


def unknown_name(what: str, name: str, known: Iterable[str]) -> RequestError:
    """Return the error of a name that is none of `known`; it suggests the nearest, or the first where none is near."""
    names = list(known)
    close = get_close_matches(name, names, n=1) or names
    return RequestError(f"{what} {name!r}: unknown; choose one of {', '.join(names)} (did you mean {close[0]!r}?)")


_CONTROLS = {c: f"\\x{c:02x}" for c in (*range(32), *range(127, 160)) if chr(c) not in "\n\t"}
# Halves of a surrogate pair are no text, and cannot be written in UTF-8.
_CONTROLS |= {c: f"\\u{c:04x}" for c in range(0xD800, 0xE000)}


def visible(text: str) -> str:
    """Return a text with escapes for control characters and halves of pairs.

    One from elsewhere must not steer the terminal that it is printed on.
    """
    return text.translate(_CONTROLS)


def shown(value: object) -> str:
    """Return what was given as Python writes it, on one line of at most 80 characters."""
    try:
        return one_line(ValueError(repr(value)), 80)
    except ValueError:  # of more digits than Python writes
        return "a number of thousands of digits"


def one_line(error: BaseException, limit: int = 300) -> str:
    """Return the message of `error` on one line of at most `limit` characters."""
    text = visible(" ".join(str(error).split())) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 1] + "…"
