"""Measure a witness again: same family, same points, fresh probes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from villani_verify.criteria.bounded import bounded_family
from villani_verify.criteria.budget import budget_for
from villani_verify.criteria.gaussian_tails import tube
from villani_verify.criteria.measured_family import measure_family
from villani_verify.criteria.profiles import grows_slowly, profile
from villani_verify.criteria.result import Cost
from villani_verify.criteria.settings import Settings
from villani_verify.criteria.smoothness import replay_kink
from villani_verify.curvature.engine import engine_for
from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.search.families import Ray, family_of

# A witness comes from a file, which should not keep a machine busy for ever.
_MOST_PROBES, _MOST_POINTS = 100_000, 10_000


@dataclass(frozen=True)
class Replay:
    """What a witness did when measured again.

    Attributes:
        criterion: which claim it refutes.
        reproduced: whether it refutes it again, at the same level.
        sentence: what was done to the parameters.
        columns: headings of `rows`.
        rows: numbers at each point: claimed, and measured now.
    """

    criterion: str
    reproduced: bool
    sentence: str
    columns: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "criterion": self.criterion,
            "reproduced": self.reproduced,
            "sentence": self.sentence,
            "columns": list(self.columns),
            "rows": [list(r) for r in self.rows],
        }


def replay(witness: Mapping[str, Any], landscape: Landscape, *, seed: int = 1, engine: str = "auto") -> Replay:
    """Measure a refutation's witness again on a landscape.

    Args:
        witness: as in the results, `criteria[NAME].witness`.
        landscape: the same one.
        seed: for fresh probes; give another to draw others.
        engine: as for `verify`.

    Raises:
        RequestError: if it is not a witness, or names tensors the landscape has not.
    """
    try:
        kind = witness["kind"]
        for name in ("criterion", "sentence"):
            if not isinstance(witness.get(name, ""), str):
                raise TypeError(f"{name} is {type(witness[name]).__name__}, not a text")
        if kind == "bounded-family":
            return _bounded(witness, landscape, seed, engine)
        if kind == "slow-growth":
            return _slow(witness, landscape)
        if kind == "ray-kink":
            return _kink(witness, landscape)
    except (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError) as e:
        raise RequestError(f"witness: {type(e).__name__} {e}; give criteria[NAME].witness of a results file") from e
    raise RequestError(f"witness of kind {kind!r}: unknown; it is bounded-family, slow-growth or ray-kink")


def _bounded(witness: Mapping[str, Any], landscape: Landscape, seed: int, engine: str) -> Replay:
    temperature, level = float(witness["temperature"]), float(witness["level"])
    num_probes = int(witness["num_probes"])
    if not 0 <= num_probes <= _MOST_PROBES or len(witness["parameters"]) > _MOST_POINTS:
        raise ValueError(f"{num_probes} probes at {len(witness['parameters'])} points: more than a verification takes")
    settings = Settings(seed, engine_for(engine))
    budget = budget_for("quick", landscape.dimension)
    # Where the claim was shown with little to spare, as many fresh probes need not show it again; four times as many do.
    for more in (1, 4) if landscape.dimension > budget.exact_dimension else (1,):
        m = measure_family(
            landscape, family_of(witness["family"]), [float(r) for r in witness["parameters"]], settings=settings,
            budget=budget, num_probes=more * num_probes, label=f"replay {more}", cost=Cost(),
        )  # fmt: skip
        found = bounded_family(m.points, [temperature], level)
        if found is not None:
            break
    rows = []
    for p, old in zip(m.points, witness["claimed"], strict=False):
        interval = p.critical_temperature_interval(level)
        rows.append(
            (p.radius, p.loss, float(old["critical_temperature"]["value"]), p.critical_temperature, *interval, p.psi(temperature))
        )
    columns = ("‖θ‖", "L", "s* claimed", "s* now", "s* low", "s* high", f"Ψ at s = {temperature:.3g}")
    return Replay(witness["criterion"], found is not None, witness["sentence"], columns, tuple(rows))


def _slow(witness: Mapping[str, Any], landscape: Landscape) -> Replay:
    family, level = family_of(witness["family"]), float(witness["level"])
    parameters = [float(r) for r in witness["parameters"]]
    if "tube_seed" in witness and isinstance(family, Ray):
        profiles = tube(landscape, family, parameters, Cost(), seed=int(witness["tube_seed"]))
    else:
        alone = profile(landscape, family, parameters, Cost())
        profiles = [] if alone is None else [alone]
    reproduced = bool(profiles) and all(grows_slowly(landscape, p, level) for p in profiles)
    rows = []
    for first in profiles[:1]:
        for radius, value, old in zip(first.radii, first.values, witness["claimed"], strict=False):
            rows.append((radius, float(old["value"]), value, value / radius**2))
    return Replay(witness["criterion"], reproduced, witness["sentence"], ("‖θ‖", "F claimed", "F now", "F/‖θ‖²"), tuple(rows))


def _kink(witness: Mapping[str, Any], landscape: Landscape) -> Replay:
    found = replay_kink(landscape, witness)
    return Replay("smoothness", found.reproduced, found.sentence, found.columns, found.rows)
