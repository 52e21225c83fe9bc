"""Quadratic forms and samples of ΔL in float32 and bfloat16 against float64, at the same θ and with the same probes."""

import matplotlib.pyplot as plt
import numpy as np
import torch

from villani_verify.curvature.engine import engine_for
from villani_verify.landscapes.request import LandscapeRequest

# θ is rounded once, so that all dtypes hold the same point.
rounded = LandscapeRequest(landscape="gpt-neo-tiny").load().to(dtype=torch.bfloat16)
scales = [2.0**k for k in range(7)]


def samples(engine, dtype):
    landscape = rounded.to(dtype=dtype)
    for scale in scales:
        point = {name: scale * tensor for name, tensor in landscape.initial.items()}
        yield np.array(engine.laplacian_samples(landscape, point, seed=0, indices=range(16)))


figure, axes = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
for name, line, what in (("forward-over-reverse", "o-", "forms"), ("taylor", "s--", "samples")):
    engine = engine_for(name)
    reference = list(samples(engine, torch.float64))
    for dtype, colour in ((torch.float32, "C0"), (torch.bfloat16, "C1")):
        pairs = zip(samples(engine, dtype), reference, strict=True)
        errors = [np.linalg.norm(found - exact) / np.linalg.norm(exact) for found, exact in pairs]
        label = f"{what}, {str(dtype).removeprefix('torch.')}"
        axes.loglog(scales, errors, line, color=colour, markersize=4, label=label)
        axes.axhline(torch.finfo(dtype).eps, color=colour, linestyle=":", linewidth=1)
axes.set(xlabel="θ over θ₀", ylabel="relative error")
axes.set_xscale("log", base=2)
axes.legend()
