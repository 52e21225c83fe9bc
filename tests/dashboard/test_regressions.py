from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from dashboard.history import History, Series
from dashboard.regressions import find_regressions

NOISE = (0.0, 0.004, -0.003, 0.002, -0.004, 0.003, 0.001, -0.002)


def history(*series: Series) -> History:
    return History(series, {}, 0)


def noisy(level: float, number: int) -> list[float]:
    return [level * (1 + NOISE[k % len(NOISE)]) for k in range(number)]


def test_a_step_is_found_between_the_commits_where_it_lies(series: Callable[..., Series]) -> None:
    made = series(*noisy(1.0, 8), *noisy(1.5, 6))
    found = find_regressions(history(made))
    (step,) = found.found
    assert (step.before, step.after) == (made.points[7], made.points[8])
    assert step.factor == pytest.approx(1.5, rel=0.01)
    assert step.value_before == pytest.approx(1.0, rel=0.01)
    assert (step.num_after, step.confirmed) == (6, True)
    assert (found.num_series, found.num_short) == (1, 0)


@pytest.mark.parametrize(
    "values",
    [
        noisy(1.0, 14), [*noisy(1.5, 7), *noisy(1.0, 7)],
        [*noisy(1.0, 6), *noisy(1.5, 4), *noisy(1.0, 6)], [*noisy(1.0, 7), *noisy(1.04, 7)],
    ],
    ids=["steady", "faster", "slower for a while", "smaller than the threshold"],
)  # fmt: skip
def test_what_is_no_regression(series: Callable[..., Series], values: list[float]) -> None:
    assert find_regressions(history(series(*values))).found == ()


def test_a_single_slow_result_is_not_confirmed(series: Callable[..., Series]) -> None:
    found = find_regressions(history(series(*noisy(1.0, 8), 1.5)))
    (step,) = found.found
    assert not step.confirmed
    assert (found.num_slower, found.num_possible) == (0, 1)
    again = find_regressions(history(series(*noisy(1.0, 8), 1.5, 1.502)))
    assert (again.num_slower, again.num_possible) == (1, 0)


def test_failures_do_not_shift_the_commits(series: Callable[..., Series]) -> None:
    made = series(*noisy(1.0, 3), None, *noisy(1.0, 3), None, *noisy(2.0, 3), None)
    (step,) = find_regressions(history(made)).found
    assert (step.before, step.after) == (made.points[6], made.points[8])
    assert step.num_after == 3


def test_short_series_are_counted_and_not_judged(series: Callable[..., Series]) -> None:
    found = find_regressions(history(series(1.0, 1.0, 3.0), series(1.0, None, 2.0, None, 3.0), series(1.0, 1.0, 3.0, 3.0)))
    assert (found.num_series, found.num_short) == (1, 2)
    assert len(found.found) == 1


def test_the_more_series_a_page_has_the_clearer_a_step_must_be(series: Callable[..., Series]) -> None:
    made = [series(1.0, 1.06, 0.96, 1.02, 0.97, 1.15, 1.19, 1.13, 1.2)]
    assert len(find_regressions(history(*made)).found) == 1
    steady = [series(*noisy(1.0, 9)) for _ in range(99)]
    assert find_regressions(history(*made, *steady)).found == ()


def test_from_nothing_to_something_is_infinitely_more(series: Callable[..., Series]) -> None:
    (step,) = find_regressions(history(series(0.0, 0.0, 0.0, 1.0, 1.0, 1.0))).found
    assert step.factor == math.inf


def test_the_newest_comes_first(series: Callable[..., Series]) -> None:
    early = series(*noisy(1.0, 4), *noisy(2.0, 10), machine="early")
    late = series(*noisy(1.0, 10), *noisy(2.0, 4), machine="late")
    found = find_regressions(history(early, late)).found
    assert [r.series.machine for r in found] == ["late", "early"]
