"""Every number on the page is the one in the inputs, which are read here without the package."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser
WHAT = {"probe": "quadratic forms", "sample": "samples of the Laplacian", "bytes": "memory"}


def measured(results: Path) -> dict[tuple[str, ...], list[tuple[int, str, float | None]]]:
    """Machine, device, landscape, engine, dtype and what → (date, commit, seconds) in order, failures included."""
    series: dict[Any, list[Any]] = {}
    for path in results.glob("*/*-existing.json"):
        content = json.loads(path.read_text())
        for name, row in content["results"].items():
            about = dict(zip(content["result_columns"], row, strict=False))
            choices = [[v.strip("'") for v in values] for values in about["params"]]
            for (landscape, engine, device, dtype), value in zip(itertools.product(*choices), about["result"], strict=True):
                key = (content["params"]["machine"], device, landscape, engine, dtype, WHAT[name.rsplit("_", 1)[1]])
                series.setdefault(key, []).append((content["date"], content["commit_hash"], value))
    kept = {k: sorted((p for p in v if p[2] is None or p[2] == p[2]), key=lambda p: p[0]) for k, v in series.items()}
    return {k: v for k, v in kept.items() if v}


def expected(site: Any, now: Any) -> dict[str, float]:
    """All the numbers that the page should show."""
    numbers: dict[str, float] = {}
    series = measured(site.results)
    for (machine, device, landscape, engine, dtype, what), points in series.items():
        key = f"{machine}/{device}/{landscape}/{engine}/{dtype}/{what}"
        values = [p for p in points if p[2] is not None]
        if what == "memory":
            continue
        before = [p for p in values[:-1] if p[0] <= (now.timestamp() - 30 * 86400) * 1000][-1]
        numbers[f"speed/now/{key}"] = 1 / values[-1][2]
        numbers[f"speed/before/{key}"] = 1 / before[2]
        if (landscape, engine, what) == ("gpt-neo-small", "taylor", "quadratic forms"):
            numbers[f"speed/change/{key}"] = before[2] / values[-1][2]
        if values[-1][2] > values[0][2]:
            first = next(p for p in values if p[2] == values[-1][2])
            name = "seconds per probe" if what == "quadratic forms" else "seconds per sample"
            step = f"{machine}/HutchinsonTime, {name} ({landscape}, {engine}, {device}, {dtype})/{first[1]}"
            numbers |= {f"regression/before/{step}": values[0][2], f"regression/after/{step}": first[2]}
            numbers[f"regression/factor/{step}"] = first[2] / values[0][2]
    numbers["regressions/slower"] = sum(k.startswith("regression/factor/") for k in numbers)
    numbers["regressions/series"] = len(series)
    files = [json.loads(p.read_text())["criteria"] for p in (site.nightly / "verdicts").iterdir()]
    numbers["verdicts/total"] = sum(len(f) for f in files)
    numbers["verdicts/as_expected"] = sum(v["as_expected"] for f in files for v in f.values())
    for name in files[0]:
        for status in ("supported", "refuted", "inconclusive", "not_applicable"):
            numbers[f"verdicts/{status}/{name}"] = sum(f[name]["status"] == status for f in files)
        numbers[f"verdicts/unexpected/{name}"] = sum(not f[name]["as_expected"] for f in files)
    for part in json.loads((site.nightly / "nightly.json").read_text())["parts"]:
        numbers[f"nightly/seconds/{part['name']}"] = part["seconds"]
    comparison = json.loads((site.peers / "ci.json").read_text())
    table = comparison["table"]
    for name, row in comparison["traces"]["best"].items():
        numbers[f"peers/trace/ci/{name}"] = row["seconds_to_one_per_cent"]
        if row["gives_interval"]:
            numbers |= {f"peers/covered/ci/{name}": row["covered"], f"peers/runs/ci/{name}": row["num_runs"]}
    own = table["taylor"]["seconds_per_probe"]
    numbers["peers/ahead/ci"] = table["PyHessian"]["seconds_per_probe"] / own
    for name, row in table.items():
        for kind, entry in (("seconds", "seconds_per_probe"), ("memory", "peak_memory_bytes"), ("error", "relative_error")):
            if entry in row:
                numbers[f"peers/{kind}/ci/{name}"] = row[entry]
        if "seconds_per_probe" in row:
            numbers[f"peers/times/ci/{name}"] = row["seconds_per_probe"] / own
    return numbers


def test_every_number_is_the_one_in_the_inputs(site: Any, open_page: Callable[..., Any], now: Any) -> None:
    page = open_page(site.file)
    shown = page.eval_on_selector_all("data", "all => all.map(e => [e.dataset.key, e.value])")
    assert len(shown) > 50
    found = {key: float(value) for key, value in shown}
    assert len(found) == len(shown)
    wanted = expected(site, now)
    assert sorted(found) == sorted(wanted)
    assert found == pytest.approx(wanted, rel=1e-12)


def spoken(text: str) -> float:
    """Return the number that a person reads in such as "1.2 ms", "6 % slower than" or "8.8×10⁻⁶"."""
    plain = text.replace("\u00a0", " ").replace(",", "")
    plain = re.sub(r"×10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda m: "e" + m[1].translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")), plain)
    if plain == "as fast as":
        return 1.0
    number, _, unit = plain.partition(" ")
    scale = {"ms": 1e-3, "MB": 1e6, "GB": 1e9, "min": 60.0, "h": 3600.0}.get(unit, 1.0)
    if unit.startswith("% "):
        return 1 + float(number) / (100 if "faster" in unit else -100)
    return float(number) * scale


def test_a_reader_sees_the_same_number_rounded(site: Any, open_page: Callable[..., Any]) -> None:
    page = open_page(site.file)
    shown = page.eval_on_selector_all("data", "all => all.map(e => [e.value, e.textContent])")
    for value, text in shown:
        # Two digits at least, and whole minutes.
        assert spoken(text) == pytest.approx(float(value), rel=0.06), text


def test_no_number_in_a_table_of_numbers_is_without_its_exact_value(site: Any, open_page: Callable[..., Any]) -> None:
    page = open_page(site.file)
    # Names of engines and machines have no digits here, and landscapes are headers.
    bare = page.eval_on_selector_all(
        ".numbers td:not(.name), .grid td, .big",
        """all => all.flatMap(cell => {
          const copy = cell.cloneNode(true);
          copy.querySelectorAll("data, time").forEach(e => e.remove());
          return /[0-9]/.test(copy.textContent) ? [cell.textContent] : [];
        })""",
    )
    assert bare == []


def test_every_verdict_is_the_one_in_the_inputs(site: Any, open_page: Callable[..., Any]) -> None:
    page = open_page(site.file)
    shown = page.eval_on_selector_all(
        "[data-verdict]",
        "all => all.map(e => [e.dataset.verdict, e.dataset.status, e.textContent, e.classList.contains('unexpected')])",
    )
    found = {name: (status, unexpected) for name, status, _, unexpected in shown}
    files = [json.loads(p.read_text()) for p in (site.nightly / "verdicts").iterdir()]
    assert found == {
        f"{f['landscape']['name']}/{name}": (v["status"], not v["as_expected"]) for f in files for name, v in f["criteria"].items()
    }
    for _, status, text, unexpected in shown:
        assert status.replace("_", " ") in text
        assert ("!" in text) is ("not as expected" in text) is unexpected
