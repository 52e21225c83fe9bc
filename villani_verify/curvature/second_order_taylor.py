"""The engine of Taylor arithmetic: vᵀ∇²L v for several probes at once from a forward pass, and cheaper samples of ΔL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from villani_verify.batches import Batch
from villani_verify.curvature.addressed_probe import AddressedProbe
from villani_verify.curvature.hessian_form import HessianForm
from villani_verify.curvature.lookups import Lookups
from villani_verify.curvature.pass_sizes import pass_sizes
from villani_verify.curvature.replayed_passes import ReplayedPasses
from villani_verify.curvature.rounding import fast_product_dtype
from villani_verify.curvature.sample_form import SampleForm
from villani_verify.curvature.sums import sum_or_nan
from villani_verify.curvature.taylor.collapsed import CollapsedJet, lines
from villani_verify.curvature.taylor.program import AdjointError, Program, program_for
from villani_verify.curvature.taylor.rounded_product import rounded_factors
from villani_verify.curvature.taylor.weighted import BatchAdjoints
from villani_verify.curvature.trace_form import TraceForm
from villani_verify.landscape import Landscape
from villani_verify.memory import in_passes
from villani_verify.points import Point, StoredPoint


@dataclass(frozen=True)
class DirectionalForms:
    """First and second directional derivatives of L along ±1 probes.

    Attributes:
        slopes: v·∇L, one for each probe.
        forms: vᵀ∇²L v, averaged over each group of probes.
    """

    slopes: tuple[float, ...]
    forms: tuple[float, ...]


class SecondOrderTaylor:
    """vᵀ∇²L v = 2 [t²] L(θ + t v), by second-order jets over the exported graph of the loss.

    A linear layer x Wᵀ costs three matrix products a probe, x_1 Wᵀ, x_0 Vᵀ and x_1 Vᵀ, of which the last two are small where the
    rows of V have patterns (`probe_signs`); a Hessian-vector product costs about six. Memory: θ, one probe of the largest tensor,
    the adjoints of one batch, and the live values of the forward pass for each probe of a pass.

    Attributes:
        rounding: dtype to which samples of the Laplacian round the factors of their large matrix products; None for no rounding.
            Samples are then cheaper and have another mean, see `estimation.two_level`; forms are not affected.

    Raises:
        TaylorError: from its methods, if the loss cannot be exported or uses an operation without a rule.
    """

    name = "taylor"

    def __init__(self, rounding: torch.dtype | None = None) -> None:
        self.rounding = rounding

    def rounded(self, landscape: Landscape) -> SecondOrderTaylor | None:
        """Return an engine whose samples cost less and are slightly biased, or None where there is none; see `Engine`."""
        kind = fast_product_dtype(landscape)
        return None if kind is None else SecondOrderTaylor(kind)

    def quadratic_forms(self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int]) -> list[float]:
        """Return vᵀ∇²L(θ)v for each address; see `Engine`."""
        return _weighted_forms(landscape, point, seed, indices)

    def laplacian_samples(self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int]) -> list[float]:
        """Return independent samples of mean ΔL(θ), cheaper than quadratic forms and with less variance; see `Engine`.

        A quadratic form is Σ_ij v_i v_j H_ij, and only i = j counts in the mean. Of a parameter W that appears once, in a product
        x Wᵀ, the terms x_1 Vᵀ have mean zero, since x does not depend on W: they are left out. Of a matrix whose rows are looked up
        first, as tied embeddings are, those of the rows that were looked up are kept.
        """
        return _weighted_forms(landscape, point, seed, indices, sampled=True, rounding=self.rounding)

    def trace_form(self, landscape: Landscape, point: Point) -> TraceForm:
        """Return the matrix that samples of the Laplacian are forms of, or without a backward pass the Hessian; see `Engine`."""
        try:
            return SampleForm(landscape, point)
        except AdjointError:
            return HessianForm(landscape, point)

    def directional_forms(
        self, landscape: Landscape, point: Point, *, seed: int, indices: Sequence[int], group: int = 1
    ) -> DirectionalForms:
        """Return v·∇L for each probe, and the mean of vᵀ∇²L v over each `group` of consecutive probes.

        Forward only, without adjoints: second-order coefficients are carried along, as one sum for each group.

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

        def one_pass(smaller: Landscape, chunk: Sequence[int]) -> None:
            first, second = _carried(smaller, point, seed, chunk, group)
            slopes.extend(first)
            forms.extend(second)

        small, per_pass = pass_sizes(landscape, point)
        in_passes(one_pass, small, indices, per_pass=per_pass, least=group)
        return DirectionalForms(tuple(slopes), tuple(forms))


