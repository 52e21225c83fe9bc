"""Intervals of log Z against the Gaussian reference."""

from __future__ import annotations

import math
from functools import partial

import torch

from villani_verify.calibration.case import LEVEL, Asked, Case, Replication
from villani_verify.criteria.budget import Budget
from villani_verify.criteria.gaussian_tails import gaussian_tails, log_ratio
from villani_verify.criteria.settings import Settings
from villani_verify.curvature.engine import engine_for
from villani_verify.curvature.probes import normals
from villani_verify.landscape import Landscape

_DECAY = 0.1


def bowl(dimension: int, ratio: float) -> tuple[Landscape, float]:
    """Return L = ½ c‖θ‖² with c = `ratio`·λ, and its log(Z/Z_G) = −(d/2) log(1 + c/λ)."""
    landscape = Landscape.from_function(
        lambda t: 0.5 * ratio * _DECAY * t.square().sum(), dimension, weight_decay=_DECAY, name="bowl"
    )
    return landscape, -dimension / 2 * math.log1p(ratio)


def _by_the_criterion(dimension: int, ratio: float, num_samples: int) -> Replication:
    landscape, truth = bowl(dimension, ratio)
    budget = Budget("calibration", level=LEVEL, tail_samples=num_samples, growth_rays=1, growth_decades=0.75)

    def replication(seed: int) -> bool:
        interval = gaussian_tails(landscape, budget, Settings(seed, engine_for("reverse"))).interval
        assert interval is not None, "every sample is finite"
        return interval[0] <= truth <= interval[1]

    return replication


def _by_log_ratio(dimension: int, ratio: float, num_samples: int) -> Replication:
    """Return the same with all samples drawn and evaluated at once: a hundred times faster."""
    landscape, truth = bowl(dimension, ratio)
    like = landscape.initial["theta"]
    deviation = math.sqrt(1 / (2 * _DECAY))  # s = 1

    def replication(seed: int) -> bool:
        points = normals("theta", (num_samples, dimension), seed=seed, index=0, like=like) * deviation
        losses = torch.vmap(lambda theta: landscape.loss_function({"theta": theta}, None))(points)
        _, (low, high), _ = log_ratio(losses.tolist(), 1.0, LEVEL)
        return low <= truth <= high

    return replication


_FEW = "Where weights are too skewed the interval runs from Jensen's bound to 0: it says little, and misses rarely."


def _case(dimension: int, ratio: float, num_samples: int, effective: int, asked: Asked = Asked.BOTH, why: str = "") -> Case:
    return Case(
        f"tails-{dimension}-{num_samples}-{ratio:g}", "log(Z/Z_G) of Gaussian tails",
        f"d = {dimension}, {num_samples} samples, effectively about {effective}",
        partial(_by_log_ratio, dimension, ratio, num_samples), asked, why,
    )  # fmt: skip


TAILS: tuple[Case, ...] = (
    Case("tails-criterion", "log(Z/Z_G) of Gaussian tails", "the criterion itself; d = 4, 64 samples, effectively about 36",
         partial(_by_the_criterion, 4, 1.0, 64)),
    _case(1, 0.01, 256, 256),
    _case(4, 1.0, 64, 36),
    _case(4, 1.0, 256, 144),
    _case(16, 0.2, 64, 51),
    _case(16, 0.75, 256, 54, Asked.AT_LEAST, _FEW),
    _case(64, 0.5, 256, 15, Asked.AT_LEAST, _FEW),
    _case(16, 3.0, 256, 4, Asked.AT_LEAST, _FEW),
    _case(16, 0.2, 12, 10),
    _case(1, 0.01, 12, 12),
)  # fmt: skip
"""Cases of log Z."""
