"""A target: a parser, inputs that it accepts, and the rule that tells a finding from a refusal."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from villani_verify.errors import VillaniError

_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Target:
    """A parser of bytes from elsewhere.

    Attributes:
        name: on the command line.
        what: is read, in a few words.
        seeds: makes inputs that are accepted, with the package itself.
        read: hands an input to the parser; raises whatever that does.
        structured: whether inputs are JSON, so that mutants can be JSON as well.
        tokens: that inputs of this format contain.
        largest: number of bytes in an input.
    """

    name: str
    what: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[bytes], None]
    structured: bool = False
    tokens: tuple[bytes, ...] = ()
    largest: int = 65_536


@dataclass(frozen=True)
class Finding:
    """What an input did that it must not.

    Attributes:
        key: the same for inputs that fail at the same place.
        text: the traceback.
    """

    key: str
    text: str


class Hang(BaseException):
    """An input took too long; no library's `except Exception` may swallow that."""


class ManyLinesError(Exception):
    """A refusal is not one line."""


class TooLargeError(Exception):
    """A refusal came only as memory ran out, which without a limit takes that of the whole machine."""


def attempt(call: Callable[[], object]) -> bool:
    """Call, and say whether there was a value; one line of VillaniError is none.

    Raises:
        ManyLinesError: if the error has more than one line, or none.
        TooLargeError: if it was made of one of memory.
    """
    try:
        call()
    except VillaniError as e:
        if len(str(e).splitlines()) != 1:
            raise ManyLinesError(repr(str(e))) from e
        if _of_memory(e):
            raise TooLargeError(str(e)) from e
        return False
    return True


def _of_memory(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, MemoryError) or "allocate memory" in str(error) or "not enough memory" in str(error):
            return True
        # What an error was raised "from None" of is by its own word no cause.
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False


def finding(target: Target, data: bytes) -> Finding | None:
    """Return what is wrong with how an input is read, or None."""
    try:
        attempt(lambda: target.read(data))
    except KeyboardInterrupt:
        raise
    except BaseException as e:  # a Rust library panics with a BaseException
        return Finding(f"{type(e).__name__} {_place(e)}", "".join(traceback.format_exception(e))[-4000:])
    return None


def _place(error: BaseException) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(_ROOT / "villani_verify")]
    if not frames:
        return "outside"
    return f"{Path(frames[-1].filename).relative_to(_ROOT).as_posix()}:{frames[-1].lineno}"
