"""Where a unit of a campaign looks, and with which probes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from villani_verify.curvature.probes import derive_seed
from villani_verify.landscape import Landscape
from villani_verify.points import Point
from villani_verify.runs.unit import canonical
from villani_verify.search.families import family_of


def point_of(landscape: Landscape, parameters: Mapping[str, Any]) -> Point:
    """Return θ(r) of the unit's family.

    Args:
        landscape: gives names and shapes, and θ₀.
        parameters: `family`, as `family_of` reads it, and `r`.
    """
    return family_of(parameters["family"]).points(landscape)(parameters["r"])


def probes_of(parameters: Mapping[str, Any]) -> tuple[int, range]:
    """Return seed and indices of the unit's probes, which all points of a family share.

    Args:
        parameters: `family`, `seed`, and `first` and `count` of the range.
    """
    seed = derive_seed(parameters["seed"], "campaign", canonical(parameters["family"]))
    return seed, range(parameters["first"], parameters["first"] + parameters["count"])
