"""Measure rates of Langevin chains over λ and s on small landscapes of the zoo, beside the gap by finite volumes, as a table.

    python scripts/langevin_grid.py > grid.md

The Markdown goes into docs/langevin.md. Twenty cells take about twenty minutes on one processor.
"""

from __future__ import annotations

import math
import sys
import time
from typing import Any

from villani_verify.errors import LandscapeError
from villani_verify.landscapes.zoo import zoo_entry
from villani_verify.theory.langevin.predictions import rate_of
from villani_verify.theory.langevin.study import study
from villani_verify.theory.poincare.constant import poincare_constant

LANDSCAPES = ("double-well", "curved-valley", "logistic-regression", "tanh-regression", "cosine-wells")
WEIGHT_DECAYS = (0.1, 1.0)
TEMPERATURES = (0.5, 2.0)
STEPS = 30_000
STEP_FRACTION = 0.02  # of the stability limit at the start, less than the default: far out a double well is steeper


def main() -> None:
    """Print the table; progress goes to standard error."""
    print("| landscape | λ | s | gap γ | slowest rate | C_P | C_P, measured | rate of F | stated rate |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in LANDSCAPES:
        landscape = zoo_entry(name).make()
        for decay in WEIGHT_DECAYS:
            decayed = landscape.with_decay(decay)
            for s in TEMPERATURES:
                started = time.perf_counter()
                try:
                    truth = poincare_constant(decayed, s).value
                except LandscapeError:  # no grid resolves it
                    truth = math.nan
                found = study(landscape, weight_decays=[decay], temperatures=[s], steps=STEPS, step_fraction=STEP_FRACTION)
                cell = found.cells[0].as_dict(found.record_every)
                bias = cell["discretisation_bias"]["poincare"]
                relaxation = cell["relaxation"] or {"rate": None}
                mixing = cell["mixing_rate"] or {}
                row = [
                    f"`{name}`", f"{decay:g}", f"{s:g}", _number(rate_of(truth, s)),
                    _shown(mixing.get("slowest_rate")) if cell["status"] == "measured" else cell["status"].replace("_", " "),
                    _number(truth), _shown(bias and bias["extrapolated"]), _shown(relaxation["rate"]),
                    f"{cell['predicted']['stated']['rate']:.3g}",
                ]  # fmt: skip
                print("| " + " | ".join(row) + " |", flush=True)
                what = f"{name} λ = {decay:g} s = {s:g}: {cell['status']} {cell['reason']}"
                print(what, f"{time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)


def _number(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:.4g}"


def _shown(estimate: dict[str, Any] | None) -> str:
    if not estimate:
        return "none"
    low, high = estimate["interval"]
    return f"{estimate['value']:.4g} [{low:.4g}, {high:.4g}]"


if __name__ == "__main__":
    main()
