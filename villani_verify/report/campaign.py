"""The page of a campaign: how far it is, its verdicts, what failed, and its points as figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from villani_verify.report import words
from villani_verify.report.figures.campaign import draw_campaign
from villani_verify.report.numbers import counted, percent, show
from villani_verify.report.pages import page_template
from villani_verify.runs.plan import Plan, plan_from
from villani_verify.runs.store import Counts, Store
from villani_verify.runs.tables import as_expected
from villani_verify.runs.unit import Unit

_MOST_ROWS = 50
_MEANINGS = {
    "supported": "No counterexample was found, at the stated level, after the stated search. It never means proved.",
    "refuted": "A counterexample was found. Its witness is in the store, with the unit's result.",
    "inconclusive": "The effort spent did not decide. The table's summary says what would.",
    "not_applicable": "The criterion does not speak about this landscape. The table's summary says why.",
}

Row = Mapping[str, Any]


def campaign_page(store: Store, tables: Mapping[str, Sequence[Row]]) -> bytes:
    """Return the page of a campaign as UTF-8; it holds its figures and styles itself, and the same results give the same bytes.

    Args:
        store: of the campaign.
        tables: of its results, as `runs.tables.tables_of` makes them.

    Raises:
        DamagedStoreError: if the store is damaged.
    """
    plan, counts = plan_from(store.settings["plan"]), store.counts()
    points, verdicts = tables["points"], tables["verdicts"]
    figures = draw_campaign(points, level=plan.level, temperatures=plan.temperature)
    wrong = [v for v in verdicts if not as_expected(v)]
    page = page_template("campaign.html").render(
        title=_title(store),
        headline=_headline(counts, len(points) // max(1, len(plan.temperature))),
        good=not wrong and not counts.failed,
        expectation=_expectation(verdicts, wrong),
        facts=_facts(store, plan, counts),
        criteria=words.ordered(dict.fromkeys(v["criterion"] for v in verdicts)),
        verdicts=_matrix(verdicts),
        wrong=wrong[:_MOST_ROWS],
        more_wrong=len(wrong) - _MOST_ROWS,
        failures=_failures(store),
        figures=[(f, Markup(f.svg)) for f in figures.drawn],
        left_out=figures.left_out,
        tables=[name for name in ("points", "verdicts") if tables[name]],
        meanings=_MEANINGS,
        words=words,
        show=show,
    )
    # Half a surrogate pair, in a name, is no text: it is written as an escape.
    return page.encode("utf-8", "xmlcharrefreplace")


def _title(store: Store) -> str:
    names = list(dict.fromkeys(p["name"] for p in store.settings["landscapes"]))
    return names[0] if len(names) == 1 else f"{len(names):,} landscapes"


def _headline(counts: Counts, points: int) -> str:
    if counts.finished == counts.units:
        text = f"All {counted(counts.units, 'unit')} finished"
    else:
        text = f"{counts.finished:,} of {counted(counts.units, 'unit')} finished"
        if counts.failed:
            text += f", {counts.failed:,} failed"
        if counts.pending:
            text += f", {counts.pending:,} are still to be computed"
    return f"{text}; {counted(points, 'point')} measured." if points else f"{text}."


def _expectation(verdicts: Sequence[Row], wrong: Sequence[Row]) -> str:
    if not verdicts:
        return "No criterion was checked."
    if wrong:
        return f"{len(wrong):,} of {counted(len(verdicts), 'verdict')} {'is' if len(wrong) == 1 else 'are'} not as expected."
    return f"{counted(len(verdicts), 'verdict')}, all as expected."


def _facts(store: Store, plan: Plan, counts: Counts) -> list[tuple[str, str]]:
    rows = [
        ("units", f"{counts.units:,}"),
        ("finished", f"{counts.finished:,}"),
        ("failed", f"{counts.failed:,}"),
        ("weight decays λ", _numbers(plan.weight_decay) or "the landscapes' own"),
        ("temperatures s", _numbers(plan.temperature) or "none asked for"),
    ]
    if plan.radii and plan.rays and plan.directions:
        span = show(plan.radii[0]) if len(plan.radii) == 1 else f"{show(min(plan.radii))} to {show(max(plan.radii))}"
        probes = "exact up to 2,000 parameters, 16 above" if plan.probes is None else f"{plan.probes:,} for each point"
        rows += [
            ("rays", f"{counted(plan.rays, 'ray')} of kind {', '.join(plan.directions)}, from {_BASES[plan.base]}"),
            ("radii r", f"{len(plan.radii):,}, {span}"),
            ("probes", probes),
            ("level of intervals", percent(plan.level)),
        ]
    if plan.criteria:
        rows.append(("budget", f"{plan.budget}, seed {', '.join(map(str, plan.seeds))}"))
    return [
        *rows,
        ("seed", str(plan.seed)),
        ("made by", f"villani-verify {store.version}, mathematics {store.mathematics[:8]}"),
        ("fingerprint of the results", store.fingerprint()),
    ]


_BASES = {"origin": "the origin", "initial": "the reference point"}


def _numbers(values: Sequence[float]) -> str:
    shown = ", ".join(show(v) for v in values[:8])
    return shown + (f" and {len(values) - 8} more" if len(values) > 8 else "")


def _matrix(verdicts: Sequence[Row]) -> list[dict[str, Any]]:
    """Return a row for each landscape and weight decay: criterion → its statuses over seeds, and how many are unexpected."""
    groups: dict[tuple[str, float], dict[str, list[Row]]] = {}
    for v in verdicts:
        groups.setdefault((v["landscape"], v["weight_decay"]), {}).setdefault(v["criterion"], []).append(v)
    return [{"landscape": n, "decay": d, "cells": {c: _cell(found) for c, found in g.items()}} for (n, d), g in groups.items()]


def _cell(found: Sequence[Row]) -> dict[str, Any]:
    statuses = Counter(v["status"] for v in found)
    return {
        "statuses": [(s, statuses[s] if len(found) > 1 else None) for s in words.STATUS_WORDS if s in statuses],
        "wrong": sum(not as_expected(v) for v in found),
        "seeds": len(found),
    }


def _failures(store: Store) -> list[dict[str, Any]]:
    """Return the sentences of units that failed, each once, the most frequent first, with one unit that it is about."""
    first: dict[str, int] = {}
    count: Counter[str] = Counter()
    for number, sentence, _ in store.failures():
        first.setdefault(sentence, number)
        count[sentence] += 1
    return [
        {"sentence": s, "count": n, "unit": first[s], "what": _what(store, store.unit(first[s]))}
        for s, n in count.most_common(_MOST_ROWS)
    ]


def _what(store: Store, unit: Unit) -> str:
    names = {p["digest"]: p["name"] for p in store.settings["landscapes"]}
    p = unit.parameters
    if unit.kind == "criterion":
        return f"{p['criterion']} of {names.get(unit.landscape, unit.landscape)}"
    what = f"{unit.kind} of {names.get(unit.landscape, unit.landscape)}"
    if "family" in p:
        what += f", {p['family']['kind']} ray {p['family']['index']}, r = {show(p['r'])}"
    return what + (f", probes from {p['first']}" if "first" in p else "")
