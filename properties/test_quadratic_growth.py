"""Quadratic growth: F(θ) ≥ a‖θ‖² − b for some a > 0.

With L ≥ 0 it holds at every point with a = min_t λ_t/2 and b = 0, for every λ. Along families on which the decay
term does not grow, the loss has to grow quadratically by itself. Nothing here is left to chance.
"""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from villani_verify.criteria.profiles import grows_slowly, profile, profile_witness, reference_radius
from villani_verify.criteria.quadratic_growth import NAME
from villani_verify.criteria.result import Cost
from villani_verify.landscape import Landscape
from villani_verify.points import squared_norm
from villani_verify.search.families import Family
from villani_verify.search.scan import log_spaced
from villani_verify.testing.claims import Refutation, check_claim
from villani_verify.testing.decays import redecayed
from villani_verify.testing.observations import aim_for_ratio, observe, observe_decade, observe_family
from villani_verify.testing.strategies import families, points, weight_decays
from villani_verify.testing.tolerances import tolerance_for

LEVEL = 0.99
DECADES = 4


def test_no_family_grows_slower_than_quadratically(villani_landscape: Landscape) -> None:
    def refute(example: tuple[Family, float]) -> Refutation | None:
        family, weight_decay = example
        observe_family(family)
        observe_decade("weight decay", weight_decay)
        landscape = redecayed(villani_landscape, weight_decay)
        start = reference_radius(landscape)
        along = profile(landscape, family, log_spaced(start, start * 10**DECADES, 4 * DECADES + 1), Cost())
        if along is None:
            observe("outcome", "F is finite at fewer than three radii")
            return None
        # Slow growth is a small F/‖θ‖² at the end; the decay alone gives its half.
        aim_for_ratio(landscape.smallest_decay / 2, along.coefficient, "log10 of min λ/2 over F/‖θ‖²")
        if not grows_slowly(landscape, along, LEVEL):
            return None
        summary = f"{family.sentence} Then F/‖θ‖² falls to {along.coefficient:.3g} at radius {along.radii[-1]:.3g}."
        return Refutation(profile_witness(NAME, [along], LEVEL), summary, landscape)

    check_claim(villani_landscape, NAME, st.tuples(families(villani_landscape), weight_decays()), refute)


@given(data=st.data())
def test_value_is_at_least_the_decay_of_every_point(villani_landscape: Landscape, data: st.DataObject) -> None:
    landscape = redecayed(villani_landscape, data.draw(weight_decays(), label="weight decay"))
    point = data.draw(points(landscape), label="point")
    observe_family(point.family)
    observe_decade("parameter", point.parameter)
    theta = point.build(landscape)
    value = landscape.value(theta)
    if not math.isfinite(value):
        observe("outcome", "F is not finite")
        return
    bound = landscape.smallest_decay / 2 * math.fsum(squared_norm(t) for t in theta.values())
    within = tolerance_for(landscape.dtype).atol + tolerance_for(landscape.dtype).rtol * bound
    aim_for_ratio(bound, value, "log10 of min λ/2 ‖θ‖² over F")
    assert value >= bound - within, f"F = {value!r} lies below min λ/2 ‖θ‖² = {bound!r} on {landscape.name}"
