"""Uniform differential growth, Villani's condition: inf over ‖θ‖ = r of Ψ_s → ∞ as r → ∞, for every s > 0.

No family of points may keep Ψ_s bounded over a decade of radius: neither rays of any kind, nor tensors scaled by
powers of r with others switched off. Transformers are known to fail, and there the test passes if the strategies
find a family that does so. Probabilities: each example is measured twice and counts only if both agree, at a level
from the suite's error budget (10⁻⁶ a run).
"""

from __future__ import annotations

from hypothesis import strategies as st

from villani_verify.criteria.differential_growth_uniform import NAME
from villani_verify.landscape import Landscape
from villani_verify.search.families import Family
from villani_verify.testing.claims import Refutation, check_claim
from villani_verify.testing.error_budget import level_of_each_of_two
from villani_verify.testing.growth import bounded_over_decade
from villani_verify.testing.observations import observe_family
from villani_verify.testing.strategies import families, log_radii

# Of networks, only families along which the loss hardly changes are measured: where it changes, the gradient grows too.
LARGEST_LOSS_CHANGE = 1e-3


def test_no_family_keeps_psi_bounded(villani_landscape: Landscape, villani_seed: int) -> None:
    level = level_of_each_of_two()

    def refute(example: tuple[Family, float]) -> Refutation | None:
        family, radius = example
        observe_family(family)
        return bounded_over_decade(
            villani_landscape, NAME, family, radius, level=level, seed=villani_seed, largest_loss_change=LARGEST_LOSS_CHANGE
        )

    # From a thousand times the reference radius on, powers of r have separated.
    check_claim(villani_landscape, NAME, st.tuples(families(villani_landscape), log_radii(3, 3.5)), refute)
