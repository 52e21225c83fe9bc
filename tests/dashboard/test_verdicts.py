from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dashboard.verdicts import Verdict, count_as_expected, read_verdicts
from villani_verify.criteria import CRITERION_NAMES
from villani_verify.errors import RequestError


def test_real_results_come_back(nightly_folder: Callable[..., Path], results_of: Callable[..., Any]) -> None:
    real = results_of()
    (row,) = read_verdicts(nightly_folder({"bowl": real}))
    assert (row.landscape, row.dimension, row.interrupted, row.as_expected) == ("bowl", 2, False, True)
    assert tuple(row.verdicts) == CRITERION_NAMES
    for name, verdict in row.verdicts.items():
        found = real["criteria"][name]
        assert verdict == Verdict(found["status"], found["expected"], found["as_expected"])


def test_what_is_not_as_expected_comes_first(nightly_folder: Callable[..., Path], results_of: Callable[..., Any]) -> None:
    rows = read_verdicts(
        nightly_folder({
            "a": results_of("a", smoothness=("refuted", "refuted", True)),
            "b": results_of("b", smoothness=("refuted", "supported", False)),
            "c": results_of("c") | {"interrupted": True},
        })
    )  # fmt: skip
    assert [(r.landscape, r.as_expected) for r in rows] == [("b", False), ("c", False), ("a", True)]
    assert count_as_expected(rows) == (14, 15)


def test_no_files_are_no_rows(nightly_folder: Callable[..., Path], tmp_path: Path) -> None:
    assert read_verdicts(nightly_folder()) == ()
    assert read_verdicts(tmp_path) == ()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda r: r.update(schema_version=0), "schema_version: 1 is needed, and 0 is there"),
        (
            lambda r: r["criteria"].update(roundness=r["criteria"]["smoothness"]),
            r"criteria\.roundness: the criteria are smoothness",
        ),
        (lambda r: r["criteria"]["smoothness"].update(status="proved"), r"criteria\.smoothness\.status: one of supported"),
        (lambda r: r["criteria"]["smoothness"].update(expected="proved"), r"criteria\.smoothness\.expected: one of supported"),
        (lambda r: r["criteria"]["smoothness"].pop("as_expected"), r"criteria\.smoothness\.as_expected: true or false"),
        (lambda r: r["landscape"].pop("name"), r"landscape\.name: text"),
        (lambda r: r.pop("criteria"), "criteria: an object"),
    ],
)
def test_a_wrong_file_is_an_error(
    nightly_folder: Callable[..., Path], results_of: Callable[..., Any], spoil: Callable[[Any], object], message: str
) -> None:
    results = results_of()
    spoil(results)
    with pytest.raises(RequestError, match=rf"wrong\.json', {message}"):
        read_verdicts(nightly_folder({"wrong": results}))
