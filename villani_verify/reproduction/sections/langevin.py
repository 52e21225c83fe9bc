"""Noisy gradient descent from the trained model: does F relax exponentially, and at the rate that theory gives?"""

from __future__ import annotations

from villani_verify.report.figures.langevin import draw_langevin
from villani_verify.reproduction.claims import Finding
from villani_verify.reproduction.section import SectionResult, Work
from villani_verify.theory.langevin.cell import Cell
from villani_verify.theory.langevin.study import study


def langevin(work: Work) -> SectionResult:
    """Run chains over the size's λ and s, and fit an exponential to F(θ_t)."""
    plan = work.size.langevin
    found = study(
        work.subject.landscape,
        weight_decays=plan.weight_decays,
        temperatures=plan.temperatures,
        chains=plan.chains,
        steps=plan.steps,
        step_fraction=plan.step_fraction,
        seed=work.seed,
        start="reference",
        measure_bias=False,
        progress=work.progress,
    )
    fitted = [c for c in found.cells if c.relaxation is not None and c.relaxation.rate is not None]
    mixed = sum(c.status == "measured" for c in found.cells)
    rates = "; ".join(_rate(c) for c in fitted) or "none"
    measured = (
        f"Rates of F(θ_t): {rates}; {len(found.cells) - len(fitted)} of {len(found.cells)} cells show no exponential "
        f"that can be told from none. {mixed} of {len(found.cells)} have mixed, so that "
        + (
            "their rates are of the whole measure."
            if mixed == len(found.cells)
            else "the rates are local ones, of no global constant."
        )
    )
    if not fitted:
        verdict = "no exponential seen"
    else:
        verdict = "exponential locally; the stated rate is not tested" if mixed < len(found.cells) else "exponential"
    results = found.as_dict()
    return SectionResult((Finding("convergence", measured, verdict),), results, tuple(draw_langevin(results)))


def _rate(cell: Cell) -> str:
    assert cell.relaxation is not None
    assert cell.relaxation.rate is not None
    low, high = cell.relaxation.rate.interval
    lam = cell.landscape.smallest_decay
    stated = cell.as_dict(1)["predicted"]["stated"]["rate"]
    return (
        f"{cell.relaxation.rate.value:.3g} [{low:.3g}, {high:.3g}] at λ = {lam:g}, s = {cell.temperature:g} (decay alone {lam:g}, "
        f"stated bound {stated:.2g})"
    )
