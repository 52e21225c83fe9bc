"""Forward only: vᵀ∇²L v for several probes at once by collapsed Taylor arithmetic, without a graph or a d-sized gradient."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from villani_verify.batches import Batch
from villani_verify.curvature.probes import stacked_signs
from villani_verify.curvature.taylor.collapsed import CollapsedJet, Directions
from villani_verify.curvature.taylor.program import Program, program_for
from villani_verify.landscape import Landscape
from villani_verify.memory import MemoryNote, halving_batches, is_out_of_memory, release
from villani_verify.points import Point

# Numbers in the largest tensor of a pass, all probes together: a gigabyte in float32 for a language model's logits, with
# what is derived from them.
_NUMBERS_PER_PASS = 1 << 26
_MOST_PROBES_PER_PASS = 64


@dataclass(frozen=True)
class DirectionalForms:
    """First and second directional derivatives of L along ±1 probes.

    Attributes:
        slopes: v·∇L, one for each probe.
        forms: vᵀ∇²L v, averaged over each group of probes.
    """

    slopes: tuple[float, ...]
    forms: tuple[float, ...]


class CollapsedTaylor:
    """vᵀ∇²L v = 2 [t²] L(θ + t v), by second-order jets over the exported graph of the loss.

    A linear layer costs three matrix products a probe, and two more a group or pass; a Hessian-vector product costs about
    six. Memory: θ, one probe of the largest tensor, and the live values of the forward pass for each probe of a pass.

    Raises:
        TaylorError: from its methods, if the loss cannot be exported or uses an operation without a rule.
    """

    name = "taylor"

    def quadratic_forms(self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int]) -> list[float]:
        """Return vᵀ∇²L(θ)v for each address; see `Engine`."""
        return list(self.directional_forms(landscape, point, seed=seed, indices=indices).forms)

    def directional_forms(
        self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int], group: int = 1
    ) -> DirectionalForms:
        """Return v·∇L for each probe, and the mean of vᵀ∇²L v over each `group` of consecutive probes.

        Larger groups cost less: their second-order coefficients are carried as one sum.

        Args:
            landscape: gives L; its decay plays no part.
            point: θ.
            seed: first part of the probes' address.
            indices: second part, one for each probe; their number is a multiple of `group`.
            group: probes averaged into one number.

        Raises:
            ValueError: if the groups do not come out even.
            TaylorError: if the loss cannot be exported or uses an operation without a rule.
            DeviceError: if memory runs out even with one group a pass and one row a batch.
        """
        if group < 1 or len(indices) % group:
            raise ValueError(f"{len(indices)} probes do not fall into groups of {group}")
        slopes: list[float] = []
        forms: list[float] = []
        per_pass = min(self._per_pass(landscape, point, group), len(indices)) if indices else group
        while len(slopes) < len(indices):
            chunk = indices[len(slopes) : len(slopes) + per_pass]
            try:
                if per_pass == group:
                    first, second = halving_batches(lambda ls, c=chunk: _forms(ls, point, seed, c, group), landscape)  # type: ignore[misc]
                else:
                    first, second = _forms(landscape, point, seed, chunk, group)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                per_pass = max(group, per_pass // 2 // group * group)
                release()
                warnings.warn(f"out of memory: going on with {per_pass} probes a pass", MemoryNote, 2)
                continue
            slopes += first
            forms += second
        return DirectionalForms(tuple(slopes), tuple(forms))

    def _per_pass(self, landscape: Landscape, point: Point, group: int) -> int:
        largest = max(program_for(landscape.loss_function, point, batch).largest_value for batch in landscape.batches)
        affordable = min(_MOST_PROBES_PER_PASS, _NUMBERS_PER_PASS // max(1, largest))
        return max(group, affordable // group * group)


def _forms(landscape: Landscape, point: Point, seed: int, indices: Sequence[int], group: int) -> tuple[list[float], list[float]]:
    """Return the slopes and the averaged forms of the probes of one pass, weighted over the batches."""
    rows = [(weight, _one_batch(landscape, point, batch, seed, indices, group)) for weight, batch in landscape.weighted_batches()]
    slopes = [_sum([w * first[k] for w, (first, _) in rows]) for k in range(len(indices))]
    forms = [_sum([w * second[g] for w, (_, second) in rows]) for g in range(len(indices) // group)]
    return slopes, forms


def _one_batch(
    landscape: Landscape, point: Point, batch: Batch, seed: int, indices: Sequence[int], group: int
) -> tuple[list[float], list[float]]:
    groups = len(indices) // group

    def parameter(name: str) -> Any:
        tensor = point[name].detach()

        def make(lines: range) -> Tensor:
            return stacked_signs(name, tensor.shape, seed=seed, indices=[indices[k] for k in lines], like=tensor)

        return CollapsedJet(tensor, Directions(len(indices), make, tensor.numel()), None, groups)

    program: Program = program_for(landscape.loss_function, point, batch)
    result = program.run(batch, parameter)
    if not isinstance(result, CollapsedJet):
        return [0.0] * len(indices), [0.0] * groups
    second = [0.0] * groups if result.second is None else [2 / group * float(x) for x in result.second]
    return [float(x) for x in result.tangents], second


def _sum(numbers: list[float]) -> float:
    # Infinities of both signs have no sum.
    return math.fsum(numbers) if all(map(math.isfinite, numbers)) else math.nan
