"""Where chains start."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from villani_verify.curvature.probes import derive_seed, normals
from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.theory.langevin.gradients import ExactGradient
from villani_verify.theory.langevin.settings import ChainSettings
from villani_verify.theory.layout import Layout

MOST_HALVINGS = 30


def starting_points(landscape: Landscape, settings: ChainSettings) -> Tensor:
    """Return where the chains start, shape (M, d).

    Raises:
        RequestError: if one is to start from a Gaussian that some parameter does not have.
    """
    layout, fixed = Layout(landscape), settings.from_reference
    reference = layout.row(landscape.initial)
    starts = reference.repeat(settings.chains, 1)
    if fixed.all():
        return starts
    if not (layout.decay > 0).all():
        raise RequestError(
            f"start {settings.start!r}: a parameter has no weight decay, so there is no Gaussian to draw from; use reference"
        )
    width = (settings.temperature / (2 * layout.decay)).sqrt()
    place = derive_seed(settings.seed, "langevin start")
    for m in np.flatnonzero(~fixed):
        starts[m] = width * normals("start", reference.shape, seed=place, index=int(m), like=reference)
    value = ExactGradient(landscape)
    highest = float(value(reference[None], 0)[0]) + reference.numel() * settings.temperature
    for _ in range(MOST_HALVINGS):
        high = ~(value(starts, 0)[0] <= highest) & torch.from_numpy(~fixed).to(starts.device)
        if not high.any():
            break
        starts[high] /= 2
    return starts
