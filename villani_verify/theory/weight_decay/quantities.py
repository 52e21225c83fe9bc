"""What theory says of one trained model: s*, a bound on its mixing time, a measured rate, and a generalisation bound."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from villani_verify.curvature.engine import engine_for
from villani_verify.estimation.estimate import Interval
from villani_verify.estimation.psi import measure_point
from villani_verify.landscape import Landscape
from villani_verify.theory.bounds.das_dutta import das_dutta
from villani_verify.theory.gibbs import Gibbs
from villani_verify.theory.langevin.study import study as run_langevin
from villani_verify.theory.pac_bayes.bounded_losses import bounded_loss
from villani_verify.theory.pac_bayes.sample import Sample
from villani_verify.theory.pac_bayes.study import certify
from villani_verify.theory.weight_decay.text import Parts

LARGER_IS_BETTER: Mapping[str, bool] = {
    "critical_temperature": True,
    "log_sobolev_bound": False,
    "mixing_rate": True,
    "pac_bayes_bound": False,
}
"""What theory would choose λ by; a wider range of temperatures, a smaller constant, faster mixing, a smaller bound."""


@dataclass(frozen=True)
class Effort:
    """How carefully each quantity is measured.

    Attributes:
        probes: of ΔL, for s*.
        rows: training rows of the landscape that curvature and chains see.
        temperature: of the chains.
        chains: of them.
        steps: of each.
        step_fraction: their step size, over the largest stable one.
        draws: of the posterior, for the PAC-Bayes bound.
        posterior_sds: standard deviations it may choose from, in units of each tensor's root mean square.
        delta: error probability of the bounds of one grid of λ together.
    """

    probes: int = 16
    rows: int = 8
    temperature: float = 1e-4
    chains: int = 4
    steps: int = 200
    step_fraction: float = 0.4
    draws: int = 200
    posterior_sds: tuple[float, ...] = (0.03, 0.1, 0.3)
    delta: float = 0.05


def measure_quantities(
    model: nn.Module, parts: Parts, *, weight_decay: float, grid_size: int, effort: Effort, seed: int
) -> dict[str, Any]:
    """Return each quantity of `LARGER_IS_BETTER` at a trained model: {value, interval}, or None where there is none.

    The landscape is the mean loss over some training rows with this λ. s* has the interval of its probes. The bound is
    1/λ + d/λ² at s = 2, a function of λ alone. The rate is that at which F relaxes from the trained model in noisy gradient
    descent at a low temperature, None where no exponential can be told. The PAC-Bayes bound is McAllester's of the clipped
    cross-entropy in nats, for the prior N(0, I/λ) and all training rows, at δ over the size of the grid; unlike the kl
    inverse it tells λ apart also where it exceeds the largest loss there is.

    Args:
        model: trained.
        parts: its text.
        weight_decay: λ > 0.
        grid_size: number of λ whose bounds shall hold together.
        effort: how carefully.
        seed: address of probes, noise and draws.
    """
    few = Landscape.causal_lm(model, parts.training[: effort.rows], weight_decay=weight_decay)
    point = measure_point(few, few.initial, engine=engine_for("auto"), seed=seed, num_probes=effort.probes)
    cell = run_langevin(
        few,
        temperatures=(effort.temperature,),
        chains=effort.chains,
        steps=effort.steps,
        step_fraction=effort.step_fraction,
        seed=seed,
        start="reference",
        measure_bias=False,
    ).cells[0]
    rate = None if cell.relaxation is None else cell.relaxation.rate
    bound = _pac_bayes(few, parts, weight_decay, effort, effort.delta / grid_size, seed)
    return {
        "critical_temperature": _row(point.critical_temperature, point.critical_temperature_interval()),
        "log_sobolev_bound": _row(das_dutta(Gibbs.of(few)).value, None),
        "mixing_rate": None if rate is None else _row(rate.value, rate.interval),
        "pac_bayes_bound": _row(bound, None),
    }


def _pac_bayes(few: Landscape, parts: Parts, weight_decay: float, effort: Effort, delta: float, seed: int) -> float:
    """Return the least of McAllester's bounds in nats, which tell λ apart also where they exceed the largest loss."""
    loss = bounded_loss(few, "clipped-cross-entropy")
    found = certify(
        few,
        loss,
        training=Sample(parts.training, "the training rows", seen=True),
        prior_precisions=(weight_decay,),
        posterior_sds=effort.posterior_sds,
        relative_sd=True,
        delta=0.8 * delta,
        monte_carlo_delta=0.2 * delta,
        draws=effort.draws,
        seed=seed,
    )
    return loss.scale * min(c.bounds["mcallester"] for c in found.certificates)


def _row(value: float | None, interval: Interval | None) -> dict[str, Any] | None:
    if value is None or not math.isfinite(value):
        return None
    return {"value": value, "interval": None if interval is None else [x if math.isfinite(x) else None for x in interval]}
