"""A landscape of a campaign as plain values, and what is asked of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from villani_verify.landscape import Landscape
from villani_verify.points import templates_of
from villani_verify.runs.unit import Unit


@dataclass(frozen=True)
class Placed:
    """A landscape of a campaign, at one weight decay.

    Attributes:
        name: of the landscape.
        digest: of its loss.
        request: from which it is built.
        dimension: `d`.
        decay: λ of each tensor.
        sizes: numbers in each tensor.
        expected: criterion name → status that is known.
    """

    name: str
    digest: str
    request: Mapping[str, Any]
    dimension: int
    decay: Mapping[str, float]
    sizes: Mapping[str, int]
    expected: Mapping[str, str]

    @property
    def stored(self) -> bool:
        """Whether its parameters stay in their files, so that units stream them."""
        return bool(self.request.get("stored"))

    @property
    def decay_laplacian(self) -> float:
        """The Laplacian Σ_t λ_t d_t of the decay term."""
        return math.fsum(self.decay[name] * size for name, size in self.sizes.items())

    def decay_value(self, squares: Mapping[str, float]) -> float:
        """Return ½ Σ_t λ_t ‖θ_t‖².

        Args:
            squares: ‖θ_t‖² of each tensor.
        """
        return 0.5 * math.fsum(self.decay[name] * square for name, square in squares.items())

    @classmethod
    def of(cls, landscape: Landscape, digest: str) -> Placed:
        """Describe a landscape."""
        sizes = {n: t.numel() for n, t in templates_of(landscape.initial).items()}
        request = landscape.request or {}
        return cls(landscape.name, digest, request, landscape.dimension, landscape.decay, sizes, landscape.expected)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def criterion_unit(
    landscape: Placed,
    name: str,
    *,
    budget: str,
    seed: int,
    engine: str,
    temperatures: Sequence[float],
    expect: Mapping[str, str],
    gradient: bool,
) -> Unit:
    """Return the unit of one criterion on a placed landscape; of several that make a verification one checks the gradient."""
    return Unit("criterion", landscape.digest, {
        "criterion": name, "request": landscape.request, "weight_decay": landscape.decay, "budget": budget, "seed": seed,
        "engine": engine, "temperatures": list(temperatures), "expect": dict(expect), "gradient": gradient,
    })  # fmt: skip
