"""A range of probes of a model that does not fit into memory: each tensor is read when a layer needs it, for all probes together.

Nothing here needs all parameters at once, so not the gradient either. But the first-order part of a probe's expansion is v·∇L, and

    E[(v·∇F)²] = ‖∇F‖²   for every v with E[vvᵀ] = I,

so that ‖∇F‖² is estimated by the same probes as ΔF. v·∇F = v·∇L + Σ_t λ_t v_t·θ_t, for every weight decay.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from villani_verify.curvature.probe_signs import probe_signs
from villani_verify.curvature.second_order_taylor import SecondOrderTaylor
from villani_verify.landscape import Landscape
from villani_verify.points import squared_norm
from villani_verify.runs.kinds.place import point_of, probes_of


def streamed(landscape: Landscape | None, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return vᵀ∇²L v and v·∇L for each probe, and v_t·θ_t for each tensor; with the first probes also L and ‖θ_t‖².

    Args:
        landscape: one whose parameters are stored.
        parameters: `family`, `r`, `seed`, and `first` and `count` of the range of probes, as for probes of other landscapes.
    """
    assert landscape is not None, "probes are of a landscape"
    point = point_of(landscape, parameters)
    seed, indices = probes_of(parameters)
    found = SecondOrderTaylor().directional_forms(landscape, point, seed=seed, indices=indices)
    dots: dict[str, list[float]] = {}
    squares: dict[str, float] = {}
    for name, tensor in point.items():
        flat = tensor.double().reshape(-1)
        dots[name] = [
            float(probe_signs(name, tensor.shape, seed=seed, index=k, like=tensor).double().reshape(-1) @ flat) for k in indices
        ]
        squares[name] = squared_norm(tensor)
    numbers = [*found.forms, *found.slopes]
    values: dict[str, Any] = {"dtype": str(landscape.dtype).removeprefix("torch.")}
    if not all(map(math.isfinite, numbers)):
        return values | {"forms": None}
    values |= {"forms": list(found.forms), "slopes": list(found.slopes), "dots": dots}
    if parameters["first"] == 0:
        values |= {"loss": landscape.loss(point), "squares": squares}
    return values
