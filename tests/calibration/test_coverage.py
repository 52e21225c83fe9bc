"""With few replications: what the cases say, and that the counting sees what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from villani_verify.calibration.case import HIGHEST, LOWEST, Asked, Case
from villani_verify.calibration.cases import CASES
from villani_verify.calibration.coverage import ENOUGH, Coverage, measure
from villani_verify.estimation.student_t import student_t_quantile

SLOW = ("gpt-neo-tiny", "to-0.05", "to-0.1", "growth-own", "growth-bent", "tails-criterion")


def of_normals(factor: float) -> Case:
    """Student-t intervals of ten normal numbers, too wide or too narrow by a factor."""

    def make() -> Callable[[int], bool]:
        def replication(seed: int) -> bool:
            x = np.random.default_rng(seed).standard_normal(10)
            return bool(abs(x.mean()) <= factor * student_t_quantile(0.975, 9) * x.std(ddof=1) / 10**0.5)

        return replication

    return Case("normal", "mean", "ten normal numbers", make)


def counted(covered: int, replications: int, asked: Asked = Asked.BOTH) -> Coverage:
    return Coverage(replace(of_normals(1.0), asked=asked), replications, covered, 0, 0.0)


def test_exact_intervals_cover_as_they_say() -> None:
    # At N = 10,000 and 95 % the fraction has deviation 0.22 %; ± 5 of these: error probability 6e-7.
    assert measure(of_normals(1.0), replications=10_000, seed=1).fraction == pytest.approx(0.95, abs=0.011)


@pytest.mark.parametrize(("factor", "within"), [(0.7, "below"), (1.5, "above")])
def test_wrong_intervals_are_seen(factor: float, within: str) -> None:
    # They cover 86 and 99.2 %, so 1,000 replications are 6 deviations or more away from the limits.
    found = measure(of_normals(factor), replications=1000, seed=2)
    assert found.within == within
    assert not found.met


def test_the_same_seed_gives_the_same_count_and_another_one_another() -> None:
    case = of_normals(0.8)
    counts = [measure(case, replications=500, seed=s).covered for s in (1, 1, 2)]
    assert counts[0] == counts[1] != counts[2]


@pytest.mark.parametrize(
    ("covered", "replications", "asked", "met"),
    [
        (9300, ENOUGH, Asked.BOTH, True),
        (9299, ENOUGH, Asked.BOTH, False),
        (9701, ENOUGH, Asked.BOTH, False),
        (9701, ENOUGH, Asked.AT_LEAST, True),
        (9299, ENOUGH, Asked.AT_LEAST, False),
        (5000, ENOUGH, Asked.NOTHING, True),
        (92, 100, Asked.BOTH, True),
        # Its 95 % interval ends at 92.9 %: among sixty intervals a night that is no alarm.
        (87, 100, Asked.BOTH, True),
        (80, 100, Asked.BOTH, False),
        (100, 100, Asked.BOTH, True),
        (1000, 1000, Asked.BOTH, False),
        (1000, 1000, Asked.AT_LEAST, True),
    ],
)
def test_what_is_met(covered: int, replications: int, asked: Asked, met: bool) -> None:
    assert counted(covered, replications, asked).met is met


def test_a_line_comes_back_as_it_was() -> None:
    found = counted(94, 100)
    assert Coverage.of_line(found.case, found.as_dict()) == found
    assert found.as_dict()["interval"][0] < 0.94 < found.as_dict()["interval"][1]


def test_every_case_has_a_name_of_its_own_and_a_reason_where_less_is_asked() -> None:
    for case in CASES.values():
        assert bool(case.why) == (case.asked is not Asked.BOTH), case.name
        assert case.name == case.name.lower()
        assert case.what


def test_every_estimator_is_there() -> None:
    estimators = {case.estimator for case in CASES.values()}
    assert len(estimators) == 9
    names = " ".join(CASES)
    for part in ("hutchinson-10", "hutchinson-16", "hutchinson-64", "hutchpp", "two-level", "psi", "critical", "growth", "tails"):
        assert part in names


@pytest.mark.parametrize("name", [n for n in CASES if not any(part in n for part in SLOW)])
def test_no_case_is_far_from_what_is_asked(name: str) -> None:
    # 60 replications: at a coverage of 93 % fewer than 45 have probability 3e-6 for each case, 1e-4 for all of them.
    case = CASES[name]
    found = measure(case, replications=60, seed=3)
    assert found.covered >= (45 if case.asked is not Asked.NOTHING else 30), f"{name}: {found.covered} of 60"


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in CASES if any(part in n for part in SLOW)])
def test_no_slow_case_is_far_from_what_is_asked(name: str) -> None:
    found = measure(CASES[name], replications=60, seed=3)
    assert found.covered >= (45 if CASES[name].asked is not Asked.NOTHING else 30), f"{name}: {found.covered} of 60"


def test_a_broken_estimator_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    # Normal quantiles in place of Student's at n = 10 cover 92 %; half the interval 72 %.
    from villani_verify.estimation import mean_interval

    monkeypatch.setattr(mean_interval, "student_t_quantile", lambda p, nu: 0.5 * student_t_quantile(p, nu))
    found = measure(CASES["hutchinson-10-light"], replications=400, seed=4)
    assert not found.met
    assert found.fraction < LOWEST < HIGHEST
