from __future__ import annotations

import warnings

import pytest

from villani_verify.notes import Note, collected_notes


class _Special(Note):
    """A kind of note."""


def test_each_note_once_and_in_order() -> None:
    with collected_notes() as notes:
        assert notes.texts() == ()
        for text, kind in (("second thoughts", Note), ("smaller", _Special), ("second thoughts", Note)):
            warnings.warn(text, kind, stacklevel=1)
        assert notes.texts() == ("second thoughts", "smaller")
    assert notes.texts() == ("second thoughts", "smaller")


def test_other_warnings_pass() -> None:
    def both() -> tuple[str, ...]:
        with collected_notes() as notes:
            warnings.warn("overflow", RuntimeWarning, stacklevel=1)
            warnings.warn("kept", Note, stacklevel=1)
        return notes.texts()

    with pytest.warns(RuntimeWarning, match="overflow") as caught:
        assert both() == ("kept",)
    assert [w.category for w in caught] == [RuntimeWarning]
