"""Checks of a landscape on this machine: is it one, is it deterministic, and are its derivatives right."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from villani_verify.cli.checks.finding import Finding
from villani_verify.cli.checks.machine import available_memory
from villani_verify.curvature.engine import ENGINES, engine_for
from villani_verify.curvature.engine_interface import Engine
from villani_verify.curvature.gradient import loss_and_gradient
from villani_verify.curvature.probe_signs import probe_of
from villani_verify.errors import LandscapeError, VillaniError, one_line
from villani_verify.landscape import Landscape
from villani_verify.landscapes.dtype_audit import audit_dtype
from villani_verify.points import Point, norm

# A backward pass with a kept graph holds θ, ∇L, a probe, a product and their gradients; activations come on top.
_COPIES = 6
_LARGE = 5_000_000
# Relative to the largest quadratic form; the engines sum thousands of terms in different orders.
_ENGINE_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-3}
# Best of three steps. Truncation falls like h² and rounding rises like 1e-16/h, so they meet well below this.
_DIFFERENCE_TOLERANCE = 1e-5
_STEPS = (1e-3, 1e-4, 1e-5)
# What torch raises where an operation has no rule for a kind of differentiation.
_NO_RULE = (NotImplementedError, RuntimeError, TypeError, ValueError)


def landscape_findings(landscape: Landscape) -> Iterator[Finding]:
    """Yield what was found about a landscape; the first failure of its loss ends it."""
    yield _memory(landscape)
    try:
        loss = landscape.check()
    except LandscapeError as e:
        yield Finding("loss", "FAIL", f"{one_line(e)}.")
        return
    yield Finding("loss", "OK", f"L = {loss:.6g} at the reference point: finite, not negative, twice the same.")
    yield _decay(landscape)
    yield _repeatable_gradient(landscape)
    yield _dtype(landscape)
    yield from _engines(landscape)


def _memory(landscape: Landscape) -> Finding:
    itemsize = torch.finfo(landscape.dtype).bits // 8
    needed = _COPIES * landscape.dimension * itemsize
    dtype = str(landscape.dtype).removeprefix("torch.")
    about = f"{landscape.name} has {landscape.dimension:,} parameters in {dtype} on {landscape.device}"
    if landscape.device.type == "cuda":
        available: int | None = torch.cuda.mem_get_info(landscape.device)[0]
    else:
        available = available_memory()
    wanted = f"about {_size(needed)} and the activations are needed"
    if available is not None and needed > available:
        return Finding("landscape", "NOTE", f"{about}; {wanted}, but only {_size(available)} are free.")
    return Finding("landscape", "OK", f"{about}; {wanted}.")


def _size(count: int) -> str:
    number, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if number >= 1000:
            number, unit = number / 1000, larger
    return f"{number:.3g} {unit}"


def _decay(landscape: Landscape) -> Finding:
    if not landscape.undecayed:
        return Finding("weight decay", "OK", f"Every tensor is decayed, with λ of at least {landscape.smallest_decay:g}.")
    count, example = len(landscape.undecayed), landscape.undecayed[0]
    sentence = f"λ = 0 on {count} of {len(landscape.initial)} tensors, such as {example}; expect no quadratic growth in them."
    return Finding("weight decay", "NOTE", sentence)


def _repeatable_gradient(landscape: Landscape) -> Finding:
    (_, first), (_, second) = (loss_and_gradient(landscape, landscape.initial) for _ in range(2))
    different = [n for n in first if not torch.equal(first[n], second[n])]
    if not different:
        return Finding("determinism", "OK", "The gradient is the same to the last bit when computed twice.")
    sentence = (
        f"The gradient of {different[0]} changes in its last digits from run to run; repeated results will differ by rounding."
    )
    return Finding("determinism", "NOTE", sentence)


def _dtype(landscape: Landscape) -> Finding:
    audit = audit_dtype(landscape)
    best = f"best relative error of central differences {audit.best_relative_error:.1g}"
    if audit.passed:
        return Finding("dtype", "OK", f"The loss is computed in {audit.dtype} throughout ({best}).")
    step, error, allowed = max(
        zip(audit.steps, audit.errors, audit.allowed, strict=True), key=lambda row: row[1] / row[2] if row[2] else 0.0
    )
    sentence = (
        f"Part of the loss is computed in less than {audit.dtype}, or it is not smooth near the reference point: at step {step:g} "
        f"central differences err by {error:.1g} where {allowed:.1g} is allowed; remove casts such as .float()."
    )
    return Finding("dtype", "FAIL", sentence)


def _engines(landscape: Landscape) -> Iterator[Finding]:
    """Compare the engines on the same probes with each other, and in float64 with central differences."""
    indices = range(1 if landscape.dimension > _LARGE else 4)
    forms: dict[str, list[float]] = {}
    for name in ENGINES:
        if name == "auto":
            continue
        found = _forms(engine_for(name), landscape, indices)
        if isinstance(found, str):
            yield Finding("engines", "NOTE", f"The engine {name!r} cannot be used on this landscape: {found}.")
        else:
            forms[name] = found
    if not forms:
        yield Finding("engines", "FAIL", "No engine can differentiate this loss twice; use operations that torch can.")
        return
    names = list(forms)
    scale = max((abs(x) for row in forms.values() for x in row), default=0.0)
    if len(names) > 1:
        worst = max(abs(a - b) for other in names[1:] for a, b in zip(forms[names[0]], forms[other], strict=True))
        tolerance = _ENGINE_TOLERANCE.get(landscape.dtype, 1e-3)
        yield _agreement(
            f"The engines {', '.join(names[:-1])} and {names[-1]} agree", "The engines disagree", worst, scale, tolerance
        )
    if landscape.dtype == torch.float64:
        errors = {name: max(_difference(landscape, k, row[k]) for k in indices) for name, row in forms.items()}
        worst_name = max(names, key=errors.__getitem__)
        yield _agreement(
            "Central differences of the gradient confirm them",
            f"Central differences of the gradient do not confirm the engine {worst_name!r}, or the loss is not smooth near the "
            "reference point",
            errors[worst_name], scale, _DIFFERENCE_TOLERANCE,
        )  # fmt: skip


def _forms(engine: Engine, landscape: Landscape, indices: range) -> list[float] | str:
    """Return the quadratic forms, or why there are none."""
    try:
        return engine.quadratic_forms(landscape, landscape.initial, seed=0, indices=list(indices))
    except VillaniError:
        raise
    except _NO_RULE as e:
        return one_line(e, 120).rstrip(".")


def _agreement(good: str, bad: str, worst: float, scale: float, tolerance: float) -> Finding:
    relative = worst / scale if scale > 0 else worst
    if relative <= tolerance:
        return Finding("engines", "OK", f"{good}: largest relative difference {relative:.1g} ({tolerance:g} is allowed).")
    return Finding("engines", "FAIL", f"{bad}: largest relative difference {relative:.1g}, where {tolerance:g} is allowed.")


def _difference(landscape: Landscape, index: int, form: float) -> float:
    """Return the smallest difference, over three steps h, of vᵀ∇²L v from vᵀ(∇L(θ + hv) − ∇L(θ − hv))/2h."""
    theta = landscape.initial
    probe = probe_of(theta, seed=0, index=index)
    length = norm(theta) or 1.0
    steps = [h * length / norm(probe) for h in _STEPS]
    slope = _slope_along(landscape, theta, probe)
    return min(abs((slope(h) - slope(-h)) / (2 * h) - form) for h in steps)


def _slope_along(landscape: Landscape, theta: Point, probe: Point) -> Callable[[float], float]:
    def slope(step: float) -> float:
        moved = {n: t + step * probe[n] for n, t in theta.items()}
        _, gradient = loss_and_gradient(landscape, moved)
        return float(sum((gradient[n] * probe[n]).sum(dtype=torch.float64) for n in theta))

    return slope
