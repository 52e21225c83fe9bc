"""The main job: all criteria on one landscape, and the object behind the JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from typing import Any

from villani_verify.criteria import CRITERION_NAMES
from villani_verify.criteria.budget import Budget, budget_for
from villani_verify.criteria.differential_growth_rays import differential_growth_rays
from villani_verify.criteria.differential_growth_uniform import differential_growth_uniform
from villani_verify.criteria.gaussian_tails import gaussian_tails
from villani_verify.criteria.quadratic_growth import quadratic_growth
from villani_verify.criteria.result import CriterionResult, Status
from villani_verify.criteria.settings import Progress, Settings, silent
from villani_verify.criteria.smoothness import smoothness
from villani_verify.curvature.engine import engine_for
from villani_verify.curvature.gradient_check import GradientCheck, gradient_check
from villani_verify.curvature.probes import derive_seed
from villani_verify.environment import describe_environment
from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.notes import collected_notes

SCHEMA_VERSION = 1

CRITERIA: Mapping[str, Callable[[Landscape, Budget, Settings], CriterionResult]] = {
    "smoothness": smoothness,
    "quadratic_growth": quadratic_growth,
    "gaussian_tails": gaussian_tails,
    "differential_growth_rays": differential_growth_rays,
    "differential_growth_uniform": differential_growth_uniform,
}
"""Criterion name → function, in the order in which they run."""


@dataclass(frozen=True)
class Verification:
    """All answers about one landscape.

    Attributes:
        landscape: what was verified.
        results: one for each criterion that was asked for.
        expected: criterion name → status that was expected; a name that is missing must only not be refuted.
        seed: from which everything drawn follows.
        budget: the plan that was spent.
        engine: name of the engine.
        temperatures: the s asked for; empty for every s > 0.
        environment: machine and versions.
        notes: what went otherwise than asked, such as smaller chunks after running out of memory.
        gradient_check: the gradient at θ₀ against the loss's values; None where Taylor arithmetic cannot expand the loss,
            or where it was not asked for.
    """

    landscape: Landscape
    results: tuple[CriterionResult, ...]
    expected: Mapping[str, str]
    seed: int
    budget: Budget
    engine: str
    temperatures: tuple[float, ...]
    environment: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    gradient_check: GradientCheck | None = None

    @property
    def verdict_as_expected(self) -> bool:
        """Whether every status is the expected one; where none is known, nothing may be refuted."""
        return all(as_expected(r, self.expected) for r in self.results)

    def as_dict(self) -> dict[str, Any]:
        """Return the results object: plain JSON values, infinities as the strings "Infinity" and "-Infinity"."""
        landscape = self.landscape
        rows = {r.name: _row(r, self.expected, landscape.request) for r in self.results}
        return strict_json({
            "schema_version": SCHEMA_VERSION,
            "landscape": {
                "name": landscape.name,
                "dimension": landscape.dimension,
                "weight_decay": _decay_summary(landscape),
                "undecayed": list(landscape.undecayed),
                "dtype": str(landscape.dtype).removeprefix("torch."),
                "device": str(landscape.device),
                "loss": landscape.loss(landscape.initial),
                "request": landscape.request,
            },
            "environment": dict(self.environment),
            "seed": self.seed,
            "budget": self.budget.name,
            "engine": self.engine,
            "temperatures": list(self.temperatures),
            "criteria": rows,
            "critical_temperature": _critical_temperatures(self.results),
            "verdict_as_expected": self.verdict_as_expected,
            "interrupted": False,
            "gradient_check": None if self.gradient_check is None else asdict(self.gradient_check),
            "notes": list(self.notes),
        })  # fmt: skip


def as_expected(result: CriterionResult, expected: Mapping[str, str]) -> bool:
    """Say whether a result has the expected status, or is merely not refuted where none is known."""
    return status_as_expected(result.status, expected.get(result.name))


def status_as_expected(status: str, known: str | None) -> bool:
    """Say whether a status is the known one, or merely not refuted where none is known."""
    return status == known if known else status != Status.REFUTED


def verify(
    landscape: Landscape,
    *,
    budget: str = "quick",
    seed: int = 0,
    engine: str = "auto",
    temperatures: Sequence[float] = (),
    criteria: Sequence[str] = CRITERION_NAMES,
    expect: Mapping[str, str] | None = None,
    progress: Progress = silent,
    gradient: bool = True,
) -> Verification:
    """Check Villani's criteria on a landscape.

    Args:
        landscape: `F`.
        budget: "quick", "standard" or "thorough".
        seed: everything drawn follows from it.
        engine: "auto", "taylor", "reverse" or "forward-over-reverse".
        temperatures: restrict the differential-growth criteria to these s; default every s > 0.
        criteria: names of the criteria to check.
        expect: criterion name → status, over what the landscape itself expects.
        progress: called as progress(what, done, total).
        gradient: whether to check the gradient at θ₀ against the loss's values first.

    Returns:
        The verification; `.as_dict()` is the results object.

    Raises:
        RequestError: if a name is unknown or a temperature is not a positive finite number.
        LandscapeError: if the loss is not a finite, non-negative, deterministic scalar.
    """
    check_temperatures(temperatures)
    expected = {**landscape.expected, **check_expectations(expect or {})}
    asked = {check_criterion(name) for name in criteria}
    chosen = [name for name in CRITERION_NAMES if name in asked]
    plan = budget_for(budget, landscape.dimension)
    settings = Settings(seed, engine_for(engine), tuple(temperatures), progress)
    so_far = Verification(
        landscape, (), expected, seed, plan, settings.engine.name, tuple(temperatures), describe_environment(landscape.device)
    )
    with collected_notes() as notes:
        landscape.check()
        if gradient:
            so_far = replace(so_far, gradient_check=gradient_check(landscape, seed=derive_seed(seed, "gradient check")))
        results = [CRITERIA[name](landscape, plan, settings) for name in chosen]
    return replace(so_far, results=tuple(results), engine=settings.engine.name, notes=notes.texts())


def check_temperatures(temperatures: Sequence[float]) -> None:
    """Raise RequestError unless every temperature is positive and finite."""
    for s in temperatures:
        if not (math.isfinite(s) and s > 0):
            raise RequestError(f"temperature {s}: it is not a positive finite number; give one such as 0.01")


def check_criterion(name: str) -> str:
    """Return `name`, or raise RequestError if there is no such criterion."""
    if name not in CRITERION_NAMES:
        close = get_close_matches(name, CRITERION_NAMES, n=1) or [CRITERION_NAMES[0]]
        raise RequestError(f"criterion {name!r}: unknown; there are {', '.join(CRITERION_NAMES)} (did you mean {close[0]!r}?)")
    return name


def check_expectations(expect: Mapping[str, str]) -> dict[str, str]:
    """Return `expect`, or raise RequestError if a name or a status is unknown."""
    for name, status in expect.items():
        check_criterion(name)
        if status not in list(Status):
            raise RequestError(f"expected status {status!r} of {name}: unknown; it is one of {', '.join(Status)}")
    return dict(expect)


def strict_json(value: Any) -> Any:
    """Return `value` with infinities as strings, tuples as lists and names as text, ready for strict JSON.

    Raises:
        ValueError: if there is a NaN: it would mean that an unfinished number escaped.
    """
    if isinstance(value, bool) or value is None or isinstance(value, int | str):
        return str(value) if isinstance(value, Status) else value
    if isinstance(value, float):
        if math.isnan(value):
            raise ValueError("a NaN reached the results")
        return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, Mapping):
        return {str(k): strict_json(v) for k, v in value.items()}
    if isinstance(value, Sequence):
        return [strict_json(v) for v in value]
    return str(value)


def _row(result: CriterionResult, expected: Mapping[str, str], request: Mapping[str, Any] | None) -> dict[str, Any]:
    # With the request in it a witness can be replayed on its own.
    witness = result.witness if result.witness is None or request is None else {**result.witness, "request": request}
    return {
        "status": result.status,
        "expected": expected.get(result.name),
        "as_expected": as_expected(result, expected),
        "claim": result.claim,
        "summary": result.summary,
        "statistic_name": result.statistic_name,
        "statistic": result.statistic,
        "interval": result.interval,
        "level": result.level,
        "evidence": result.evidence,
        "witness": witness,
        "cost": result.cost.as_dict(),
    }


def _decay_summary(landscape: Landscape) -> float | dict[str, float]:
    values = set(landscape.decay.values())
    return values.pop() if len(values) == 1 else dict(landscape.decay)


def _critical_temperatures(results: Sequence[CriterionResult]) -> list[dict[str, Any]]:
    return [
        {"radius": p["radius"], "family": family["label"], **p["critical_temperature"]}
        for r in results
        if r.name.startswith("differential_growth")
        for family in r.evidence["families"]
        for p in family["points"]
    ]
