"""The accuracy gate: a wrong answer has no speed.

An engine's vᵀ∇²L v is held against the central difference vᵀ(∇L(θ + hv) − ∇L(θ − hv)) / 2h in float64, which needs
first derivatives only and so shares nothing with any engine but the forward pass.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import torch

from villani_verify.curvature.double_backward import DoubleBackward
from villani_verify.curvature.gradient import loss_and_gradient
from villani_verify.curvature.probe_signs import probe_of
from villani_verify.estimation.estimate import Estimate
from villani_verify.landscape import Landscape

NUM_CHECKED = 2
"""How many of the probes are checked: each costs two gradients in float64."""

STEP = 1e-6
"""h. On GPT-Neo tiny and small the truncation error, ∝ h², is then below 1e-7 relative, and rounding below 1e-9."""

NUM_SAMPLES = 16
"""Samples of the Laplacian whose mean is checked."""

NUM_REFERENCES = 64
"""Quadratic forms whose mean an estimate is held against."""

STANDARD_ERRORS = 6.0
"""Of the difference of two means of that many: exceeded by a correct engine once in a million runs."""

TOLERANCES = {torch.float64: 1e-6, torch.float32: 1e-3}
"""Largest error allowed, relative to the largest form checked. Seen at most: 5e-9 in float64, 3e-6 in float32."""


class InaccurateEngineError(Exception):
    """The engine's quadratic forms are wrong, so that its time and memory mean nothing."""


def reference_forms(landscape: Landscape, *, seed: int, indices: Sequence[int]) -> list[float]:
    """Return central differences of the gradient along the probes with these addresses, in float64."""
    precise = landscape.to(dtype=torch.float64)
    return [_central_difference(precise, seed, index) for index in indices]


def check_forms(forms: Sequence[float], landscape: Landscape, *, seed: int) -> None:
    """Check the forms of probes 0, 1, … at the reference point.

    Args:
        forms: what the engine returned, at least `NUM_CHECKED` numbers.
        landscape: L, θ, and the dtype the engine worked in.
        seed: of the probes.

    Raises:
        InaccurateEngineError: if one is further from its central difference than the dtype's tolerance.
    """
    expected = reference_forms(landscape, seed=seed, indices=range(NUM_CHECKED))
    allowed = TOLERANCES[landscape.dtype] * max(map(abs, expected))
    for index, (form, value) in enumerate(zip(forms[:NUM_CHECKED], expected, strict=True)):
        # Written so that NaN fails.
        if not abs(form - value) <= allowed:
            raise InaccurateEngineError(
                f"{landscape.name}, probe {index}: {form!r}, central differences give {value!r} ± {allowed:.1g}; mend the engine"
            )


def check_samples(samples: Sequence[float], landscape: Landscape, *, seed: int) -> None:
    """Check that samples of the Laplacian at the reference point have the mean of as many quadratic forms.

    Args:
        samples: independent ones, `NUM_SAMPLES` or more.
        landscape: L and θ.
        seed: of the probes of the quadratic forms, which are those of reverse mode.

    Raises:
        InaccurateEngineError: if the means are further apart than `STANDARD_ERRORS`.
    """
    forms = DoubleBackward().quadratic_forms(landscape, landscape.initial, seed=seed, indices=range(len(samples)))
    means = statistics.fmean(samples), statistics.fmean(forms)
    allowed = STANDARD_ERRORS * math.sqrt((statistics.variance(samples) + statistics.variance(forms)) / len(samples))
    # Written so that NaN fails.
    if not abs(means[0] - means[1]) <= allowed:
        raise InaccurateEngineError(
            f"{landscape.name}: samples have mean {means[0]!r}, quadratic forms {means[1]!r} ± {allowed:.1g}; mend the engine"
        )


def check_estimate(estimate: Estimate, landscape: Landscape, *, seed: int, relative: float) -> None:
    """Check an estimate of the Laplacian of L at the reference point against the mean of quadratic forms in reverse mode.

    Args:
        estimate: to be checked, with its own standard error.
        landscape: L and θ.
        seed: of the probes of the quadratic forms, which should not be those of the estimate.
        relative: the standard error that was asked for, over |value|.

    Raises:
        InaccurateEngineError: if the two are further apart than `STANDARD_ERRORS`, or the standard error is not as small as asked.
    """
    forms = DoubleBackward().quadratic_forms(landscape, landscape.initial, seed=seed, indices=range(NUM_REFERENCES))
    mean = statistics.fmean(forms)
    allowed = STANDARD_ERRORS * math.hypot(estimate.standard_error, statistics.stdev(forms) / math.sqrt(NUM_REFERENCES))
    # Written so that NaN fails.
    if not abs(estimate.value - mean) <= allowed:
        raise InaccurateEngineError(
            f"{landscape.name}: estimate {estimate.value!r}, quadratic forms have mean {mean!r} ± {allowed:.1g}; mend the method"
        )
    if not estimate.standard_error <= relative * abs(estimate.value):
        raise InaccurateEngineError(
            f"{landscape.name}: {estimate.value!r} ± {estimate.standard_error!r} is not known to {relative:.0%}; allow more samples"
        )


def _central_difference(landscape: Landscape, seed: int, index: int) -> float:
    probe = probe_of(landscape.initial, seed=seed, index=index)
    slopes = []
    for step in (STEP, -STEP):
        _, gradient = loss_and_gradient(landscape, {n: t + step * probe[n] for n, t in landscape.initial.items()})
        slopes.append(math.fsum(float((gradient[n] * probe[n]).sum()) for n in probe))
    return (slopes[0] - slopes[1]) / (2 * STEP)
