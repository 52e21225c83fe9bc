"""Notes: warnings that belong in the results, because something went otherwise than asked."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


class Note(UserWarning):
    """Something went otherwise than asked, and the result says so; numbers keep their meaning."""


class Notes:
    """The notes that were made so far, each once."""

    def __init__(self, caught: list[warnings.WarningMessage]) -> None:
        self._caught = caught

    def texts(self) -> tuple[str, ...]:
        """Return them in the order in which they were first made."""
        return tuple(dict.fromkeys(str(w.message) for w in self._caught if issubclass(w.category, Note)))


@contextmanager
def collected_notes() -> Iterator[Notes]:
    """Keep the notes made inside; every other warning is passed on at the end."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", Note)
        yield Notes(caught)
    for warning in caught:
        if not issubclass(warning.category, Note):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
