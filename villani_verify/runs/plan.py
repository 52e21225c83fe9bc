"""What a campaign measures: a grid, as a TOML file describes it, and the units that it consists of."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from villani_verify.criteria import CRITERION_NAMES
from villani_verify.criteria.budget import budget_for
from villani_verify.curvature.engine import engine_for
from villani_verify.errors import RequestError, one_line, shown
from villani_verify.landscapes.request import LandscapeRequest
from villani_verify.measurement import EXACT_DIMENSION, NUM_PROBES
from villani_verify.runs.placed import Placed, criterion_unit
from villani_verify.runs.unit import Unit
from villani_verify.search.scan import log_spaced
from villani_verify.verification import check_criterion, check_temperatures

_MOST_UNITS = 10_000_000
# Those whose rays depend on neither weight decay nor a gradient, so that a grid of weight decays shares its probes.
DIRECTIONS = ("isotropic", "sign", "sparse")


@dataclass(frozen=True)
class Plan:
    """A campaign: landscapes × weight decays × rays × radii, each with ranges of probes, and criteria to check.

    Attributes:
        landscape: requests, as on the command line; a text is the name of a landscape.
        weight_decay: λ, each for every landscape; empty for the landscapes' own.
        temperature: s at which Ψ_s is tabulated. They cost nothing: Ψ_s follows from ‖∇F‖² and ΔF.
        directions: kinds of rays.
        rays: of each kind.
        base: "origin", where rays are θ = rv, or "initial", where they are θ₀ + rv.
        radii: distances r along the rays.
        probes: for each point; None for exact Laplacians up to 2,000 parameters and 16 probes above.
        probes_per_unit: how many of them are one unit.
        engine: as for `verify`.
        seed: everything drawn follows from it.
        level: confidence of the intervals.
        criteria: to check as well, on every landscape at every weight decay.
        budget: for that.
        seeds: for that; each is a verification of its own.
        device: "cpu" or "cuda".
        threads: of the processor, for each unit.
    """

    landscape: tuple[LandscapeRequest, ...]
    weight_decay: tuple[float, ...] = ()
    temperature: tuple[float, ...] = ()
    directions: tuple[str, ...] = ("isotropic",)
    rays: int = 1
    base: str = "origin"
    radii: tuple[float, ...] = ()
    probes: int | None = None
    probes_per_unit: int = 16
    engine: str = "auto"
    seed: int = 0
    level: float = 0.95
    criteria: tuple[str, ...] = ()
    budget: str = "quick"
    seeds: tuple[int, ...] = (0,)
    device: str = "cpu"
    threads: int = 1

    def __post_init__(self) -> None:
        """Check that everything is known and in range."""
        check_temperatures(self.temperature)
        engine_for(self.engine)
        budget_for(self.budget, 1)
        for name in self.criteria:
            check_criterion(name)
        for kind in self.directions:
            if kind not in DIRECTIONS:
                raise _wrong("directions", kind, f"is none of {', '.join(DIRECTIONS)}")
        for what, count, least in (
            ("rays", self.rays, 0), ("probes_per_unit", self.probes_per_unit, 1), ("threads", self.threads, 1),
            ("probes", NUM_PROBES if self.probes is None else self.probes, 2),
        ):  # fmt: skip
            if count < least:
                raise _wrong(what, count, f"is not at least {least}")
        for r in self.radii:
            if not (math.isfinite(r) and r > 0):
                raise _wrong("radii", r, "is not a positive finite number")
        for lam in self.weight_decay:
            if not (math.isfinite(lam) and lam >= 0):
                raise _wrong("weight_decay", lam, "is not a finite number ≥ 0")
        for what, text, known in (("base", self.base, ("origin", "initial")), ("device", self.device, ("cpu", "cuda"))):
            if text not in known:
                raise _wrong(what, text, f"is none of {', '.join(known)}")
        if not 0 < self.level < 1:
            raise _wrong("level", self.level, "is not between 0 and 1")
        if not self.landscape:
            raise RequestError('campaign: it names no landscape; add landscape = ["gpt-neo-tiny"]')
        stored = [r for r in self.landscape if r.stored]
        if stored and self.criteria:
            raise RequestError(
                "campaign: criteria need all parameters of a model at once, and one of them stays in its files; leave one out"
            )
        if stored and "sparse" in self.directions:
            raise _wrong("directions", "sparse", "needs all parameters of a model at once, and one of them stays in its files")
        if not self.criteria and not (self.radii and self.rays and self.directions):
            raise RequestError("campaign: there is nothing to measure; add radii and rays, or criteria")
        units = self.count()
        if units > _MOST_UNITS:
            raise RequestError(f"campaign: it has {units:,} units, more than {_MOST_UNITS:,}; cut it in several")

    def count(self) -> int:
        """Return an upper bound of the number of units."""
        points = len(self.directions) * self.rays * len(self.radii)
        verified = len(self.criteria) * len(self.seeds) * max(1, len(self.weight_decay))
        ranges = -(-(self.probes or NUM_PROBES) // self.probes_per_unit)
        return len(self.landscape) * (points * (1 + ranges) + verified)

    def ranges(self) -> Iterator[tuple[int, int]]:
        """Iterate over (first, count) of the ranges of probes."""
        total = self.probes or NUM_PROBES
        for first in range(0, total, self.probes_per_unit):
            yield first, min(self.probes_per_unit, total - first)

    def exact(self, dimension: int) -> bool:
        """Say whether Laplacians of a landscape are exact."""
        return self.probes is None and dimension <= EXACT_DIMENSION

    def families(self) -> list[dict[str, Any]]:
        """Return the rays as plain values."""
        return [
            {"type": "ray", "kind": kind, "seed": self.seed, "index": i, "base": self.base, "tensor": None}
            for kind in self.directions
            for i in range(self.rays)
        ]


def units_of(settings: Mapping[str, Any]) -> Iterator[Unit]:
    """Iterate over the units that follow from a campaign's settings, cheap ones of a point before its probes.

    Args:
        settings: as `settings_of` gives them.
    """
    plan = plan_from(settings["plan"])
    placed = [Placed(**p) for p in settings["landscapes"]]
    ranges = list(plan.ranges())
    for landscape in {p.digest: p for p in placed}.values():
        for family in plan.families():
            for r in plan.radii:
                where = {"family": family, "r": r}
                if landscape.stored:
                    for first, count in ranges:
                        yield Unit("streamed", landscape.digest, where | {"seed": plan.seed, "first": first, "count": count})
                    continue
                yield Unit("gradient", landscape.digest, where)
                if plan.exact(landscape.dimension):
                    yield Unit("exact", landscape.digest, where)
                    continue
                for first, count in ranges:
                    drawn = {"engine": plan.engine, "seed": plan.seed, "first": first, "count": count}
                    yield Unit("probes", landscape.digest, where | drawn)
    for landscape in placed:
        for seed in plan.seeds if plan.criteria else ():
            for name in CRITERION_NAMES:
                if name in plan.criteria:
                    yield criterion_unit(
                        landscape, name, budget=plan.budget, seed=seed, engine=plan.engine, temperatures=plan.temperature,
                        expect=landscape.expected, gradient=False,
                    )  # fmt: skip


def settings_of(plan: Plan, placed: Sequence[Placed]) -> dict[str, Any]:
    """Return the settings of a campaign's store: everything from which its units and tables follow."""
    values = {f.name: getattr(plan, f.name) for f in fields(plan)}
    return {
        "type": "campaign",
        "plan": values | {"landscape": [r.as_dict() for r in plan.landscape]},
        "landscapes": [p.as_dict() for p in placed],
    }


