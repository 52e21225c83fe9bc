from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from dashboard.commits import Commits
from dashboard.history import read_history
from dashboard.nightly import read_nightly
from dashboard.page import Inputs, render_page
from dashboard.peers import read_peers
from dashboard.verdicts import read_verdicts


class _Numbers(HTMLParser):
    """Collects the machine-readable numbers of a page, and all its text."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, float] = {}
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        about = dict(attributes)
        if tag == "data":
            key = str(about["data-key"])
            assert key not in self.values, f"{key} is on the page twice"
            self.values[key] = float(str(about["value"]))

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(page: str) -> _Numbers:
    parser = _Numbers()
    parser.feed(page)
    parser.text = re.sub(r"\s+", " ", parser.text)
    return parser


@pytest.fixture
def commits(repository: Callable[..., list[str]], tmp_path: Path) -> Commits:
    repository("First")
    return Commits(tmp_path / "repository")


def test_missing_parts_are_said(bench: Any, commits: Commits, now: datetime) -> None:
    bench.run({bench.probe: {bench.tiny: 0.02}})
    page = parsed(render_page(Inputs(read_history(bench.folder), commits), now))
    for sentence in (
        "No benchmark has been run on a GPU yet.",
        "There is no nightly run yet.",
        "The first result: nothing to compare with yet.",
        "No series is long enough to say that there is none: that takes 8 results.",
        "No comparison with other packages has been measured yet.",
        "asv’s own pages, were not published beside this page",
        "Nothing is known to be wrong, but not everything is known: there is no nightly run;",
    ):
        assert sentence in page.text, sentence
    assert page.values["speed/now/here/cpu/gpt-neo-tiny/taylor/float32/quadratic forms"] == 50.0


def test_what_is_there_is_not_said_to_be_missing(
    bench: Any,
    commits: Commits,
    now: datetime,
    nightly_folder: Callable[..., Path],
    results_of: Any,
    comparison: Any,
    tmp_path: Path,
) -> None:
    cuda = ("gpt-neo-tiny", "taylor", "cuda")
    for night in range(8):
        bench.run({bench.probe: {bench.tiny: 0.02, cuda: 0.01}}, commit=f"{night}" * 40, days_ago=7 - night)
    folder = nightly_folder({"bowl": results_of()})
    (tmp_path / "peers").mkdir()
    (tmp_path / "peers" / "here.json").write_text(json.dumps(comparison))
    inputs = Inputs(
        read_history(bench.folder), commits, read_nightly(folder), read_verdicts(folder), read_peers(tmp_path / "peers"), True
    )
    page = parsed(render_page(inputs, now))
    for sentence in (
        "No GPU",
        "There is no nightly run",
        "nothing to compare",
        "long enough",
        "No comparison",
        "not published",
        "Needs",
    ):
        assert sentence not in page.text, sentence
    for sentence in (
        "All is well:",
        "here, GPU",
        "None found in 2 series. One would be named by chance on one page in 20 at most.",
        "Graphs of every benchmark",
        "no device",
    ):
        assert sentence in page.text, sentence
    assert page.values["verdicts/as_expected"] == page.values["verdicts/total"] == 5
    assert page.values["peers/ahead/here"] == 0.0456789123 / 0.0123456789
    assert page.values["nightly/seconds/properties"] == 512.25


def test_a_regression_names_its_commit(bench: Any, repository: Callable[..., list[str]], now: datetime, tmp_path: Path) -> None:
    hashes = repository("One", "Two", "Three", "Not measured", "Slow <b>down</b>", "Six", "Seven")
    for k, commit in enumerate(hashes):
        if k != 3:
            bench.run({bench.probe: {bench.tiny: 0.01 if k < 3 else 0.03}}, commit=commit, days_ago=len(hashes) - 1 - k)
    html = render_page(Inputs(read_history(bench.folder), Commits(tmp_path / "repository")), now)
    page = parsed(html)
    assert f"{hashes[4][:8]} Slow <b>down</b>" in page.text
    assert "<b>down" not in html
    assert f"or an earlier one of the 2 since {hashes[2][:8]} Three, which was measured last before it" in page.text
    key = f"here/HutchinsonTime, seconds per probe (gpt-neo-tiny, taylor, cpu, float32)/{hashes[4]}"
    assert page.values[f"regression/factor/{key}"] == 3.0
    assert (page.values[f"regression/before/{key}"], page.values[f"regression/after/{key}"]) == (0.01, 0.03)
    assert "one result only" not in page.text


def test_a_regression_right_after_the_commit_before_names_only_one(
    bench: Any, repository: Callable[..., list[str]], now: datetime, tmp_path: Path
) -> None:
    hashes = repository("One", "Two", "Three", "Four")
    for k, commit in enumerate(hashes):
        bench.run({bench.probe: {bench.tiny: 0.01 if k < 3 else 0.03}}, commit=commit, days_ago=len(hashes) - 1 - k)
    page = parsed(render_page(Inputs(read_history(bench.folder), Commits(tmp_path / "repository")), now))
    assert f"{hashes[3][:8]} Four" in page.text
    assert "or an earlier one" not in page.text
    assert "one result only: it may have been a busy machine" in page.text


def test_commits_of_another_repository_are_said_to_be_unknown(bench: Any, commits: Commits, now: datetime) -> None:
    for night, seconds in enumerate((1.0, 1.0, 2.0, 2.0)):
        bench.run({bench.probe: {bench.tiny: seconds}}, commit=f"{night}" * 40, days_ago=3 - night)
    page = parsed(render_page(Inputs(read_history(bench.folder), commits), now))
    assert "22222222 (not in this repository)" in page.text
    assert "or an earlier one since 11111111" in page.text


def test_failures_and_results_of_other_code_are_listed(bench: Any, commits: Commits, now: datetime) -> None:
    bench.run({bench.memory: {bench.tiny: 7.0}}, commit="1" * 40, days_ago=2, version="0")
    bench.run({bench.probe: {bench.tiny: 1.0}, bench.sample: {bench.tiny: None}}, commit="2" * 40)
    page = parsed(render_page(Inputs(read_history(bench.folder), commits), now))
    assert "HutchinsonTime, seconds per sample (gpt-neo-tiny, taylor, cpu, float32) on here, commit 22222222" in page.text
    assert (
        "1 older result of benchmarks whose code has changed since, or that are gone, cannot be compared and is left out"
        in page.text
    )


def test_unexpected_verdicts_are_listed_with_what_was_expected(
    bench: Any, commits: Commits, now: datetime, nightly_folder: Callable[..., Path], results_of: Callable[..., Any]
) -> None:
    bench.run({bench.probe: {bench.tiny: 1.0}})
    files = {
        "a": results_of("well", smoothness=("refuted", "supported", False), gaussian_tails=("refuted", None, False)),
        "b": results_of("bowl"),
        "c": results_of("cut-short") | {"interrupted": True},
    }
    folder = nightly_folder(files)
    page = parsed(render_page(Inputs(read_history(bench.folder), commits, read_nightly(folder), read_verdicts(folder)), now))
    assert "well: Smoothness is refuted; supported was expected" in page.text
    assert "well: Gaussian tails is refuted; anything but a refutation was expected" in page.text
    assert "cut-short: interrupted, so some criteria are missing" in page.text
    assert "bowl:" not in page.text
    assert (page.values["verdicts/unexpected/smoothness"], page.values["verdicts/refuted/smoothness"]) == (1, 1)
    assert (page.values["verdicts/supported/smoothness"], page.values["verdicts/unexpected/quadratic_growth"]) == (2, 0)


@pytest.mark.parametrize(("days", "stale"), [(2.9, False), (3.1, True)])
def test_without_a_script_the_page_warns_as_of_when_it_was_made(
    bench: Any, commits: Commits, now: datetime, days: float, stale: bool
) -> None:
    bench.run({bench.probe: {bench.tiny: 1.0}}, days_ago=9, measured=now - timedelta(days=days))
    page = render_page(Inputs(read_history(bench.folder), commits), now)
    assert ('class="stale"' in page) is stale
    (warning,) = re.findall(r'<p class="banner"[^>]*>', page)
    assert ("hidden" in warning) is not stale
    assert f"{'3' if stale else '2'} days old when this page was made" in page


def test_an_old_nightly_run_has_a_warning_of_its_own(
    bench: Any, commits: Commits, now: datetime, nightly_folder: Callable[..., Path]
) -> None:
    bench.run({bench.probe: {bench.tiny: 1.0}})
    run = read_nightly(nightly_folder(finished=(now - timedelta(days=4)).isoformat()))
    page = render_page(Inputs(read_history(bench.folder), commits, run), now)
    assert ["hidden" in w for w in re.findall(r'<p class="banner"[^>]*>', page)] == [True, False]
    assert 'class="stale"' in page


def test_the_same_inputs_give_the_same_bytes_and_no_address_of_a_server(bench: Any, commits: Commits, now: datetime) -> None:
    bench.run({bench.probe: {bench.tiny: 1.0}})
    inputs = Inputs(read_history(bench.folder), commits)
    page = render_page(inputs, now)
    assert page == render_page(inputs, now)
    assert not re.search(r"https?://|//[a-z]", re.sub(r"^\s*//.*$", "", page, flags=re.MULTILINE))
