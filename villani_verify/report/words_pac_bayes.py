"""What a PAC-Bayes result says, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from villani_verify.report.numbers import number, percent, show, show_interval

INEQUALITY_WORDS = {"maurer-seeger": "Maurer–Seeger", "catoni": "Catoni", "mcallester": "McAllester"}


def verdict_words(results: Mapping[str, Any]) -> str:
    """Say what the best certificate bounds, and whether that means anything."""
    best, loss = results["certificate"], results["loss"]
    if not results["valid"]:
        return "NOT A BOUND: a condition is violated (the prior has seen the training data), so these numbers bound nothing."
    text = (
        f"With confidence {percent(number(results['confidence']['level']))} the expected loss of Q is at most "
        f"{show(best['bound_in_units'])} {loss['unit']} ({INEQUALITY_WORDS[best['inequality']]}, "
        f"λ = {show(best['prior_precision'])}, σ = {show(best['posterior_sd'])}, KL = {show(best['divergence'])} nats, "
        f"n = {show(best['n'])})."
    )
    return f"{text} {_vacuity(best, loss)}"


def _vacuity(best: Mapping[str, Any], loss: Mapping[str, Any]) -> str:
    largest = f"{show(loss['scale'])} {loss['unit']}, the largest loss there is"
    uniform = (
        None
        if loss["uniform"] is None
        else f"{show(number(loss['uniform']) * number(loss['scale']))}, that of the uniform predictor"
    )
    if not best["vacuous"]:
        return f"It is below {largest}" + (
            "." if uniform is None else f", and {_below(best, loss)} below {uniform}: it is not vacuous."
        )
    text = (
        f"VACUOUS: it is not below {largest}" if best["reaches_one"] else f"VACUOUS: it is below {largest}, but not below {uniform}"
    )
    if best["n_needed"] is not None:
        return f"{text}. With this loss and divergence it would take {show(best['n_needed'])} sequences to say something."
    return f"{text}."


def _below(best: Mapping[str, Any], loss: Mapping[str, Any]) -> str:
    return percent(float(f"{1 - number(best['bound']) / number(loss['uniform']):.2g}"))


def held_out_words(results: Mapping[str, Any]) -> str:
    """Say what the posterior's loss is on the sample and on held-out rows, and whether the text was trained on."""
    best, loss = results["certificate"], results["loss"]
    rows = best["empirical_loss"]
    text = f"Loss of Q on the sample: {show(rows['value_in_units'])}, {_interval(rows)} ({_seen(results['sample'])})"
    held_out = best["held_out_loss"]
    if held_out is not None:
        text += f"; held out: {show(held_out['value_in_units'])}, {_interval(held_out)} ({_seen(results['held_out'])})"
    mean = results["loss_at_mean"]
    text += f". Loss at w itself: {show(mean['training_in_units'])} on the sample"
    if mean["held_out"] is not None:
        text += f", {show(mean['held_out']['value_in_units'])} held out, {_interval(mean['held_out'])}"
    return f"{text}; all in {loss['unit']}."


def _interval(row: Mapping[str, Any]) -> str:
    return f"{percent(1 - number(row['delta']))} interval {show_interval(row['interval_in_units'])}"


def _seen(sample: Mapping[str, Any]) -> str:
    return {True: "trained on", False: "not trained on", None: "whether it was trained on is not known here"}[
        sample["seen_in_training"]
    ]
