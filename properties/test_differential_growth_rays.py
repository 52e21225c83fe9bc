"""Differential growth on rays: Ψ_s(rv) → ∞ along almost every ray, for every s > 0.

No isotropic ray may keep Ψ_s bounded over a decade of radius. One low value refutes nothing: narrow spikes, where an
attention head switches its argmax, are known, and disappear in the fit over the decade. Probabilities: each example
is measured twice and counts only if both agree, at a level from the suite's error budget (10⁻⁶ a run).
"""

from __future__ import annotations

from hypothesis import strategies as st

from villani_verify.criteria.differential_growth_rays import NAME
from villani_verify.landscape import Landscape
from villani_verify.search.families import Ray
from villani_verify.testing.claims import Refutation, check_claim
from villani_verify.testing.error_budget import level_of_each_of_two
from villani_verify.testing.growth import bounded_over_decade
from villani_verify.testing.observations import observe_decade
from villani_verify.testing.strategies import log_radii, rays


def test_no_isotropic_ray_keeps_psi_bounded(villani_landscape: Landscape, villani_seed: int) -> None:
    level = level_of_each_of_two()

    def refute(example: tuple[Ray, float]) -> Refutation | None:
        ray, radius = example
        observe_decade("radius", radius)
        return bounded_over_decade(villani_landscape, NAME, ray, radius, level=level, seed=villani_seed)

    isotropic = rays(villani_landscape, kinds=("isotropic",), bases=("origin",))
    check_claim(villani_landscape, NAME, st.tuples(isotropic, log_radii(1, 3)), refute)
