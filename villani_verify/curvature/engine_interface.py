"""The one interface of all engines: quadratic forms v_kᵀ∇²L(θ)v_k of addressed probes, and samples and a matrix of ΔL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from villani_verify.curvature.trace_form import TraceForm
from villani_verify.landscape import Landscape
from villani_verify.points import Point


class Engine(Protocol):
    """Computes Hessian quadratic forms, the same numbers for the same probes in every engine, up to rounding."""

    @property
    def name(self) -> str:
        """What the results call it."""

    def quadratic_forms(self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int]) -> list[float]:
        """Return vᵀ∇²L(θ)v for the ±1 probes with these addresses.

        Args:
            landscape: gives L; its decay plays no part.
            point: θ.
            seed: first part of the probes' address.
            indices: second part, one for each probe.

        Returns:
            One float for each index, accumulated in float64.

        Raises:
            DeviceError: if memory runs out even in the smallest chunks.
        """

    def laplacian_samples(self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int]) -> list[float]:
        """Return independent samples whose mean is ΔL(θ): quadratic forms, or something with that mean that costs less.

        Args:
            landscape: gives L; its decay plays no part.
            point: θ.
            seed: first part of the samples' address.
            indices: second part, one for each sample. A sample depends on its address alone, whichever others are drawn.

        Returns:
            One float for each index, accumulated in float64.

        Raises:
            DeviceError: if memory runs out even in the smallest chunks.
        """

    def rounded(self, landscape: Landscape) -> Engine | None:
        """Return an engine whose samples of the same addresses cost less, and differ by rounding, maybe in the mean; if any."""

    def trace_form(self, landscape: Landscape, point: Point) -> TraceForm:
        """Return a matrix of trace ΔL(θ), for estimators that need products with it."""
