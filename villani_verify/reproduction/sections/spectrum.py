"""The spectrum of ∇²F along radius, and over λ."""

from __future__ import annotations

from torch import nn

from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.notes import collected_notes
from villani_verify.points import norm
from villani_verify.report.figures.spectrum import draw_spectrum
from villani_verify.reproduction.claims import Finding
from villani_verify.reproduction.section import SectionResult, Work
from villani_verify.reproduction.sizes import Size
from villani_verify.theory.spectrum.inflation import InflationRow, inflation, over_decays
from villani_verify.theory.spectrum.measurement import spectrum as measure
from villani_verify.theory.spectrum.settings import plan
from villani_verify.theory.weight_decay.text import Parts


def check_memory(model: nn.Module, parts: Parts, size: Size) -> None:
    """Check that the size's memory holds the few Lanczos vectors that a model needs.

    Raises:
        RequestError: if not.
    """
    landscape = Landscape.causal_lm(model, parts.training[: size.rows], weight_decay=size.weight_decay)
    try:
        with collected_notes():
            plan(landscape, size.spectrum)
    except RequestError as e:
        raise RequestError(
            f"size {size.name!r}: its spectrum allows {size.spectrum.memory:g} GiB of Lanczos vectors, too few for "
            f"{landscape.dimension:,} parameters; use --size full, or name the other parts with --section"
        ) from e


def spectrum(work: Work) -> SectionResult:
    """Measure the spectrum at the trained model and at multiples of it; λ only moves it."""
    landscape = work.subject.landscape
    radius = norm(landscape.initial)
    radii = [radius * factor for factor in work.size.radii]
    found = measure(landscape, radii=radii, settings=work.size.spectrum, progress=work.progress)
    rows = inflation(found.points, radii)
    decays = inflation(over_decays(found.points[0], work.size.decays), work.size.decays)
    results = found.as_dict()
    ends = "; ".join(f"{_end(row)} at {factor:g}‖θ₀‖" for factor, row in zip(work.size.radii, rows, strict=True))
    measured = f"Largest eigenvalue {ends}. λ moves every eigenvalue by λ and inflates nothing."
    ratio = rows[-1].inflation
    if ratio is None:
        verdict = "undecided: the first is not surely positive"
    else:
        low, high = ratio[1]
        verdict = (
            f"{'larger' if low > 1 else 'smaller' if high < 1 else 'not told apart'}: {ratio[0]:.3g} [{low:.3g}, {high:.3g}] times"
        )
    data = {"spectrum": results, "over_decays": [{"weight_decay": r.at, "largest": r.largest.value} for r in decays]}
    return SectionResult((Finding("inflation", measured, verdict),), data, tuple(draw_spectrum(results)))


def _end(row: InflationRow) -> str:
    low, high = row.largest.interval
    return f"{row.largest.value:.4g} [{low:.4g}, {high:.4g}]"
