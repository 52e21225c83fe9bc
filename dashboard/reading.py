"""JSON that somebody else wrote: what is missing or of another kind is an error that names the file and the remedy."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from villani_verify.errors import RequestError

T = TypeVar("T")
_KINDS: Mapping[type, str] = {str: "text", bool: "true or false", dict: "an object", list: "a list"}


class Entries:
    """An object of a JSON file, of which each entry is asked for by name and kind.

    Args:
        path: the file, for messages.
        values: the object.
        place: how to get to the object in the file, for messages; empty for the file's outermost one.
    """

    def __init__(self, path: Path, values: Mapping[str, Any], place: str = "") -> None:
        self.path, self.values, self.place = path, values, place

    def get(self, name: str, kind: type[T]) -> T:
        """Return the entry `name`.

        Raises:
            RequestError: if there is none, or it is not of this kind.
        """
        found = self.values.get(name)
        if not isinstance(found, kind):
            raise self.error(name, f"{_KINDS[kind]} is needed, and {'nothing' if found is None else repr(found)[:40]} is there")
        return found

    def choice(self, name: str, choices: Collection[str]) -> str:
        """Return a text that is one of few.

        Raises:
            RequestError: if it is none of them.
        """
        found = self.get(name, str)
        if found not in choices:
            raise self.error(name, f"one of {', '.join(choices)} is needed, and {found[:40]!r} is there")
        return found

    def number(self, name: str) -> float:
        """Return a finite number, at least 0.

        Raises:
            RequestError: if there is none.
        """
        found = self.values.get(name)
        if isinstance(found, bool) or not isinstance(found, int | float) or not (math.isfinite(found) and found >= 0):
            raise self.error(name, f"a finite number from 0 up is needed, and {repr(found)[:40]} is there")
        return float(found)

    def time(self, name: str) -> datetime:
        """Return an instant, written as ISO 8601 with its offset from UTC.

        Raises:
            RequestError: if there is none.
        """
        text = self.get(name, str)
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            found = datetime.min
        if found.tzinfo is None:
            raise self.error(name, f"a time such as 2026-01-31T04:05:06+00:00 is needed, and {text[:40]!r} is there")
        return found.astimezone(UTC)

    def inner(self, name: str) -> Entries:
        """Return the object that is the entry `name`.

        Raises:
            RequestError: if there is none.
        """
        return Entries(self.path, self.get(name, dict), self._place(name))

    def listed(self, name: str) -> list[Entries]:
        """Return the objects of the list that is the entry `name`.

        Raises:
            RequestError: if it is no list of objects.
        """
        found = self.get(name, list)
        if not all(isinstance(v, dict) for v in found):
            raise self.error(name, "a list of objects is needed")
        return [Entries(self.path, v, f"{self._place(name)}[{index}]") for index, v in enumerate(found)]

    def error(self, name: str, why: str) -> RequestError:
        """Return the error of an entry that can not be used."""
        return RequestError(f"{str(self.path)!r}, {self._place(name)}: {why}; write the file again or remove it")

    def _place(self, name: str) -> str:
        return f"{self.place}.{name}" if self.place else name


def read_object(path: Path, *, version: int | None = None) -> Entries:
    """Return the object that a JSON file holds.

    Args:
        path: of the file.
        version: what its `schema_version` must be; None where the format has none.

    Raises:
        RequestError: if it cannot be read, is not one object, or is of another version.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise RequestError(f"{str(path)!r}: cannot be read ({e.strerror}); give another folder, or mend its rights") from e
    except ValueError as e:
        raise RequestError(f"{str(path)!r}: is not JSON ({e}); write the file again or remove it") from e
    if not isinstance(values, dict):
        raise RequestError(f"{str(path)!r}: is not an object of JSON; write the file again or remove it")
    found = Entries(path, values)
    if version is not None and values.get("schema_version") != version:
        raise found.error("schema_version", f"{version} is needed, and {values.get('schema_version')!r} is there")
    return found


def check_folder(folder: Path, option: str) -> None:
    """Check that a folder is there.

    Raises:
        RequestError: if it is not.
    """
    if not folder.is_dir():
        raise RequestError(f"{option} {str(folder)!r}: there is no such folder; correct the path, or leave the option out")
