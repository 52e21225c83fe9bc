"""What the report says of the program itself: how often its intervals cover, and its verdicts are right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from villani_verify.calibration.case import Asked
from villani_verify.report.numbers import counted
from villani_verify.report.tables import Table
from villani_verify.report.words import TITLES


def calibration_section(measured: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the words and tables of the section, or None if nothing was measured.

    Args:
        measured: as `villani_verify.calibration.measured.assemble` returns it.
    """
    if measured is None:
        return None
    packages = measured["environment"]["packages"]
    coverage = measured["coverage"]
    return {
        "when": f"on {measured['date']}, with version {packages.get('villani-verify', '–')} and torch {packages.get('torch', '–')}",
        "coverage": _coverage_words(coverage),
        "false_alarms": _false_alarm_words(measured["false_refutations"]),
        "power": _power_words(measured["power"], measured["budget"]),
        "estimators": _by_estimator(coverage),
        "intervals": _intervals(coverage),
        "reasons": _reasons(coverage),
        "controls": _controls(measured["power"]),
    }


def _coverage_words(coverage: Sequence[Mapping[str, Any]]) -> str:
    if not coverage:
        return "Coverage was not measured."
    counts = {word: sum(c["within"] == word for c in coverage) for word in ("yes", "above", "below")}
    trials = min(c["replications"] for c in coverage)
    words = (
        f"An interval at 95 % should hold the true value in 95 of 100 cases. Of {counted(len(coverage), 'kind')} of intervals, "
        f"each tried {trials:,} times where the truth is known exactly, {counts['yes']} did so in 93 to 97 %"
    )
    if counts["above"]:
        words += f", {counts['above']} more often, as they are wider than they need to be"
    if counts["below"]:
        words += f", and {counts['below']} less often, under conditions that are noted below"
    return words + "."


def _false_alarm_words(alarms: Mapping[str, Any] | None) -> str:
    if alarms is None or not alarms["verifications"]:
        return "How often true claims are refuted was not measured."
    count = alarms["with_false_refutation"]
    found = "nothing was refuted" if not count else f"something was refuted in {count:,}"
    return (
        f"In {counted(alarms['verifications'], 'verification')} of {counted(alarms['landscapes'], 'landscape')} on which every "
        f"criterion holds {found}: with confidence {_percent(alarms['level'])}, that happens in fewer than "
        f"{_percent(alarms['upper_bound'])} of them."
    )


def _power_words(power: Mapping[str, Any] | None, budget: str) -> str:
    if power is None:
        return "How often false claims are refuted was not measured."
    fraction = _percent(power["refuted"] / power["verifications"])
    return (
        f"{counted(power['claims'], 'claim')} known to be false, about other landscapes, were tried within the {budget} budget: "
        f"{fraction} of {counted(power['verifications'], 'trial')} refuted them."
    )


def _by_estimator(coverage: Sequence[Mapping[str, Any]]) -> Table:
    columns = ("interval of", "should cover", "measured", "known limits", "kinds", "trials of each")
    rows = []
    for estimator in dict.fromkeys(c["estimator"] for c in coverage):
        cases = [c for c in coverage if c["estimator"] == estimator]
        limits = [c for c in cases if c["asked"] == Asked.NOTHING]
        others = [c for c in cases if c["asked"] != Asked.NOTHING]
        rows.append((
            estimator, _percent(cases[0]["nominal"]), _range(others), _range(limits), str(len(cases)),
            f"{min(c['replications'] for c in cases):,}",
        ))  # fmt: skip
    return Table(columns, tuple(rows))


def _intervals(coverage: Sequence[Mapping[str, Any]]) -> Table:
    columns = ("interval", "should cover", "measured", "which is known to", "trials", "93 to 97 %?", "note")
    reasons = _reasons(coverage)
    return Table(
        columns,
        tuple(
            (
                f"{c['estimator']}: {c['what']}", _percent(c["nominal"]), _percent(c["coverage"]),
                f"{100 * c['interval'][0]:.1f} to {100 * c['interval'][1]:.1f} %", f"{c['replications']:,}", c["within"],
                str(reasons.index(c["why"]) + 1) if c["why"] else "",
            )
            for c in coverage
        ),
    )  # fmt: skip


def _reasons(coverage: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(c["why"] for c in coverage if c["why"]))


def _controls(power: Mapping[str, Any] | None) -> Table:
    columns = ("landscape", "false claim", "refuted", "95 % interval")
    return Table(
        columns,
        tuple(
            (
                row["landscape"], TITLES[row["criterion"]], f"{row['refuted']} of {row['verifications']}",
                f"{100 * row['interval'][0]:.0f} to {_percent(row['interval'][1], 0)}",
            )
            for row in (power["rows"] if power is not None else ())
        ),
    )  # fmt: skip


def _range(cases: Sequence[Mapping[str, Any]]) -> str:
    if not cases:
        return "–"
    low, high = (100 * find(c["coverage"] for c in cases) for find in (min, max))
    return f"{low:.1f} %" if low == high else f"{low:.1f} to {high:.1f} %"


def _percent(fraction: float, digits: int = 2) -> str:
    text = f"{100 * fraction:.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "\u00a0%"
