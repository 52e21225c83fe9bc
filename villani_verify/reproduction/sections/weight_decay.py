"""The weight-decay study: models for a grid of λ, and what would have chosen the best of them."""

from __future__ import annotations

from collections.abc import Mapping

from villani_verify.journal import Journal
from villani_verify.landscapes.architectures import gpt_neo_small
from villani_verify.report.figures.weight_decay import draw_weight_decay
from villani_verify.reproduction.claims import Finding
from villani_verify.reproduction.section import Progress, SectionResult
from villani_verify.reproduction.sizes import Size
from villani_verify.theory.weight_decay.quantities import LARGER_IS_BETTER
from villani_verify.theory.weight_decay.study import answer, excess_of_all, run_study, summarise
from villani_verify.theory.weight_decay.text import Parts


def weight_decay(texts: Mapping[str, Parts], size: Size, journal: Journal, progress: Progress) -> SectionResult:
    """Run the study on all texts; each model that is finished is in the journal, and is not trained again."""
    rows = run_study(size.study, texts, gpt_neo_small, journal, progress)
    summaries = summarise(rows)
    answers = {quantity: answer(rows, quantity) for quantity in LARGER_IS_BETTER}
    better = [q for q in LARGER_IS_BETTER if (x := excess_of_all(rows, q).interval) is not None and x[1] < 0]
    measured = (
        f"{len(rows)} models. Choosing λ by the quantity costs, "
        + "; ".join(f"{q.replace('_', ' ')}: {text}" for q, text in answers.items())
        + "."
    )
    verdict = f"yes: {', '.join(better)}" if better else "none chose better than a grid search of the same trainings"
    data = {
        "plan": size.study.as_dict(),
        "rows": [dict(r) for r in rows],
        "summaries": [s.as_dict() for s in summaries],
        "answers": answers,
    }
    return SectionResult((Finding("choice", measured, verdict),), data, tuple(draw_weight_decay(rows)))
