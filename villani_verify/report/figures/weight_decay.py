"""The weight-decay study: losses against λ, and what each quantity would choose."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from villani_verify.report.figures.axes import log_axis
from villani_verify.report.figures.canvas import PALETTE, Drawn, canvas, finish

_DRAWN = (("training_loss", "ray", "training"), ("validation_loss", "hue3", "validation"), ("test_loss", "hue1", "test"))
_KINDS = {"l2": "L2 in the gradient", "decoupled": "decoupled (AdamW)"}


def draw_weight_decay(rows: Sequence[Mapping[str, Any]]) -> list[Drawn]:
    """Return one figure for each text and kind of decay: losses against λ, a point a seed, and a line through their means."""
    groups = dict.fromkeys((r["text"], r["decay"]) for r in rows)
    return [_losses(text, decay, [r for r in rows if (r["text"], r["decay"]) == (text, decay)]) for text, decay in groups]


def _losses(text: str, decay: str, rows: Sequence[Mapping[str, Any]]) -> Drawn:
    decays = sorted({float(r["weight_decay"]) for r in rows})
    title = f"Losses against λ on {text}, {_KINDS.get(decay, decay)}"
    with canvas() as (figure, axes):
        log_axis(axes, "x", decays)
        for key, role, label in _DRAWN:
            means = []
            for lam in decays:
                values = [float(r[key]) for r in rows if r["weight_decay"] == lam]
                axes.plot([lam] * len(values), values, "o", color=PALETTE[role], alpha=0.5)
                means.append(math.fsum(values) / len(values))
            axes.plot(decays, means, color=PALETTE[role], label=label)
        axes.set_xlabel("weight decay λ")
        axes.set_ylabel("loss in nats per token")
        axes.legend(loc="best")
        seeds = len({r["seed"] for r in rows})
        see = f"A point is one training, of {seeds} seed{'s' if seeds > 1 else ''}; lines join the means."
        failed = "If λ did not matter, the lines would be level."
        name = f"weight-decay-{text}-{decay}"
        return Drawn(name, title, finish(figure, name, title, f"{see} {failed}"), see, failed)
