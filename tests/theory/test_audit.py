from __future__ import annotations

import pytest
import torch

from villani_verify import Landscape
from villani_verify.theory.audit import audit, compare
from villani_verify.theory.bounds.bound import Bound, Inequality

from .conftest import KNOWN_WELLS

VIOLATED = {(1.0, 5.0), (1.0, 8.0), (1.0, 11.0), (1.0, 14.0), (0.1, 8.0), (0.1, 11.0), (0.1, 14.0)}


@pytest.mark.parametrize("key", KNOWN_WELLS)
def test_the_audit_names_each_violated_bound_of_the_twelve_wells(well, key) -> None:
    decay, height = key
    found = audit(well(height, decay))
    assert found.violated == (("das-dutta",) if key in VIOLATED else ())
    ratios = {t.name: t.ratio for t in found.tightness}
    assert ratios["das-dutta"] == pytest.approx((1 / decay + 1 / decay**2) / KNOWN_WELLS[key], rel=0.006)
    # The bounds that look at L hold in all twelve; that of Bakry and Émery only where there is no barrier.
    assert ratios["holley-stroock"] > 0.999
    assert ratios["lyapunov"] > 1
    assert ("bakry-emery" in ratios) == (height == 0)


@pytest.mark.parametrize("temperature", [2.0, 0.5])
def test_a_convex_landscape_in_the_plane(temperature) -> None:
    matrix = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    found = audit(Landscape.from_function(lambda x: 0.5 * x @ matrix @ x, 2, weight_decay=0.1), temperature)
    least = float(torch.linalg.eigvalsh(matrix)[0]) + 0.1
    bounds = {b.name: b for b in found.bounds}
    assert found.measured.value == pytest.approx(temperature / (2 * least), rel=3e-3)
    assert bounds["bakry-emery"].value == pytest.approx(temperature / (2 * least), rel=1e-9)
    assert found.smoothness == pytest.approx(float(torch.linalg.eigvalsh(matrix)[1]) + 0.1, rel=1e-9)
    assert found.violated == ()


def test_a_bound_is_violated_only_beyond_the_interval() -> None:
    def bound(value: float | None) -> Bound:
        return Bound("some", Inequality.POINCARE, value, (), "")

    assert [t.violated for t in compare([bound(0.9), bound(0.97), bound(1.5)], 1.0, (0.95, 1.05))] == [True, False, False]
    assert [t.ratio for t in compare([bound(0.9)], 2.0, (1.9, 2.1))] == [0.45]
    assert compare([bound(None)], 1.0, (0.9, 1.1)) == ()


def test_a_landscape_that_is_not_confined_by_walls_has_no_lyapunov_bound_there() -> None:
    # A well far out: F falls again towards it, but inside of the box.
    found = audit(Landscape.from_function(lambda x: 4 * torch.exp(-((x - 3) ** 2)).sum(), 1, weight_decay=0.5))
    assert {t.name for t in found.tightness} >= {"das-dutta", "holley-stroock", "lyapunov"}
    assert found.violated == ()
