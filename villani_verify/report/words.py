"""The sentences of the report: what the criteria are called, what the statuses mean, and the headline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from villani_verify.criteria import CRITERION_NAMES
from villani_verify.landscapes.zoo import ZOO
from villani_verify.report.numbers import number, show

UNIFORM = "differential_growth_uniform"

TITLES: Mapping[str, str] = {
    "smoothness": "Smoothness",
    "quadratic_growth": "Quadratic growth",
    "gaussian_tails": "Gaussian tails",
    "differential_growth_rays": "Differential growth on typical rays",
    "differential_growth_uniform": "Differential growth everywhere (Villani’s condition)",
}
"""Criterion name → what a person calls it."""

PLAIN: Mapping[str, str] = {
    "smoothness": "F has derivatives of every order; no kinks.",
    "quadratic_growth": "Far out, F rises at least like the square of the distance.",
    "gaussian_tails": "Far-out parameters are as improbable as under a Gaussian, or more so.",
    "differential_growth_rays": "Walking away in a random direction, slope wins over curvature.",
    "differential_growth_uniform": "Slope wins over curvature at every far-out point, even the worst one.",
}
"""Criterion name → the claim without formulae."""

STATUS_WORDS: Mapping[str, str] = {
    "supported": "supported",
    "refuted": "refuted",
    "inconclusive": "inconclusive",
    "not_applicable": "not applicable",
}

STATUS_SYMBOLS: Mapping[str, str] = {"supported": "✓", "refuted": "✗", "inconclusive": "?", "not_applicable": "–"}

STATUS_MEANINGS: Mapping[str, str] = {
    "supported": "No counterexample was found, at the stated level, after the stated search. It never means proved: "
    "no finite computation proves a statement about all parameters.",
    "refuted": "A counterexample was found. Its witness, below, says which, and how to measure it again.",
    "inconclusive": "The effort spent did not decide. The sentence in the row says what would.",
    "not_applicable": "The criterion does not speak about this landscape. The sentence in the row says why.",
}

GLOSSARY: Sequence[tuple[str, str]] = (
    ("θ, d, ‖θ‖", "All parameters together; how many numbers they are; their Euclidean norm, called radius here."),
    ("L, F", "The training loss on a fixed list of data; the loss plus the weight-decay penalty, F = L + ½ Σ λ‖θ‖²."),
    (
        "weight decay λ",
        "The strength of the penalty that pulls parameters towards zero. Each tensor may have its own; LayerNorm and bias tensors "
        "often have none.",
    ),
    (
        "temperature s",
        "How noisy training is taken to be: dθ = −∇F dt + √s dW. After a long time such training visits θ with probability "
        "proportional to exp(−2F/s).",
    ),
    (
        "∇F, ΔF",
        "The slope of F (a vector); its Laplacian, the sum of the second derivatives in all d directions: the total curvature.",
    ),
    (
        "Ψ_s",
        "Ψ_s = ‖∇F‖²/s − ΔF: slope against curvature. Villani’s condition is that it tends to infinity however θ goes to infinity.",
    ),
    (
        "s*",
        "The critical temperature ‖∇F‖²/ΔF: Ψ_s is positive exactly for s below it. It is infinite where ΔF ≤ 0. One number covers "
        "every s, so if s* and ‖∇F‖ grow without bound, Ψ_s does so for every s.",
    ),
    (
        "probe",
        "A vector of random signs. The curvature of F along a probe is, on average, the Laplacian; a few probes give an estimate "
        "with an interval where computing all d second derivatives would take too long.",
    ),
    (
        "ray, family",
        "A line from the origin or the reference point; any other one-parameter curve of points, such as rescaling tensors.",
    ),
    ("reference point", "The parameters the landscape came with: trained or initial ones."),
    (
        "level",
        "How often intervals of this kind contain the true value, such as 99 %. Where the Laplacian is computed exactly, the "
        "interval is a single number.",
    ),
)


def headline(results: Mapping[str, Any]) -> str:
    """Return the answer in one sentence."""
    rows = results["criteria"]
    by_status: dict[str, list[str]] = {s: [n for n in rows if rows[n]["status"] == s] for s in STATUS_WORDS}
    count, total = len(by_status["supported"]), len(rows)
    if total == 0:
        return "No criterion was checked."
    if count == total:
        what = {1: "The one criterion checked is", 2: "Both criteria checked are"}.get(total, f"All {total} criteria are")
        return f"{what} supported: no counterexample was found."
    parts = [f"{count or 'None'} of {total} criteria supported"]
    if UNIFORM in by_status["refuted"]:
        parts.append("Villani’s condition itself is refuted: " + _refutation(rows[UNIFORM]["witness"]))
    elif UNIFORM in by_status["supported"]:
        parts.append("no counterexample to Villani’s condition itself was found")
    elif UNIFORM in rows:
        parts.append(
            f"Villani’s condition itself is {'undecided' if rows[UNIFORM]['status'] == 'inconclusive' else 'not applicable'}"
        )
    for status, word in (("refuted", "refuted"), ("inconclusive", "undecided"), ("not_applicable", "not applicable")):
        names = [TITLES[n].lower().replace("gaussian", "Gaussian") for n in by_status[status] if n != UNIFORM]
        if names:
            also = "also " if status == "refuted" and UNIFORM in by_status["refuted"] else ""
            parts.append(f"{also}{word}: {_and(names)}")
    return "; ".join(parts) + "."


def _refutation(witness: Mapping[str, Any] | None) -> str:
    """Say in half a sentence what the witness of the uniform criterion shows."""
    if not witness or witness.get("kind") != "bounded-family":
        return "there are points going to infinity along which Ψ_s does not tend to infinity"
    radii = [p["radius"] for p in witness["claimed"]]
    where = f"along one family of points, followed from radius {show(radii[0], 3)} to {show(radii[-1], 3)}, "
    if witness["mechanism"] == "gradient":
        which = "every s" if witness["every_temperature"] else f"s = {show(witness['temperature'], 2)}"
        return where + f"Ψ_s stays bounded for {which}"
    if witness["every_temperature"]:
        return where + "s* falls, so Ψ_s ends up negative for every s, however small"
    return where + f"Ψ_s stays negative for every s above {show(_rounded_up(number(witness['bound'])), 2)}"


def _rounded_up(x: float) -> float:
    """Round up to two digits, so that "every s above x" stays true."""
    if not 0 < x < math.inf:
        return x
    unit = 10.0 ** (math.floor(math.log10(x)) - 1)
    return math.ceil(x / unit - 1e-9) * unit


def expectation(results: Mapping[str, Any]) -> str:
    """Say whether the verdicts are the expected ones, and which are not."""
    rows = results["criteria"]
    known = [n for n in rows if rows[n]["expected"]]
    wrong = [n for n in rows if not rows[n]["as_expected"]]
    if wrong:
        found = {n: STATUS_WORDS[rows[n]["status"]] for n in wrong}
        parts = [f"{TITLES[n]} should be {STATUS_WORDS[e]} and is {found[n]}" for n in wrong if (e := rows[n]["expected"])]
        surprises = [TITLES[n] for n in wrong if not rows[n]["expected"]]
        if surprises:
            parts.append(f"no answer was known beforehand for {_and(surprises)}, and there a refutation counts as unexpected")
        return "Not as expected: " + "; ".join(parts) + "."
    if not known:
        return "As hoped: no answer was known beforehand for this landscape, and nothing was refuted."
    if len(known) == len(rows):
        return "As expected: every verdict is the one known beforehand for this landscape."
    return "As expected: every verdict known beforehand was met, and nothing else was refuted."


def expected_words(row: Mapping[str, Any]) -> str:
    """Return the cell that says what was expected of a criterion."""
    wanted = "anything but refuted" if row["expected"] is None else STATUS_WORDS[row["expected"]]
    return wanted + (" (met)" if row["as_expected"] else " (not met)")


def text_words(request: Mapping[str, Any] | None) -> str:
    """Say which text or data a landscape speaks of, as far as the request says."""
    if request is None:
        return "as given in Python"
    landscape = str(request.get("landscape") or "")
    if landscape in ZOO and ZOO[landscape].kind == "analytic":
        return "none: the loss is a formula"
    if ".py" in landscape:
        return f"as {landscape} gives it"
    parts = [str(request.get("dataset") or "embedded"), f"{request['split']} split" if request.get("split") else ""]
    if request.get("sequences") is not None:
        parts.append(f"{request['sequences']} sequences")
    if request.get("sequence_length") is not None:
        parts.append(f"{request['sequence_length']} tokens each")
    if request.get("tokenizer"):
        parts.append(f"tokenizer {request['tokenizer']}")
    return ", ".join(p for p in parts if p)


def decay_words(weight_decay: float | Mapping[str, float]) -> str:
    """Say in one line which tensors have which weight decay."""
    if not isinstance(weight_decay, Mapping):
        return f"{show(weight_decay)} on every tensor"
    groups: dict[float, list[str]] = {}
    for name, value in weight_decay.items():
        groups.setdefault(number(value), []).append(name)
    return "; ".join(f"{show(value)} on {_some(names)}" for value, names in sorted(groups.items(), key=lambda item: -item[0]))


def ordered(rows: Mapping[str, Any]) -> list[str]:
    """Return the criteria that are there, in the order of the report."""
    return [n for n in CRITERION_NAMES if n in rows]


def _some(names: Sequence[str]) -> str:
    return _and(names) if len(names) <= 4 else f"{len(names)} tensors"


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
