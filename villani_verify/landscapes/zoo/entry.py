"""One landscape of the zoo: how to make it, what the five criteria must say about it, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import Tensor

from villani_verify.landscape import Landscape

CRITERION_NAMES = (
    "smoothness",
    "quadratic_growth",
    "gaussian_tails",
    "differential_growth_rays",
    "differential_growth_uniform",
)
EXPECTED_STATUSES = ("supported", "refuted", "not_applicable")


@dataclass(frozen=True)
class ZooEntry:
    """A landscape whose verdicts are known.

    The verdicts speak of F = L + ½ Σ λ‖θ‖² with the default weight decay, and of every temperature s > 0. For
    analytic entries they hold for every weight decay of the default's sign, and `reason` proves them.

    Attributes:
        name: kebab-case name, as the command line takes it.
        summary: one line for a list.
        expected: criterion name → "supported", "refuted" or "not_applicable", for all five criteria.
        reason: the proof of each verdict, or where one is published; plain text with formulae.
        kind: "analytic" for a formula, "transformer" for a language model.
        make: builds the landscape. Analytic entries take `weight_decay: float | None = None`, None for the default.
        weight_decay: the default λ.
        gradient: closed form of ∇L, from a 1-D tensor θ to a tensor like it; None where there is none.
        laplacian: closed form of ΔL, from a 1-D tensor θ to a number; None where there is none.
        critical_temperature: the limit of the infimum of s* over ‖θ‖ = r as r → ∞, at the default λ, where `reason` proves it
            positive and finite: below it differential growth holds, above it fails. None elsewhere.
    """

    name: str
    summary: str
    expected: Mapping[str, str]
    reason: str
    kind: Literal["analytic", "transformer"]
    make: Callable[..., Landscape]
    weight_decay: float
    gradient: Callable[[Tensor], Tensor] | None = None
    laplacian: Callable[[Tensor], float] | None = None
    critical_temperature: float | None = None


def all_supported_except(*refuted: str) -> dict[str, str]:
    """Return expected verdicts for all five criteria: "refuted" for those named, "supported" for the rest.

    Args:
        refuted: names out of `CRITERION_NAMES`.

    Raises:
        ValueError: if a name is not a criterion.
    """
    unknown = set(refuted) - set(CRITERION_NAMES)
    if unknown:
        raise ValueError(f"criteria {sorted(unknown)}: unknown; choose from {', '.join(CRITERION_NAMES)}")
    return {name: "refuted" if name in refuted else "supported" for name in CRITERION_NAMES}


def analytic_entry(
    name: str,
    summary: str,
    *,
    loss: Callable[[Tensor], Tensor],
    gradient: Callable[[Tensor], Tensor],
    laplacian: Callable[[Tensor], float],
    dimension: int,
    weight_decay: float,
    reason: str,
    refuted: Sequence[str] = (),
    blocks: Mapping[str, int] | None = None,
    no_decay: Sequence[str] = (),
    critical_temperature: float | None = None,
) -> ZooEntry:
    """Return the entry of a formula; its landscape is in float64 and starts at a point of norm one.

    Args:
        name: kebab-case name.
        summary: one line.
        loss: L ≥ 0, from a 1-D tensor of length `dimension` to a scalar tensor.
        gradient: ∇L, from such a tensor to a tensor like it.
        laplacian: ΔL, from such a tensor to a number.
        dimension: `d`.
        weight_decay: the default λ.
        reason: the proof of the verdicts, for every weight decay of the default's sign.
        refuted: the criteria that fail; the others hold.
        blocks: name → length, if θ falls into named groups.
        no_decay: names of the blocks with λ = 0.
        critical_temperature: limit of the infimum of s* over spheres, where it is known, positive and finite.

    Raises:
        ValueError: if a refuted criterion does not exist.
    """
    expected = all_supported_except(*refuted)
    make = partial(
        _make,
        name=name,
        loss=loss,
        dimension=dimension,
        default=weight_decay,
        blocks=blocks,
        no_decay=tuple(no_decay),
        expected=expected,
    )
    return ZooEntry(name, summary, expected, reason, "analytic", make, weight_decay, gradient, laplacian, critical_temperature)


def _make(
    weight_decay: float | None = None,
    *,
    name: str,
    loss: Callable[[Tensor], Tensor],
    dimension: int,
    default: float,
    blocks: Mapping[str, int] | None,
    no_decay: Sequence[str],
    expected: Mapping[str, str],
) -> Landscape:
    chosen = default if weight_decay is None else float(weight_decay)
    # Taking the decay away, or adding one where the proof has none, is another landscape: no verdict is known for it.
    known = expected if (chosen > 0) == (default > 0) else {}
    return Landscape.from_function(
        loss, dimension, weight_decay=chosen, blocks=blocks, no_decay=no_decay, name=name, expected=known
    )
