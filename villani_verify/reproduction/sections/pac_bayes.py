"""PAC-Bayes bounds of the trained model over prior precisions λ: do they tighten, and do they say anything?"""

from __future__ import annotations

from villani_verify.report.figures.pac_bayes import draw_pac_bayes
from villani_verify.reproduction.claims import Finding
from villani_verify.reproduction.section import SectionResult, Work
from villani_verify.theory.pac_bayes.bounded_losses import bounded_loss
from villani_verify.theory.pac_bayes.sample import Sample
from villani_verify.theory.pac_bayes.study import certify


def pac_bayes(work: Work) -> SectionResult:
    """Bound the clipped cross-entropy for the prior N(0, I/λ) over a grid of λ, with a held-out loss beside it."""
    subject = work.subject
    loss = bounded_loss(subject.landscape, "clipped-cross-entropy")
    found = certify(
        subject.landscape,
        loss,
        training=Sample(subject.parts.training, f"training rows of {subject.text}", seen=work.size.schedule is not None or None),
        held_out=Sample(subject.parts.test, f"held-out rows of {subject.text}", seen=False),
        posterior_sds=(0.03, 0.1, 0.3, 1.0),
        relative_sd=True,
        draws=work.size.draws,
        seed=work.seed,
        progress=work.progress,
    )
    curve = found.over_precision()
    best, scale = found.best, loss.scale
    vacuous = sum(c.vacuous for c in curve)
    # McAllester's bound is not cut off at one, so that it shows the order where the kl inverse says 1 for all.
    open_ended = [
        min(c.bounds["mcallester"] for c in found.certificates if c.prior_precision == row.prior_precision) for row in curve
    ]
    optimum = curve[min(range(len(curve)), key=open_ended.__getitem__)].prior_precision
    held_out = found.at_mean[1]
    measured = (
        f"Over λ from {curve[0].prior_precision:g} to {curve[-1].prior_precision:g} and n = {found.training.size} sequences, "
        f"{vacuous} of {len(curve)} bounds are vacuous. The least is {best.bound * scale:.3g} nats of at most {scale:.3g}"
        + ("" if held_out is None else f", where the held-out loss is {held_out.value * scale:.3g}")
        + f". KL(Q‖P)/n is {best.divergence / best.n:.3g}; by McAllester's bound, which goes on above the largest loss, "
        f"λ = {optimum:g} is best."
    )
    tightens = optimum == curve[-1].prior_precision
    verdict = ("vacuous; " if vacuous == len(curve) else "") + (
        "tightens over the whole grid" if tightens else f"tightens up to λ = {optimum:g}"
    )
    results = found.as_dict()
    return SectionResult((Finding("pac-bayes", measured, verdict),), results, (draw_pac_bayes(results),))
