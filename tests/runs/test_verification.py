from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from villani_verify import Landscape, verify
from villani_verify.criteria import CRITERION_NAMES
from villani_verify.environment import describe_environment
from villani_verify.landscapes.request import LandscapeRequest
from villani_verify.runs import campaign
from villani_verify.runs.coordinator import Computing
from villani_verify.runs.executors.serial import serial_pool
from villani_verify.runs.landscapes import kept
from villani_verify.runs.store import Result
from villani_verify.runs.verification import results_of, settings_of, units_of

NAMES = CRITERION_NAMES[:3]
PLAN: dict[str, Any] = {
    "criteria": NAMES, "budget": "quick", "seed": 3, "engine": "auto", "temperatures": (0.5,), "expect": {"smoothness": "supported"}
}  # fmt: skip


@pytest.fixture(scope="module")
def landscape() -> Landscape:
    return LandscapeRequest(landscape="gpt-neo-tiny", weight_decay=0.05, no_decay=("*.bias",)).load()


@pytest.fixture
def finished(landscape: Landscape, tmp_path: Path) -> tuple[dict[str, Any], list[Result]]:
    with kept(landscape, tmp_path) as digest, campaign.held(tmp_path):
        settings = settings_of(landscape, digest, **PLAN, threads=1)
        with campaign.begin(tmp_path, settings, units_of(settings), resume=False) as store:
            campaign.compute(store, serial_pool(), Computing(), lambda message, done, total: None)
            return settings, list(store.results())


def without_seconds(results: dict[str, Any]) -> dict[str, Any]:
    rows = {name: row | {"cost": row["cost"] | {"seconds": 0}} for name, row in results["criteria"].items()}
    return results | {"criteria": rows}


def test_units_give_the_results_of_a_verification_in_one_piece(
    landscape: Landscape, finished: tuple[dict[str, Any], list[Result]]
) -> None:
    settings, results = finished
    whole = results_of(settings, results, describe_environment(landscape.device))
    assert whole is not None
    assert whole["interrupted"] is False
    assert all(row["cost"]["seconds"] > 0 for row in whole["criteria"].values())
    at_once = verify(landscape, **PLAN).as_dict()
    assert without_seconds(whole) == without_seconds(at_once)
    assert list(whole["criteria"]) == list(NAMES)


def test_what_is_missing_is_noted(landscape: Landscape, finished: tuple[dict[str, Any], list[Result]]) -> None:
    settings, results = finished
    part = results_of(settings, results[:1], {})
    assert part is not None
    assert part["interrupted"] is True
    assert part["notes"] == ["interrupted: quadratic_growth, gaussian_tails not checked"]
    assert list(part["criteria"]) == ["smoothness"]
    assert results_of(settings, [], {}) is None


def test_a_verdict_that_is_not_as_expected_counts_wherever_it_stands(finished: tuple[dict[str, Any], list[Result]]) -> None:
    settings, results = finished
    for i in range(len(results)):
        wrong = [
            Result(r.number, r.unit, r.value | {"verdict_as_expected": k != i}, r.seconds, r.worker) for k, r in enumerate(results)
        ]
        whole = results_of(settings, wrong, {})
        assert whole is not None
        assert whole["verdict_as_expected"] is False


@pytest.mark.parametrize(
    "change",
    [{"seed": 4}, {"budget": "standard"}, {"temperatures": ()}, {"expect": {"smoothness": "refuted"}}, {"engine": "reverse"}],
    ids=lambda change: next(iter(change)),
)
def test_every_setting_makes_other_units(landscape: Landscape, change: dict[str, Any]) -> None:
    units = [u.key for u in units_of(settings_of(landscape, "d", **PLAN, threads=1))]
    others = [u.key for u in units_of(settings_of(landscape, "d", **(PLAN | change), threads=1))]
    assert not set(units) & set(others)


def test_the_number_of_threads_is_a_setting(landscape: Landscape) -> None:
    assert settings_of(landscape, "d", **PLAN, threads=1) != settings_of(landscape, "d", **PLAN, threads=2)
