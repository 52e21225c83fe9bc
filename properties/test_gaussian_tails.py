"""Gaussian tails: ∫ exp(−2F/s) dθ < ∞ with Gaussian moments.

Where every tensor is decayed, the density is compared with the Gaussian N(0, s/(2λ)): it never exceeds it, and
neither does its integral. Where one is not, F must grow quadratically along tubes of parallel rays. The samples
are addressed by drawn seeds, and what is checked holds for every sample: nothing is left to chance.
"""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from villani_verify.criteria.gaussian_tails import NAME, log_ratio, tube
from villani_verify.criteria.profiles import grows_slowly, profile_witness, reference_radius
from villani_verify.criteria.result import Cost
from villani_verify.curvature.probes import normals
from villani_verify.landscape import Landscape
from villani_verify.search.families import Ray
from villani_verify.search.scan import log_spaced
from villani_verify.testing.claims import Refutation, check_claim
from villani_verify.testing.decays import redecayed
from villani_verify.testing.observations import aim_for_ratio, aim_high, observe, observe_decade, observe_family
from villani_verify.testing.strategies import log_radii, rays, seeds, temperatures, weight_decays
from villani_verify.testing.tolerances import tolerance_for

LEVEL = 0.99
DECADES = 4
SAMPLES = 12


def test_no_tube_of_rays_has_heavier_tails(villani_landscape: Landscape) -> None:
    start = reference_radius(villani_landscape)
    distances = log_spaced(start, start * 10**DECADES, 4 * DECADES + 1)

    def refute(example: tuple[Ray, int]) -> Refutation | None:
        ray, seed = example
        observe_family(ray)
        profiles = tube(villani_landscape, ray, distances, Cost(), seed=seed)
        if not profiles:
            observe("outcome", "F is finite at fewer than three radii")
            return None
        aim_for_ratio(1.0, max(p.coefficient for p in profiles), "minus log10 of the largest F/‖θ‖² of the tube")
        if not all(grows_slowly(villani_landscape, p, LEVEL) for p in profiles):
            return None
        summary = f"{ray.sentence} F/‖θ‖² falls to {profiles[0].coefficient:.3g} there and along {len(profiles) - 1} parallel rays."
        return Refutation(profile_witness(NAME, profiles, LEVEL) | {"tube_seed": seed}, summary, villani_landscape)

    check_claim(villani_landscape, NAME, st.tuples(rays(villani_landscape, bases=("initial",)), seeds()), refute)


@given(data=st.data())
def test_log_density_stays_below_the_gaussian_along_rays(villani_landscape: Landscape, data: st.DataObject) -> None:
    landscape = redecayed(villani_landscape, data.draw(weight_decays(), label="weight decay"))
    s = data.draw(temperatures(), label="temperature")
    observe_decade("temperature", s)
    ray = data.draw(rays(landscape), label="ray")
    observe_family(ray)
    point_of = ray.points(landscape)
    nearest = math.inf
    for r in data.draw(st.lists(log_radii(), min_size=1, max_size=4), label="radii"):
        theta = point_of(r)
        log_density, log_gaussian = -2 * landscape.value(theta) / s, -2 * landscape.decay_value(theta) / s
        if not math.isfinite(log_density):
            observe("outcome", "F is not finite")
            return
        rounding = 2 * tolerance_for(landscape.dtype).atol / s + tolerance_for(landscape.dtype).rtol * abs(log_gaussian)
        above = f"log density {log_density!r} above the Gaussian's {log_gaussian!r} at r = {r:.4g}, s = {s:.4g}"
        assert log_density <= log_gaussian + rounding, above
        nearest = min(nearest, log_gaussian - log_density)
    aim_for_ratio(1.0, nearest, "minus log10 of the distance of the log densities")


@given(data=st.data())
def test_normalising_constant_is_at_most_the_gaussian_one(villani_landscape: Landscape, data: st.DataObject) -> None:
    if villani_landscape.undecayed:
        pytest.skip(f"{villani_landscape.name} has no Gaussian reference: {villani_landscape.undecayed[0]} is not decayed")
    landscape = redecayed(villani_landscape, data.draw(weight_decays(), label="weight decay"))
    s, seed = data.draw(temperatures(), label="temperature"), data.draw(seeds(), label="seed")
    observe_decade("temperature", s)
    losses = [landscape.loss(_gaussian_point(landscape, s, seed, i)) for i in range(SAMPLES)]
    if not all(map(math.isfinite, losses)):
        observe("outcome", "L is not finite")
        return
    value, (low, high), effective = log_ratio(losses, s, LEVEL)
    aim_high(value, "log(Z/Z_G)")
    jensen = -2 / s * math.fsum(losses) / SAMPLES
    rounding = tolerance_for(landscape.dtype).rtol * (1 + abs(jensen))
    assert jensen - rounding <= value <= rounding, f"log(Z/Z_G) = {value!r} is outside [{jensen!r}, 0] for L = {losses}"
    assert low - rounding <= value <= high + rounding, f"log(Z/Z_G) = {value!r} is outside its interval [{low!r}, {high!r}]"
    assert 1 - 1e-9 <= effective <= SAMPLES + 1e-9, f"effective sample size {effective!r} of {SAMPLES} samples"


def _gaussian_point(landscape: Landscape, s: float, seed: int, index: int) -> dict[str, Tensor]:
    return {
        n: normals(n, t.shape, seed=seed, index=index, like=t) * math.sqrt(s / (2 * landscape.decay[n]))
        for n, t in landscape.initial.items()
    }
