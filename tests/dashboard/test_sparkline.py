from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.sparkline import HEIGHT, MARGIN, WIDTH, sparkline

START = datetime(2026, 1, 1, tzinfo=UTC)


def points(path: str) -> list[tuple[float, float]]:
    return [tuple(map(float, p.split(","))) for p in path.split()]  # type: ignore[misc]


def test_heights_are_in_proportion_to_values_and_widths_to_time() -> None:
    line = sparkline([(START, 1.0), (START + timedelta(days=1), 2.0), (START + timedelta(days=4), 4.0)])
    inner, floor = HEIGHT - 2 * MARGIN, HEIGHT - MARGIN
    expected = [(MARGIN, floor - inner / 4), (MARGIN + (WIDTH - 2 * MARGIN) / 4, floor - inner / 2), (WIDTH - MARGIN, MARGIN)]
    for found, wanted in zip(points(line.path), expected, strict=True):
        assert found == pytest.approx(wanted, abs=0.051)
    assert line.last == pytest.approx((WIDTH - MARGIN, MARGIN))


@given(st.lists(st.tuples(st.integers(0, 10**6), st.floats(1e-6, 1e6)), min_size=1, max_size=30))
def test_it_stays_within_its_box(values: list[tuple[int, float]]) -> None:
    history = [(START + timedelta(seconds=s), v) for s, v in sorted(values)]
    for x, y in points(sparkline(history).path):
        assert MARGIN <= x <= WIDTH - MARGIN
        assert MARGIN <= y <= HEIGHT - MARGIN
