"""Units at one point of a family: the loss and its gradient, and a range of probes of its Laplacian.

Neither looks at a temperature, and probes not at weight decay, so that a grid of both costs no probe more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from villani_verify.curvature.engine import engine_for
from villani_verify.curvature.exact import exact_laplacian
from villani_verify.curvature.gradient import loss_and_gradient
from villani_verify.landscape import Landscape
from villani_verify.memory import halving_batches
from villani_verify.points import squared_norm
from villani_verify.runs.kinds.place import point_of, probes_of


def gradient(landscape: Landscape | None, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return L and, for each tensor of θ, ‖θ_t‖², ‖∇_t L‖² and ⟨θ_t, ∇_t L⟩, from which ‖∇F‖² follows for every weight decay.

    ‖∇_t L + λθ_t‖² = ‖∇_t L‖² + 2λ⟨θ_t, ∇_t L⟩ + λ²‖θ_t‖²; all three are accumulated in float64.

    Args:
        landscape: gives L.
        parameters: `family`, as `family_of` reads it, and `r`.

    Raises:
        LandscapeError: if L is negative there.
    """
    assert landscape is not None, "a gradient is of a landscape"
    point = point_of(landscape, parameters)
    loss, found = halving_batches(lambda smaller: loss_and_gradient(smaller, point), landscape)
    landscape.check_non_negative(loss, f"loss of landscape {landscape.name!r} at r = {parameters['r']:.4g}")
    tensors = {}
    for name, tensor in point.items():
        t, g = tensor.detach().double().reshape(-1), found[name].double().reshape(-1)
        tensors[name] = [squared_norm(tensor), squared_norm(found[name]), float(t @ g)]
    numbers = [loss, *(x for row in tensors.values() for x in row)]
    return {"loss": loss, "tensors": tensors} if all(map(math.isfinite, numbers)) else {"loss": None, "tensors": {}}


def probes(landscape: Landscape | None, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return samples of ΔL.

    Args:
        landscape: gives L.
        parameters: `family`, `r`, `engine`, `seed`, and `first` and `count` of the range of probes. All points of a family share
            their probes.
    """
    assert landscape is not None, "probes are of a landscape"
    point = point_of(landscape, parameters)
    engine = engine_for(parameters["engine"])
    seed, indices = probes_of(parameters)
    samples = engine.laplacian_samples(landscape, point, seed=seed, indices=indices)
    return _samples(landscape, engine.name, samples)


def exact(landscape: Landscape | None, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return ΔL without sampling error, as the only sample.

    Args:
        landscape: gives L.
        parameters: `family` and `r`.
    """
    assert landscape is not None, "a Laplacian is of a landscape"
    point = point_of(landscape, parameters)
    return _samples(landscape, "exact", [exact_laplacian(landscape, point)])


def _samples(landscape: Landscape, engine: str, samples: Sequence[float]) -> dict[str, Any]:
    return {
        "engine": engine,
        "dtype": str(landscape.dtype).removeprefix("torch."),
        "samples": [x if math.isfinite(x) else None for x in samples],
    }
