"""Witnesses of broken smoothness: what is kept of a flaw, and how it is found again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from villani_verify.criteria.smooth_line import Line, line, widened
from villani_verify.estimation.growth import fit_growth
from villani_verify.estimation.remainder import Expansion
from villani_verify.estimation.zoom import GAP, GROWTH, ROUNDINGS, STEEP, Expand, Flaw, Frame, rounding_level
from villani_verify.landscape import Landscape

ORDINALS = {0: "value", 1: "first derivative", 2: "second derivative", 3: "third derivative"}


@dataclass(frozen=True)
class KinkReplay:
    """A flaw looked at again.

    Attributes:
        reproduced: whether it is there.
        sentence: what was claimed.
        columns: names of the numbers in `rows`.
        rows: what was measured now.
    """

    reproduced: bool
    sentence: str
    columns: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]


def derivative_name(order: int) -> str:
    """Return "value", "first derivative", …, "derivative of order 4"."""
    return ORDINALS.get(order, f"derivative of order {order}")


def nearest_dtype(relative: float) -> str:
    """Return the floating-point format whose rounding is nearest to a relative error, on a logarithmic scale."""
    kinds = (torch.float32, torch.float16, torch.bfloat16)
    return str(min(kinds, key=lambda k: abs(math.log(relative / torch.finfo(k).eps)))).removeprefix("torch.")


def flaw_witness(where: Line, flaw: Flaw, frame: Frame, *, seed: int, order: int) -> dict[str, Any]:
    """Return the witness of a jump or a blow-up."""
    place = f"at t = {0.5 * (flaw.left + flaw.right):.10g} on a line through {_base_name(where.base)}"
    if flaw.kind == "jump":
        sentence = f"The {derivative_name(flaw.order)} of L jumps by {flaw.size:.4g} {place}."
    else:
        sentence = f"The {derivative_name(flaw.order)} of L grows without bound, like |t − t*|^{-flaw.exponent:.2f}, {place}."
    return _witness(where, frame, seed=seed, order=order) | {
        "flaw": flaw.kind, "order": flaw.order, "a": flaw.left, "b": flaw.right, "size": flaw.size, "sentence": sentence,
    }  # fmt: skip


def rounding_witness(where: Line, places: list[float], level: float, frame: Frame, *, seed: int, order: int) -> dict[str, Any]:
    """Return the witness of values that are computed in a lower precision than declared."""
    declared = str(where.declared).removeprefix("torch.")
    sentence = (
        f"The values of L behave like {nearest_dtype(level)}: they jump by {level:.1g} of their size however short the step, "
        f"although the landscape is declared {declared}."
    )
    return _witness(where, frame, seed=seed, order=order) | {
        "flaw": "rounding", "order": 0, "a": min(places), "b": max(places), "places": places, "size": level, "sentence": sentence,
    }  # fmt: skip


def replay_kink(landscape: Landscape, witness: Mapping[str, Any]) -> KinkReplay:
    """Look at a witness's place again, with expansions at other points than those it was found with.

    Args:
        landscape: built as it was then.
        witness: made by `flaw_witness` or `rounding_witness`, perhaps read back from JSON.

    Returns:
        What was measured, and whether the flaw is there.
    """
    where = line(
        widened(landscape), landscape.dtype, seed=int(witness["seed"]), index=int(witness["index"]), base=str(witness["base"])
    )
    order = int(witness["expansion_order"])
    if not 1 <= order <= _LARGEST_ORDER:  # it comes from a file, which should not keep a machine busy for ever
        raise ValueError(f"expansion_order {order} is not between 1 and {_LARGEST_ORDER}")
    expand = where.expand(order)
    frame = Frame(float(witness["magnitude"]), float(witness["feature"]), where.half_length, where.eps)
    if witness["flaw"] == "rounding":
        reproduced, columns, rows = _rounding_again(where, expand, witness, frame)
    else:
        first = expand(float(witness["a"]))  # the first expansion tells whether nested reverse mode, and its eps, is in use
        frame = Frame(frame.magnitude, frame.feature, frame.reach, where.eps)
        look = _jump_again if witness["flaw"] == "jump" else _blow_up_again
        reproduced, columns, rows = look(expand, first, witness, frame)
    return KinkReplay(reproduced, str(witness["sentence"]), columns, rows)


_LARGEST_ORDER = 30
Outcome = tuple[bool, tuple[str, ...], tuple[tuple[float, ...], ...]]


def _jump_again(expand: Expand, first: Expansion, witness: Mapping[str, Any], frame: Frame) -> Outcome:
    m, a, b = int(witness["order"]), float(witness["a"]), float(witness["b"])
    h = b - a
    # Steps that are not halves: rounding differs from when the flaw was found, a jump does not.
    across = [frame.interval(first, expand(b)), frame.interval(expand(a - 0.37 * h), expand(b + 0.41 * h))]
    right = frame.interval(across[1].right, expand(b + 1.57 * h))
    left = frame.interval(expand(a - 1.29 * h), across[1].left)
    beside = [right, left]
    sizes = [i.mismatch.size[m] for i in across]
    quiet = min(i.mismatch.size[m] for i in beside)
    steady = max(sizes) <= 1.5 * min(sizes)
    reproduced = steady and min(sizes) > GAP * quiet and min(sizes) > 10 * ROUNDINGS * max(i.floor[m] for i in across)
    rows = tuple((i.left.at, i.right.at, i.mismatch.size[m] * math.factorial(m)) for i in (*across, *beside))
    return reproduced, ("from t", "to t", f"mismatch of the {derivative_name(m)}"), rows


def _blow_up_again(expand: Expand, first: Expansion, witness: Mapping[str, Any], frame: Frame) -> Outcome:
    m, a, b = int(witness["order"]), float(witness["a"]), float(witness["b"])
    rows = []
    for s in range(1, GROWTH + 1):
        distance = (b - a) * 2.0**s
        ends = [expand(0.5 * (a + b) + side * distance).coefficients[m] for side in (-1, 1)]
        rows.append((distance, max(map(abs, ends)) * math.factorial(m)))
    fit = fit_growth([rows])
    reproduced = fit is not None and fit.interval(0.999)[1] < STEEP
    return reproduced, ("distance", f"|{derivative_name(m)}|"), tuple(rows)


def _rounding_again(where: Line, expand: Expand, witness: Mapping[str, Any], frame: Frame) -> Outcome:
    level = rounding_level(where.value, [expand(float(t)) for t in witness["places"]], frame)
    return level is not None, ("relative rounding claimed", "relative rounding now"), ((float(witness["size"]), level or 0.0),)


def _witness(where: Line, frame: Frame, *, seed: int, order: int) -> dict[str, Any]:
    return {
        "kind": "ray-kink", "criterion": "smoothness", "seed": seed, "index": where.index, "base": where.base,
        "expansion_order": order, "magnitude": frame.magnitude, "feature": frame.feature,
    }  # fmt: skip


def _base_name(base: str) -> str:
    return "the origin" if base == "origin" else "θ₀"
