from __future__ import annotations

import pytest

from villani_verify.errors import OutputError
from villani_verify.journal import Journal


def test_lines_are_there_again(tmp_path) -> None:
    path = tmp_path / "lines.jsonl"
    first = Journal(path)
    assert first.lines == []
    first.append({"name": "Ψ", "n": 1})
    first.append({"n": 2})
    assert Journal(path).lines == first.lines == [{"name": "Ψ", "n": 1}, {"n": 2}]


def test_a_line_that_was_cut_off_is_taken_away(tmp_path) -> None:
    path = tmp_path / "lines.jsonl"
    Journal(path).append({"n": 1})
    with path.open("ab") as file:
        file.write('{"name": "Ψ'.encode()[:-1])  # in the middle of a character
    journal = Journal(path)
    assert journal.lines == [{"n": 1}]
    journal.append({"n": 2})
    assert Journal(path).lines == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("text", ["no JSON\n", "[1]\n", "{}\n\n"])
def test_what_is_no_journal_is_refused_and_left_alone(tmp_path, text: str) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text(text)
    with pytest.raises(OutputError, match="give another directory"):
        Journal(path)
    assert path.read_text() == text


def test_a_place_that_cannot_be_written(tmp_path) -> None:
    journal = Journal(tmp_path / "missing" / "lines.jsonl")
    with pytest.raises(OutputError, match="cannot be written"):
        journal.append({})
