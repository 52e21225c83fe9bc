"""The spectrum of ∇²F along radius, and over λ."""

from __future__ import annotations

from villani_verify.points import norm
from villani_verify.report.figures.spectrum import draw_spectrum
from villani_verify.reproduction.claims import Finding
from villani_verify.reproduction.section import SectionResult, Work
from villani_verify.theory.spectrum.inflation import InflationRow, inflation, over_decays
from villani_verify.theory.spectrum.measurement import spectrum as measure


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
