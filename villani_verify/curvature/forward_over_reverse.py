"""Forward over reverse: push the probe through the gradient (Pearlmutter 1994), several probes to a pass."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from villani_verify.curvature.hessian_form import HessianForm
from villani_verify.curvature.hessian_vector import NUMBERS_PER_PASS, stacked_forms
from villani_verify.curvature.probe_signs import stacked_probes
from villani_verify.curvature.trace_form import TraceForm
from villani_verify.landscape import Landscape
from villani_verify.memory import in_passes
from villani_verify.points import Point


class ForwardOverReverse:
    """vᵀ∇²L v = vᵀ d/dt ∇L(θ + tv) at t = 0, by one forward-mode pass over the gradient.

    No graph outlives a pass. Nested *forward* mode is never used: torch's is wrong for LayerNorm. A loss
    without a forward-mode rule is differentiated backward twice instead.
    """

    name = "forward-over-reverse"

    def quadratic_forms(self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int]) -> list[float]:
        """Return vᵀ∇²L(θ)v for each address; see `Engine`."""

        def probes(chunk: Sequence[int]) -> dict[str, Tensor]:
            return {n: stacked_probes(n, t.shape, seed=seed, indices=chunk, like=t) for n, t in point.items()}

        forms: list[float] = []

        def one_pass(smaller: Landscape, chunk: Sequence[int]) -> None:
            forms.extend(stacked_forms(smaller, point, probes(chunk)))

        in_passes(one_pass, landscape, indices, per_pass=NUMBERS_PER_PASS // max(1, landscape.dimension))
        return forms

    def laplacian_samples(self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int]) -> list[float]:
        """Return quadratic forms; see `Engine`."""
        return self.quadratic_forms(landscape, point, seed=seed, indices=indices)

    def rounded(self, landscape: Landscape) -> None:
        """Reverse mode has no cheaper samples; see `Engine`."""

    def trace_form(self, landscape: Landscape, point: Point) -> TraceForm:
        """Return the Hessian; see `Engine`."""
        return HessianForm(landscape, point)
