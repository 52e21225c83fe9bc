"""A verification as a campaign: each criterion is a unit, so that a long one can be stopped, gone on with, and shared out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from villani_verify.criteria import CRITERION_NAMES
from villani_verify.landscape import Landscape
from villani_verify.runs.placed import Placed, criterion_unit
from villani_verify.runs.store import Result
from villani_verify.runs.unit import Unit
from villani_verify.verification import check_expectations


def settings_of(
    landscape: Landscape,
    digest: str,
    *,
    criteria: Sequence[str],
    budget: str,
    seed: int,
    engine: str,
    temperatures: Sequence[float],
    expect: Mapping[str, str],
    threads: int,
) -> dict[str, Any]:
    """Return the settings of a verification's store: everything from which its units follow.

    Args:
        landscape: `F`.
        digest: of its loss.
        criteria: names.
        budget: as the next ones, as for `verify`.
        seed: everything drawn follows from it.
        engine: computes Hessian quadratic forms.
        temperatures: s to which criteria are restricted.
        expect: criterion name → status, over what the landscape itself expects.
        threads: of the processor, on which the last bits of results depend.
    """
    return {
        "type": "verification",
        "landscape": Placed.of(landscape, digest).as_dict(),
        "criteria": [name for name in CRITERION_NAMES if name in criteria],
        "budget": budget,
        "seed": seed,
        "engine": engine,
        "temperatures": list(temperatures),
        "expect": {**landscape.expected, **check_expectations(expect)},
        "device": landscape.device.type,
        "threads": threads,
    }


def units_of(settings: Mapping[str, Any]) -> Iterator[Unit]:
    """Iterate over the units that follow from a verification's settings, one a criterion."""
    landscape = Placed(**settings["landscape"])
    for name in settings["criteria"]:
        yield criterion_unit(
            landscape, name, budget=settings["budget"], seed=settings["seed"], engine=settings["engine"],
            temperatures=settings["temperatures"], expect=settings["expect"], gradient=name == settings["criteria"][0],
        )  # fmt: skip


def results_of(settings: Mapping[str, Any], finished: Sequence[Result], environment: Mapping[str, Any]) -> dict[str, Any] | None:
    """Put the results object of a verification together from its finished units, or return None if there is none.

    Args:
        settings: of the store.
        finished: results of some units or of all, in their order; criteria without one are noted as not checked.
        environment: of the process that asks.
    """
    if not finished:
        return None
    parts = [r.value for r in finished]
    whole: dict[str, Any] = dict(parts[-1])  # a fall-back to another engine stays in force, so the last one's name counts
    whole["environment"] = dict(environment)
    whole["gradient_check"] = next((part["gradient_check"] for part in parts if part["gradient_check"] is not None), None)
    whole["criteria"] = {}
    for result, part in zip(finished, parts, strict=True):
        for name, row in part["criteria"].items():
            whole["criteria"][name] = row | {"cost": row["cost"] | {"seconds": round(result.seconds, 3)}}
    whole["critical_temperature"] = [row for part in parts for row in part["critical_temperature"]]
    whole["verdict_as_expected"] = all(part["verdict_as_expected"] for part in parts)
    missing = [name for name in settings["criteria"] if name not in whole["criteria"]]
    notes = [note for part in parts for note in part["notes"]]
    whole["notes"] = list(dict.fromkeys(notes)) + ([f"interrupted: {', '.join(missing)} not checked"] if missing else [])
    whole["interrupted"] = bool(missing)
    return whole