def read_plan(path: Path) -> Plan:
    """Return the plan in a TOML file.

    Raises:
        RequestError: if it cannot be read, or has an unknown name, a wrong type or a value that is out of range.
    """
    where = f"campaign {str(path)!r}"
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise RequestError(f"{where}: {e.strerror or 'unreadable'}; give a TOML file") from e
    except (ValueError, RecursionError) as e:
        raise RequestError(f"{where}: it is no TOML ({one_line(e, 160)}); mend it") from e
    try:
        return plan_from(values)
    except RequestError as e:
        raise RequestError(f"{where}: {str(e).removeprefix('campaign: ')}") from e


def plan_from(values: Mapping[str, Any]) -> Plan:
    """Return the plan that plain values describe.

    Raises:
        RequestError: if a name is unknown, a type wrong or a value out of range.
    """
    if not isinstance(values, Mapping):
        raise RequestError(f"campaign: its plan is {type(values).__name__}, not a table; mend it")
    known = {f.name: f for f in fields(Plan)}
    given: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            close = get_close_matches(name, known, n=1) or ["landscape"]
            raise RequestError(f"campaign: {name!r} is unknown; there are {', '.join(known)} (did you mean {close[0]!r}?)")
        given[name] = _READ[name](name, value)
    missing = [n for n, f in known.items() if f.default is MISSING and n not in given]
    if missing:
        raise RequestError('campaign: it names no landscape; add landscape = ["gpt-neo-tiny"]')
    return Plan(**given)


