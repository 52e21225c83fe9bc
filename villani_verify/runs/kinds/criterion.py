"""A unit of a verification: one criterion on one landscape, as the results file has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from villani_verify.landscape import Landscape
from villani_verify.runs.progress import show
from villani_verify.verification import verify


def criterion(landscape: Landscape | None, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the results object of a verification of one criterion, without what is another each time: seconds and machine.

    Args:
        landscape: gives L.
        parameters: `criterion`, `request` (of the landscape, for witnesses), `weight_decay` (a number for each tensor), `budget`,
            `seed`, `engine`, `temperatures`, `expect`, and `gradient`, whether to check the gradient first.
    """
    assert landscape is not None, "a criterion is of a landscape"
    decayed = replace(landscape.with_decay(parameters["weight_decay"]), request=parameters["request"], expected={})
    found = verify(
        decayed,
        budget=parameters["budget"],
        seed=parameters["seed"],
        engine=parameters["engine"],
        temperatures=parameters["temperatures"],
        criteria=(parameters["criterion"],),
        expect=parameters["expect"],
        progress=show,
        gradient=parameters["gradient"],
    ).as_dict()
    found["environment"] = {}
    for row in found["criteria"].values():
        row["cost"]["seconds"] = 0.0
    return found
