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


def one_line(error: BaseException, limit: int = 300) -> str:
    """Return the message of `error` on one line of at most `limit` characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 1] + "…"
