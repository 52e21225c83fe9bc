from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from villani_verify.criteria.result import Status
from villani_verify.errors import OutputError, RequestError
from villani_verify.landscapes.zoo import zoo_entry
from villani_verify.report import write_report
from villani_verify.verification import verify

HOSTILE = "<script>alert(1)</script> $x_1$ & \"a\" 'b' ]]> \x01 {{ 7 * 6 }} <img src=http://x onerror=y>"
VOID = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """Collects tags, attributes and visible text, and checks that what is opened is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.text += " " if tag in ("th", "td", "dt", "dd") else ""

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text += data


def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def words(page: Page) -> str:
    return " ".join(page.text.split())


def test_report_has_page_results_and_figures(make_results, tmp_path):
    results = make_results()
    index = write_report(results, tmp_path / "out")
    assert index == tmp_path / "out" / "index.html"
    assert json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8")) == results
    found = sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file())
    figures = ["counterexample", "critical-temperature", "growth", "losses", "psi", "remainder", "tails"]
    assert found == [*(f"figures/{f}.svg" for f in figures), "index.html", "results.json"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]


def test_results_file_is_strict_json_with_indent_two(make_results, tmp_path):
    write_report(make_results(), tmp_path / "out")
    text = (tmp_path / "out" / "results.json").read_text(encoding="utf-8")
    assert text.startswith('{\n  "schema_version": 1,\n  "landscape"')
    assert "Ψ_s" in text

    def refuse(name: str) -> None:
        raise AssertionError(name)

    json.loads(text, parse_constant=refuse)


def test_page_says_what_matters_in_order(make_results, tmp_path):
    results = make_results(notes=["memory ran out: chunks of 4 instead of 8"], temperatures=[0.5, 2.0])
    text = words(read(write_report(results, tmp_path / "out")))
    wanted = [
        "a small network",
        "4 of 5 criteria supported; Villani’s condition itself is refuted",
        "Not as expected",
        "240,256",
        "0.1 on every tensor",
        "1.397",
        "0.5, 2",
        "ptb, valid split, 8 sequences",
        "Smoothness",
        "✓ supported",
        "A sentence about what was found.",
        "an exponent: 2.5, interval [2, ∞] (level 99 %)",
        "✗ refuted",
        "It never means proved",
        "Set a to zero and multiply b by r.",
        "villani-verify replay results.json --criterion differential_growth_uniform",
        "Ψ along random rays",
        "Critical temperature s* against radius",
        "Taylor remainder",
        "together",
        "forward" if results["engine"] == "forward-over-reverse" else "reverse",
        "torch 2.13.0",
        "2.0 GiB",
        "memory ran out: chunks of 4 instead of 8",
        "villani-verify verify --landscape gpt-neo-small --dataset ptb --split valid --sequences 8 --temperature 0.5",
    ]
    place = 0
    for part in wanted:
        found = text.find(part, place)
        assert found >= 0, f"{part!r} is not in the page after {text[max(0, place - 60) : place]!r}"
        place = found


@pytest.mark.parametrize("status", list(Status))
def test_every_status_is_shown_with_word_and_symbol(make_results, build, tmp_path, status):
    row = build.row(str(status), {"profiles": []}, build.bounded_witness() if status == "refuted" else None)
    page = read(write_report(make_results(criteria={"quadratic_growth": row}), tmp_path / "out"))
    symbol = {"supported": "✓", "refuted": "✗", "inconclusive": "?", "not_applicable": "–"}[status]
    cell = words(page).split("What was found Expected", 1)[1]
    assert f"{symbol} {status.replace('_', ' ')}" in cell.split("A sentence", 1)[0]
    assert ("span", "class", f"status {status}") in page.attributes


def test_hostile_text_is_escaped_everywhere(make_results, build, tmp_path):
    criteria = build.all_criteria()
    for row in criteria.values():
        row["summary"] = row["claim"] = row["statistic_name"] = HOSTILE
    uniform = criteria["differential_growth_uniform"]
    uniform["witness"]["sentence"] = HOSTILE
    for family in uniform["evidence"]["families"]:
        family["label"] = family["sentence"] = HOSTILE
    for entry in criteria["quadratic_growth"]["evidence"]["profiles"]:
        entry |= {"family": HOSTILE, "decayed": False}
    landscape = {"name": HOSTILE, "weight_decay": {HOSTILE: 0.1, "b": 0.0}}
    results = make_results(criteria=criteria, landscape=landscape, notes=[HOSTILE], environment={HOSTILE: HOSTILE})
    index = write_report(results, tmp_path / "out")
    page = read(index)
    assert page.tags["script"] == page.tags["img"] == 0
    assert not any(name.startswith("on") for _, name, _ in page.attributes)
    assert "<script>alert(1)</script> $x_1$" in page.text
    assert "{{ 7 * 6 }}" in page.text
    for svg in (tmp_path / "out" / "figures").iterdir():
        tags = {e.tag.split("}")[1] for e in ET.parse(svg).getroot().iter()}
        assert not tags & {"script", "img"}
    assert "<script>alert(1)" in "".join(ET.parse(tmp_path / "out" / "figures" / "growth.svg").getroot().itertext())


def test_half_a_surrogate_pair_in_a_name_does_not_stop_the_report(make_results, tmp_path):
    index = write_report(make_results(landscape={"name": "bad \ud800 name"}), tmp_path / "out")
    assert "bad " in index.read_text(encoding="utf-8")
    assert json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))["landscape"]["name"] == "bad \ud800 name"


def test_page_needs_nothing_from_outside(make_results, tmp_path):
    index = write_report(make_results(), tmp_path / "out")
    page = read(index)
    assert page.tags["script"] == page.tags["link"] == page.tags["img"] == page.tags["iframe"] == 0
    assert page.tags["svg"] == page.tags["figure"] == 7
    for tag, name, value in page.attributes:
        if name in ("src", "href", "xlink:href", "data", "action"):
            assert value.startswith("#"), (tag, name, value)
    html = index.read_text(encoding="utf-8")
    assert "@import" not in html
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", html))
    # Names of XML namespaces look like addresses and are none.
    assert set(re.findall(r'(\S*)="https?://', html)) <= {"xmlns", "xmlns:xlink"}


def test_identifiers_are_unique_in_the_page_and_every_reference_has_a_target(make_results, tmp_path):
    page = read(write_report(make_results(), tmp_path / "out"))
    ids = Counter(value for _, name, value in page.attributes if name == "id")
    assert max(ids.values()) == 1
    references = [value for _, name, value in page.attributes if name == "xlink:href"]
    references += [m for _, _, value in page.attributes for m in re.findall(r"url\((#[^)]*)\)", value)]
    assert references
    assert {r[1:] for r in references} <= set(ids)
    labelled = [i for _, name, value in page.attributes if name == "aria-labelledby" for i in value.split()]
    assert set(labelled) <= set(ids)


def test_same_results_give_the_same_bytes(make_results, tmp_path):
    for name in ("one", "two"):
        write_report(make_results(), tmp_path / name)
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file())
    assert len(files) == 9
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


def test_reading_the_results_file_back_gives_the_same_report(make_results, tmp_path):
    first = write_report(make_results(), tmp_path / "one")
    again = json.loads((tmp_path / "one" / "results.json").read_text(encoding="utf-8"))
    assert write_report(again, tmp_path / "two").read_bytes() == first.read_bytes()


@pytest.mark.parametrize(
    "kept", [(), ("smoothness",), ("gaussian_tails", "differential_growth_uniform"), ("differential_growth_rays",)]
)
def test_subsets_of_the_criteria(make_results, build, tmp_path, kept):
    criteria = {n: r for n, r in build.all_criteria().items() if n in kept}
    page = read(write_report(make_results(criteria=criteria), tmp_path / "out"))
    assert page.tags["tr"] >= len(kept)
    assert page.text.count("A sentence about what was found.") >= len(kept)


@pytest.mark.parametrize("status", ["supported", "inconclusive", "not_applicable"])
def test_empty_evidence_gives_a_report_without_figures(make_results, build, tmp_path, status):
    criteria = {n: build.row(status, {}, statistic=None, interval=None) for n in build.names}
    page = read(write_report(make_results(criteria=criteria), tmp_path / "out"))
    assert page.tags["figure"] == 0
    assert not (tmp_path / "out" / "figures").exists()


def test_empty_lists_in_the_evidence(make_results, build, tmp_path):
    empty = {"families": [], "profiles": [], "losses": [], "remainder": [], "mismatch": []}
    criteria = {n: build.row("inconclusive", empty) for n in build.names}
    criteria["differential_growth_uniform"]["evidence"] = {"families": [build.family("lost", [])]}
    assert read(write_report(make_results(criteria=criteria), tmp_path / "out")).tags["figure"] == 0


def test_landscape_made_in_python_is_replayed_in_python(make_results, tmp_path):
    text = words(read(write_report(make_results(landscape={"request": None}), tmp_path / "out")))
    assert "as given in Python" in text
    assert "print(replay(witness, landscape))" in text
    assert 'verify(landscape, budget="quick", seed=7, engine="reverse")' in text


def test_a_file_that_has_to_be_run_is_named_where_it_lies(make_results, tmp_path):
    text = words(read(write_report(make_results(landscape={"request": {"landscape": "my files/mine.py:make"}}), tmp_path / "out")))
    assert "with the path of my files/mine.py as it is from there; the file is run" in text
    assert "--criterion differential_growth_uniform --landscape 'my files/mine.py:make'" in text


def test_weight_decay_of_each_tensor_is_listed(make_results, tmp_path):
    decay = {f"layer.{i}": 0.1 for i in range(5)} | {"bias": 0.0}
    text = words(read(write_report(make_results(landscape={"weight_decay": decay}), tmp_path / "out")))
    assert "0.1 on 5 tensors; 0 on bias" in text
    assert "Weight decay of each tensor" in text


def test_notes_of_a_criterion_are_shown_with_its_name(make_results, build, tmp_path):
    criteria = build.all_criteria()
    criteria["smoothness"]["evidence"]["notes"] = ["an operation has no rule"]
    assert "Smoothness: an operation has no rule" in read(write_report(make_results(criteria=criteria), tmp_path / "out")).text


def test_report_of_a_real_verification(tmp_path):
    landscape = zoo_entry("linear-growth").make()
    results = verify(landscape, criteria=("smoothness", "quadratic_growth", "gaussian_tails")).as_dict()
    page = read(write_report(results, tmp_path / "out"))
    assert page.tags["figure"] == 3
    text = words(page)
    assert "1 of 3 criteria supported; refuted: quadratic growth and Gaussian tails." in text
    assert "As expected: every verdict is the one known beforehand" in text


def test_what_is_no_results_object_is_refused_on_one_line(make_results, tmp_path):
    complete = make_results()
    cases = [
        ([1, 2], "list is not a results object"),
        ({}, "schema_version None is not 1"),
        (complete | {"schema_version": 2}, "schema_version 2 is not 1"),
        ({k: v for k, v in complete.items() if k != "criteria"}, "there is no 'criteria'"),
        (complete | {"criteria": {"smoothness": {}}}, "give the results object of a verification, unchanged"),
        (complete | {"criteria": {"smoothness": None}}, "give the results object of a verification, unchanged"),
        (complete | {"seed": float("nan")}, "ValueError"),
    ]
    for results, message in cases:
        with pytest.raises(RequestError, match=re.escape(message)) as caught:
            write_report(results, tmp_path / "out")
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "out").exists()


def test_occupied_directory_is_refused_before_anything_is_drawn(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(OutputError, match="not empty"):
        write_report({}, tmp_path)