def _wrong(name: str, value: object, why: str) -> RequestError:
    return RequestError(f"campaign: {name} {shown(value)} {why}; mend it")


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(name, value, "is not a number")
    try:
        return float(value)
    except OverflowError as e:
        raise _wrong(name, value, "is too large a number") from e


def _integer(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 1 << 63:
        raise _wrong(name, value, "is not a whole number")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(name, value, "is not a text")
    return value


def _several(read: Any) -> Any:
    def each(name: str, value: Any) -> tuple[Any, ...]:
        found = tuple(read(name, v) for v in (value if isinstance(value, list | tuple) else [value]))
        if len(set(found)) < len(found):
            raise _wrong(name, next(v for i, v in enumerate(found) if v in found[:i]), "is there twice")
        return found

    return each


def _radii(name: str, value: Any) -> tuple[float, ...]:
    if not isinstance(value, Mapping):
        return tuple(_several(_number)(name, value))
    if set(value) != {"from", "to", "count"}:
        raise _wrong(name, dict(value), "is neither a list nor {from = …, to = …, count = …}")
    low, high, count = _number(name, value["from"]), _number(name, value["to"]), _integer(name, value["count"])
    if not (0 < low < high < math.inf and 2 <= count <= _MOST_UNITS):
        raise _wrong(name, dict(value), "does not go from a positive number to a larger one in at least 2 steps")
    return tuple(log_spaced(low, high, count))


def _request(name: str, value: Any) -> LandscapeRequest:
    if isinstance(value, str):
        return LandscapeRequest(landscape=value)
    if not isinstance(value, Mapping):
        raise _wrong(name, value, "is neither a name nor a table")
    known = [f.name for f in fields(LandscapeRequest) if f.name not in ("weight_decay", "device")]
    unknown = sorted(set(value) - {*known, "weight_decay", "device"})
    if unknown:
        raise RequestError(f"campaign: {unknown[0]!r} is unknown in a landscape; there are {', '.join(known)}")
    strange = {"weight_decay", "device"} & {k for k, v in value.items() if v not in (None, "cpu")}
    if strange:
        raise RequestError(
            f"campaign: {sorted(strange)[0]} stands in a landscape; it belongs beside it, as it holds for all of them"
        )
    try:
        return LandscapeRequest.from_dict(value)
    except RequestError as e:
        raise _wrong(name, dict(value), "has a value of the wrong type") from e


def _optional(name: str, value: Any) -> int | None:
    return None if value is None else _integer(name, value)


_READ: Mapping[str, Any] = {
    "landscape": _several(_request), "weight_decay": _several(_number), "temperature": _several(_number),
    "directions": _several(_text), "rays": _integer, "base": _text, "radii": _radii, "probes": _optional,
    "probes_per_unit": _integer, "engine": _text, "seed": _integer, "level": _number, "criteria": _several(_text),
    "budget": _text, "seeds": _several(_integer), "device": _text, "threads": _integer,
}  # fmt: skip
