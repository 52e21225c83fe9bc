from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

Bench = Callable[[str], ModuleType]


def test_the_exponent_is_that_of_a_power(bench: Bench) -> None:
    sizes = (64, 128, 256, 512)
    for power in (0.0, 1.0, 1.5, 2.0):
        assert bench("scaling").exponent(sizes, [3e-4 * n**power for n in sizes]) == pytest.approx(power, abs=1e-12)


def test_only_the_axis_grows(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    scaling, seen = bench("scaling"), []

    def call(shape: object, device: str) -> Callable[[], None]:
        seen.append(shape)
        return lambda: None

    monkeypatch.setattr(scaling, "call", call)
    monkeypatch.setattr(scaling, "medians_in_turn", lambda calls, device: [2.0**i for i in range(len(calls))])
    for axis, sizes in scaling.AXES.items():
        seen.clear()
        assert scaling.Scaling().track_exponent(axis, "cpu") == pytest.approx(1)
        assert seen == [scaling.Shape(**{axis: size}) for size in sizes]


@pytest.mark.parametrize("axis", ["tokens", "layers", "width", "probes"])
def test_the_smallest_of_each_axis_runs(bench: Bench, axis: str) -> None:
    scaling = bench("scaling")
    shape = scaling.Shape(**{"tokens": 64, "layers": 2, "width": 64, "probes": 2, axis: scaling.AXES[axis][0]})
    assert len(scaling.call(shape, "cpu")()) == shape.probes