def _weighted_forms(
    landscape: Landscape,
    point: Point,
    seed: int,
    indices: Sequence[int],
    *,
    sampled: bool = False,
    rounding: torch.dtype | None = None,
) -> list[float]:
    """Return twice the second-order coefficients of L, one for each probe, by adjoints, or carried where those need too much."""
    if isinstance(point, StoredPoint):
        return _carried_forms(landscape, point, seed, indices)
    small, per_pass = pass_sizes(landscape, point)
    of_batches: list[list[float]] = []
    try:
        for weight, batch in small.weighted_batches():
            alone = replace(small, batches=(batch,), batch_weights=(1.0,))
            forms = _forms_of_batch(alone, point, seed, indices, per_pass, sampled=sampled, rounding=rounding)
            of_batches.append([weight * form for form in forms])
    except AdjointError:
        return _carried_forms(landscape, point, seed, indices)
    return [sum_or_nan(column) for column in zip(*of_batches, strict=True)]


def _forms_of_batch(
    landscape: Landscape,
    point: Point,
    seed: int,
    indices: Sequence[int],
    per_pass: int,
    *,
    sampled: bool,
    rounding: torch.dtype | None,
) -> list[float]:
    """Return twice the second-order coefficients of an only batch; all passes share its adjoints."""
    adjoints = BatchAdjoints(landscape.loss_function, point, landscape.batches)
    forms: list[float] = []

    def pass_of(batch: Batch, chunk: Sequence[int]) -> Tensor:
        of_batch = adjoints.of(batch)
        drawn = _drawn(seed, chunk, of_batch.lookups)
        jets = of_batch.lines(drawn, len(chunk), sampled=sampled, rounding=rounding)
        with rounded_factors(rounding, landscape.device):
            return of_batch.second_order(jets, len(chunk))

    replayed = ReplayedPasses(partial(pass_of, landscape.batches[0]), seed, landscape.device)

    def one_pass(smaller: Landscape, chunk: Sequence[int]) -> None:
        if smaller is landscape:
            found = [replayed(chunk, still_to_come=len(indices) - len(forms)).tolist()]
        else:
            found = [pass_of(batch, chunk).tolist() for batch in smaller.batches]
        weights = [2 * weight for weight, _ in smaller.weighted_batches()]
        forms.extend(sum_or_nan([w * x for w, x in zip(weights, column, strict=True)]) for column in zip(*found, strict=True))

    in_passes(one_pass, landscape, indices, per_pass=per_pass)
    return forms


def _carried_forms(landscape: Landscape, point: Point, seed: int, indices: Sequence[int]) -> list[float]:
    return list(SecondOrderTaylor().directional_forms(landscape, point, seed=seed, indices=indices).forms)


def _carried(landscape: Landscape, point: Point, seed: int, indices: Sequence[int], group: int) -> tuple[list[float], list[float]]:
    """Return the slopes and the averaged forms of the probes of one pass, weighted over the batches."""
    groups = len(indices) // group
    slopes = [[0.0] * len(indices)]
    forms = [[0.0] * groups]
    for weight, batch in landscape.weighted_batches():
        program: Program = program_for(landscape.loss_function, point, batch)
        result = program.run(batch, lines(point, _drawn(seed, indices), groups=groups))
        if isinstance(result, CollapsedJet):
            slopes.append([weight * float(x) for x in result.tangents])
            if result.second is not None:
                forms.append([2 * weight / group * float(x) for x in result.second])
    return [sum_or_nan(column) for column in zip(*slopes, strict=True)], [sum_or_nan(column) for column in zip(*forms, strict=True)]


def _drawn(seed: int, indices: Sequence[int], lookups: Lookups | None = None) -> Callable[[str, Tensor], AddressedProbe]:
    return lambda name, like: AddressedProbe(name, like, seed, indices, lookups)
