from __future__ import annotations

import pytest

from villani_verify import errors
from villani_verify.errors import LandscapeError, VillaniError, one_line, visible

CLASSES = [errors.RequestError, errors.TextError, errors.ModelError, LandscapeError, errors.DeviceError, errors.OutputError]


@pytest.mark.parametrize("kind", CLASSES)
def test_one_tree(kind: type[Exception]) -> None:
    assert issubclass(kind, VillaniError)
    # No builtin class such as ValueError among the bases: a bug must not look like a foreseen error.
    assert kind.__mro__[1:] == (VillaniError, Exception, BaseException, object)


def test_no_class_is_left_out() -> None:
    defined = {c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, VillaniError)}
    assert defined == {VillaniError, *CLASSES}


def test_one_line_joins_lines_and_blanks() -> None:
    assert one_line(LandscapeError("first\n  second\t third ")) == "first second third"


def test_one_line_of_an_error_without_a_message_is_its_class() -> None:
    assert one_line(ZeroDivisionError()) == "ZeroDivisionError"
    assert one_line(ValueError(" \n")) == "ValueError"


@pytest.mark.parametrize(("length", "shown"), [(20, "a" * 20), (21, "a" * 19 + "…")])
def test_one_line_is_cut_at_the_limit(length: int, shown: str) -> None:
    assert one_line(ValueError("a" * length), limit=20) == shown


def test_a_message_does_not_steer_the_terminal_and_can_be_written():
    assert one_line(ValueError("a\x1b]0;b\x07 c\x85d \ud800 θ")) == "a\\x1b]0;b\\x07 c d \\ud800 θ"
    assert visible("a\n\tb") == "a\n\tb"
