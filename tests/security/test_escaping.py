"""Whatever a results file says is shown as text: in the page of a report, and on a terminal.

`tests/report/test_render.py` has hostile text in the results of a verification; here it comes by a file, at each place in turn.
"""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from fuzz.targets.results import seeds
from villani_verify.cli import main

HOSTILE = '"\'><script>alert(1)</script><img src=x onerror=alert(1)><a href="javascript:alert(1)">{{ 7*6 }}</style>\x1b]0;title\x07'


class Tags(HTMLParser):
    """Collects tags and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Iterate over (holder, key) of each text, and each object whose names can be anything."""
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        if isinstance(inner, dict | list):
            yield from places(inner)
        elif isinstance(inner, str):
            yield value, key


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(seeds()[0])
    return found


def page_of(results: dict[str, Any], place: Path) -> str | None:
    (place / "results.json").write_text(json.dumps(results), encoding="utf-8")
    status = main(["report", str(place / "results.json"), "--out", str(place / "out")])
    if status == 2:
        assert not (place / "out").exists()
        return None
    page = (place / "out" / "index.html").read_text(encoding="utf-8")
    shutil.rmtree(place / "out")
    return page


def harmless(page: str, plain: Tags) -> None:
    tags = Tags(page)
    assert tags.tags <= plain.tags
    assert "script" not in tags.tags
    for name, value in tags.attributes:
        assert not name.startswith("on"), name
        assert not (name in ("href", "src") and "javascript" in value), value


def test_each_text_of_a_results_file(results: dict[str, Any], tmp_path: Path) -> None:
    plain = page_of(results, tmp_path)
    assert plain is not None
    allowed, shown, tried = Tags(plain), 0, 0
    for number, _ in enumerate(list(places(results))):
        changed = copy.deepcopy(results)
        holder, key = list(places(changed))[number]
        holder[key] = HOSTILE
        page = page_of(changed, tmp_path)
        tried += 1
        if page is not None:
            harmless(page, allowed)
            shown += "&lt;script&gt;" in page
    assert tried > 40
    assert shown > 10


def test_names_in_a_results_file(results: dict[str, Any], tmp_path: Path) -> None:
    plain = page_of(results, tmp_path)
    assert plain is not None
    changed = copy.deepcopy(results)
    changed["environment"] = {HOSTILE: {HOSTILE: HOSTILE}}
    changed["landscape"]["weight_decay"] = {HOSTILE: 0.1, "b": 0.0}
    changed["landscape"]["name"] = HOSTILE
    page = page_of(changed, tmp_path)
    assert page is not None
    harmless(page, Tags(plain))
    assert "&lt;script&gt;" in page


def test_a_witness_does_not_steer_the_terminal(results: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    witness = copy.deepcopy(results["criteria"]["quadratic_growth"]["witness"])
    witness["sentence"] = witness["criterion"] = HOSTILE
    (tmp_path / "witness.json").write_text(json.dumps(witness), encoding="utf-8")
    assert main(["replay", str(tmp_path / "witness.json"), "--landscape", "heavy-tails"]) in (0, 1)
    said = capsys.readouterr()
    assert "alert(1)" in said.out
    assert "\x1b" not in said.out + said.err


def test_an_error_does_not_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "results.json").write_text(json.dumps({"schema_version": 1, "landscape": {}, "criteria": {HOSTILE: {}}}))
    assert main(["report", str(tmp_path / "results.json"), "--out", str(tmp_path / "out")]) == 2
    assert main(["psi", "--landscape", "\x1b]0;title\x07"]) == 2
    assert "\x1b" not in capsys.readouterr().err
