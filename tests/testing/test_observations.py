from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from villani_verify.search.families import Ray, Scaling
from villani_verify.testing.observations import aim_for_ratio, aim_high, observe, observe_decade, observe_family
from villani_verify.testing.statistics import PropertyRun, collecting


def statistics_of(body, *, strategy=None, max_examples: int = 1) -> PropertyRun:
    """Run a property of one integer, and return what it observed."""
    kept: list[PropertyRun] = []

    @settings(max_examples=max_examples, database=None, derandomize=True, deadline=None)
    @given(st.just(0) if strategy is None else strategy)
    def observed(n: int) -> None:
        body(n)

    with collecting(kept.append, lambda text: None):
        observed()
    (run,) = kept
    return run


@pytest.mark.parametrize(
    ("family", "event"),
    [
        (Ray("isotropic", 5, 0), "family: isotropic ray from the origin"),
        (Ray("tensor", 5, 0, "initial", "theta"), "family: tensor ray from the reference point"),
        (Scaling({"a": 1}, ("b", "c")), "family: scaling with 2 zeroed"),
    ],
)
def test_families_are_counted_by_their_sort(family, event: str) -> None:
    assert statistics_of(lambda n: observe_family(family)).events == {event: 100.0}


@pytest.mark.parametrize(
    ("number", "event"),
    [
        (10.0, "r: 10^1 to 10^2"),
        (10 ** (48 / 16), "r: 10^3 to 10^4"),
        (1e-4, "r: 10^-4 to 10^-3"),
        (9.99, "r: 10^0 to 10^1"),
        (-20.0, "r: -10^1 to 10^2"),
        (0.0, "r: 0"),
        (math.inf, "r: inf"),
        (math.nan, "r: nan"),
    ],
)
def test_numbers_are_counted_by_their_decade(number: float, event: str) -> None:
    assert statistics_of(lambda n: observe_decade("r", number)).events == {event: 100.0}


def test_targets_keep_the_largest() -> None:
    seen: list[int] = []

    def body(n: int) -> None:
        seen.append(n)
        aim_high(n, "n")

    run = statistics_of(body, strategy=st.integers(0, 10**6), max_examples=50)
    assert len(seen) == 50
    assert run.best_targets == {"n": max(seen)}


@pytest.mark.parametrize(("pair", "target"), [((100.0, -1.0), 2.0), ((1e300, 1e-300), 600.0)])
def test_ratios_are_aimed_for_on_a_logarithmic_scale(pair: tuple[float, float], target: float) -> None:
    assert statistics_of(lambda n: aim_for_ratio(*pair, "ratio")).best_targets == {"ratio": pytest.approx(target)}


@pytest.mark.parametrize("pair", [(0.0, 1.0), (1.0, 0.0), (math.nan, 1.0), (1.0, math.inf)])
def test_what_is_not_finite_leads_nowhere(pair: tuple[float, float]) -> None:
    assert statistics_of(lambda n: aim_for_ratio(*pair, "ratio")).best_targets == {}
    assert statistics_of(lambda n: aim_high(math.inf, "n")).best_targets == {}


def test_outside_a_property_nothing_happens() -> None:
    observe("a", "b")
    observe_family(Ray("isotropic", 5, 0))
    aim_high(1.0, "n")
