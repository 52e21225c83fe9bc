from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dashboard.reading import Entries, check_folder, read_object
from villani_verify.errors import RequestError

VALUES = {
    "text": "words", "number": 2, "flag": True, "nothing": None, "negative": -1.0, "endless": float("inf"), "list": [{"a": 1}, 3],
    "time": "2026-01-31T05:05:06+01:00", "naive": "2026-01-31T05:05:06", "object": {"inside": [{"deep": 5}]},
}  # fmt: skip


@pytest.fixture
def entries() -> Entries:
    return Entries(Path("file.json"), VALUES)


def test_entries_come_back_as_their_kind(entries: Entries) -> None:
    assert entries.get("text", str) == "words"
    assert entries.get("flag", bool) is True
    assert entries.number("number") == 2.0
    assert entries.choice("text", ("other", "words")) == "words"
    assert entries.time("time") == datetime(2026, 1, 31, 4, 5, 6, tzinfo=UTC)
    assert entries.inner("object").listed("inside")[0].number("deep") == 5


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda e: e.get("missing", str), "missing: text is needed, and nothing is there"),
        (lambda e: e.get("nothing", dict), "nothing: an object is needed, and nothing is there"),
        (lambda e: e.get("number", str), "number: text is needed, and 2 is there"),
        (lambda e: e.choice("text", ("this", "that")), "text: one of this, that is needed, and 'words' is there"),
        (lambda e: e.number("text"), "text: a finite number from 0 up is needed, and 'words' is there"),
        (lambda e: e.number("flag"), "flag: a finite number"),
        (lambda e: e.number("negative"), "negative: a finite number"),
        (lambda e: e.number("endless"), "endless: a finite number"),
        (lambda e: e.number("missing"), "missing: a finite number from 0 up is needed, and None is there"),
        (lambda e: e.time("text"), "text: a time such as 2026-01-31T04:05:06"),
        (lambda e: e.time("naive"), "naive: a time such as"),
        (lambda e: e.listed("list"), "list: a list of objects is needed"),
        (lambda e: e.inner("object").listed("inside")[0].get("deep", str), r"object\.inside\[0\]\.deep: text is needed"),
    ],
)
def test_a_wrong_entry_is_named_with_the_file_and_a_remedy(entries: Entries, ask: Any, message: str) -> None:
    with pytest.raises(RequestError, match=f"'file.json', {message}.*; write the file again or remove it"):
        ask(entries)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[1]", "is not an object"),
        (b"{}", "schema_version: 1 is needed, and None"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "some.json"
    path.write_bytes(content)
    with pytest.raises(RequestError, match=rf"some\.json'.*{message}"):
        read_object(path, version=1)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"none\.json': cannot be read \(No such file or directory\)"):
        read_object(tmp_path / "none.json")
    with pytest.raises(RequestError, match=r"--peers '.*nowhere': there is no such folder"):
        check_folder(tmp_path / "nowhere", "--peers")
