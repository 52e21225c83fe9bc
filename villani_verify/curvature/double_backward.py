"""Reverse over reverse: differentiate vᵀ∇L once more (Pearlmutter 1994), keeping the first graph for all probes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from villani_verify.curvature.hessian_form import HessianForm
from villani_verify.curvature.probe_signs import probe_of
from villani_verify.curvature.sums import sum_or_nan
from villani_verify.curvature.trace_form import TraceForm
from villani_verify.landscape import Landscape
from villani_verify.memory import halving_batches
from villani_verify.points import Point


class DoubleBackward:
    """vᵀ∇²L v = vᵀ ∇(∇L · v), by backward through the gradient's graph.

    The graph is built once a batch and used by every probe. Always available; needs no forward-mode rules.
    Memory: activations of the forward and the backward pass of one batch, and about four copies of θ.
    """

    name = "reverse"

    def quadratic_forms(self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int]) -> list[float]:
        """Return vᵀ∇²L(θ)v for each address; see `Engine`."""
        return halving_batches(lambda smaller: self._forms(smaller, point, seed, indices), landscape)

    def laplacian_samples(self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int]) -> list[float]:
        """Return quadratic forms; see `Engine`."""
        return self.quadratic_forms(landscape, point, seed=seed, indices=indices)

    def rounded(self, landscape: Landscape) -> None:
        """Reverse mode has no cheaper samples; see `Engine`."""

    def trace_form(self, landscape: Landscape, point: Point) -> TraceForm:
        """Return the Hessian; see `Engine`."""
        return HessianForm(landscape, point)

    def _forms(self, landscape: Landscape, point: Point, seed: int, indices: Sequence[int]) -> list[float]:
        leaves = {n: t.detach().requires_grad_() for n, t in point.items()}
        parts: list[list[float]] = [[] for _ in indices]
        for weight, batch in landscape.weighted_batches():
            loss = landscape.loss_function(leaves, batch) * weight
            gradient = torch.autograd.grad(loss, list(leaves.values()), create_graph=True, allow_unused=True)
            # A tensor on which the gradient does not depend, or depends linearly with no graph, adds nothing.
            used = [(n, g) for n, g in zip(leaves, gradient, strict=True) if g is not None and g.requires_grad]
            if not used:
                continue
            for k, index in enumerate(indices):
                probe = probe_of(leaves, seed=seed, index=index)
                products = torch.autograd.grad(
                    [g for _, g in used],
                    list(leaves.values()),
                    grad_outputs=[probe[n] for n, _ in used],
                    retain_graph=k + 1 < len(indices),
                    allow_unused=True,
                )
                for n, product in zip(leaves, products, strict=True):
                    if product is not None:
                        parts[k].append(float((product * probe[n]).sum(dtype=torch.float64)))
        return [sum_or_nan(p) for p in parts]
