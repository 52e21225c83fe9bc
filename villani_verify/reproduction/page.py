"""The table of claims, as Markdown and as a page with figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from villani_verify.report.figures.canvas import Drawn
from villani_verify.report.numbers import show
from villani_verify.report.pages import page_template
from villani_verify.report.tables import facts
from villani_verify.reproduction.claims import CLAIMS
from villani_verify.theory.weight_decay.quantities import LARGER_IS_BETTER

_TITLES = {
    "criteria": "Villani’s criteria",
    "constants": "Constants",
    "spectrum": "Spectrum",
    "langevin": "Noisy gradient descent",
    "pac_bayes": "PAC-Bayes bounds",
    "weight_decay": "Weight decay",
}


def table_rows(results: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return one row for each claim and text: title, text, paper, measured, verdict; in the order of the claims."""
    found = [(f["claim"], s["text"], f) for s in results["sections"] for f in s["findings"]]
    rows = []
    for name, claim in CLAIMS.items():
        for _, text, finding in (x for x in found if x[0] == name):
            rows.append(
                {
                    "title": claim.claim, "text": text or "", "paper": claim.paper,
                    "measured": finding["measured"], "verdict": finding["verdict"],
                }
            )  # fmt: skip
    return rows


def as_markdown(results: Mapping[str, Any]) -> str:
    """Return the table as Markdown."""
    lines = ["| claim | paper | measured | verdict |", "|---|---|---|---|"]
    for row in table_rows(results):
        where = f" ({row['text']})" if row["text"] else ""
        cells = [row["title"] + where, row["paper"], row["measured"], f"**{row['verdict']}**"]
        lines.append("| " + " | ".join(" ".join(c.split()).replace("|", "\\|") for c in cells) + " |")
    return "\n".join(lines) + "\n"


def study_tables(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the tables of the weight-decay study: every model's numbers side by side, and how each quantity orders them.

    Args:
        data: of the section `weight_decay`.
    """
    models = [
        [
            row["text"], row["decay"], show(row["weight_decay"]), str(row["seed"]), f"{row['test_loss']:.4f}",
            f"{row['generalisation_gap']:.4f}".replace("-", "−"), *(_value(row["quantities"][q]) for q in LARGER_IS_BETTER),
        ]
        for row in data["rows"]
    ]  # fmt: skip
    order = [
        [s["text"], s["decay"], s["quantity"].replace("_", " "), *(_mean(s[k]) for k in ("correlation", "regret", "excess"))]
        for s in data["summaries"]
    ]
    names = ["s*", "C_LS bound", "mixing rate", "PAC-Bayes bound"]
    return [
        {"title": "Every model", "columns": ["text", "decay", "λ", "seed", "test loss", "gap", *names], "rows": models},
        {
            "title": "What would have chosen λ",
            "columns": ["text", "decay", "chosen by", "rank correlation with test loss", "regret in nats", "beside grid search"],
            "rows": order,
        },
    ]  # fmt: skip


def _value(found: Mapping[str, Any] | None) -> str:
    return "–" if found is None else show(found["value"])


def _mean(found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return "–"
    interval = found["interval"]
    return show(found["value"]) + ("" if interval is None else f" [{show(interval[0])}, {show(interval[1])}]")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def render(
    results: Mapping[str, Any], figures: Sequence[tuple[str, Sequence[Drawn]]], study: Mapping[str, Any] | None = None
) -> str:
    """Return the page.

    Args:
        results: of a reproduction.
        figures: (section, its figures); sections without any are left out.
        study: data of the weight-decay study, if there is one.
    """
    rows = table_rows(results)
    refuted = sum("refuted" in row["verdict"] for row in rows)
    return page_template("reproduction.html").render(
        results={**results, "table": rows},
        headline=f"{_count(len(rows), 'measurement')} of {_count(len({r['title'] for r in rows}), 'claim')}; {refuted} refuted.",
        sections=[(_TITLES[name], [(f, Markup(f.svg)) for f in drawn]) for name, drawn in figures if drawn],
        tables=[] if study is None else study_tables(study),
        environment=facts(results["environment"]),
    )
