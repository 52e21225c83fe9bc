"""The stated log-Sobolev bound beside true Poincaré constants: of wells that it cannot see, and of slices of the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from villani_verify.errors import LandscapeError
from villani_verify.landscape import Landscape
from villani_verify.reproduction.claims import Finding
from villani_verify.reproduction.section import SectionResult, Work
from villani_verify.theory.audit import Audit, audit
from villani_verify.theory.bounds.das_dutta import NAME, das_dutta
from villani_verify.theory.gibbs import Gibbs
from villani_verify.theory.slices import coordinate_directions, slice_of

HEIGHTS = (0.0, 2.0, 5.0, 8.0, 11.0, 14.0)
DECAYS = (1.0, 0.1)
_SLICES, _ROWS, _POINTS = 3, 2, 300
_SLICE_TEMPERATURES = (2.0, 0.05)


def well(height: float, weight_decay: float) -> Landscape:
    """Return F = λx²/2 + log(1 + exp(−A(2 tanh²3x − 1))): two wells with a barrier of height A; A = 0 stands for L = 0."""

    def loss(x: Tensor) -> Tensor:
        return torch.nn.functional.softplus(-height * (2 * torch.tanh(3 * x) ** 2 - 1), threshold=1e9).sum()

    flat: Callable[[Tensor], Tensor] = lambda x: 0 * x.sum()
    return Landscape.from_function(
        loss if height else flat, 1, weight_decay=weight_decay, name=f"well with a barrier of {height:g}, λ = {weight_decay:g}"
    )


def constants(work: Work) -> SectionResult:
    """Audit the twelve wells, and slices of the model in one parameter each."""
    wells = [audit(well(height, decay)) for decay in DECAYS for height in HEIGHTS]
    subject, lam = work.subject, work.size.weight_decay
    few = Landscape.causal_lm(subject.model, subject.parts.training[:_ROWS], weight_decay=lam, name=subject.landscape.name)
    landscape = few.to(dtype=torch.float64)
    slices: list[Audit] = []
    skipped: list[str] = []
    for i in range(_SLICES):
        for j, s in enumerate(_SLICE_TEMPERATURES):
            done = i * len(_SLICE_TEMPERATURES) + j
            work.progress("slices of the model", done, _SLICES * len(_SLICE_TEMPERATURES))
            try:
                slices.append(
                    audit(slice_of(landscape, coordinate_directions(landscape, 1, work.seed + i)), s, most_points=_POINTS)
                )
            except LandscapeError as e:
                skipped.append(str(e))
    broken = [a for a in wells if NAME in a.violated]
    worst = min(t.ratio for a in wells for t in a.tightness if t.name == NAME)
    bound = das_dutta(Gibbs.of(work.subject.landscape)).value
    measured = (
        f"Of twelve wells in one dimension {len(broken)} have a Poincaré constant above the bound, by up to a factor of "
        f"{1 / worst:,.0f}; of {len(slices)} audits of slices of this model in one parameter "
        f"{sum(NAME in a.violated for a in slices)}. "
        f"For the whole model (d = {landscape.dimension:,}, λ = {landscape.smallest_decay:g}, s = 2) the bound is {bound:.3g}, "
        f"{bound * landscape.smallest_decay if bound else 0:.3g} times the constant without a loss."
    )
    verdict = "refuted as a bound from λ and d" if broken else "no violation found"
    data = {"wells": [_row(a) for a in wells], "slices": [_row(a) for a in slices], "skipped": skipped, "bound": bound}
    return SectionResult((Finding("log-sobolev", measured, verdict),), data)


def _row(found: Audit) -> dict[str, Any]:
    return {
        "landscape": found.landscape,
        "weight_decay": found.gibbs.weight_decay,
        "temperature": found.gibbs.temperature,
        "poincare": found.measured.as_dict(),
        "bounds": {b.name: b.value for b in found.bounds},
        "violated": list(found.violated),
    }
