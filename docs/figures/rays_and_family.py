"""s* with its 95 % interval: on isotropic rays, and along a family with one branch switched off."""

import matplotlib.pyplot as plt
import numpy as np

from villani_verify.curvature.engine import engine_for
from villani_verify.estimation.psi import measure_point
from villani_verify.landscapes.request import LandscapeRequest
from villani_verify.search.families import Ray, Scaling

landscape = LandscapeRequest(landscape="gpt-neo-tiny").load()
block = "transformer.h.0."
scaled, zeroed = [block + "ln_2.weight", block + "mlp.c_fc.weight"], block + "mlp.c_proj.weight"
rays = [Ray("isotropic", seed=0, index=index) for index in range(3)]
branch_off = Scaling(dict.fromkeys(scaled, 1), zeroed=(zeroed,))


def measure(family, r):
    point = family.points(landscape)(r)
    engine = engine_for("forward-over-reverse")
    return measure_point(landscape, point, engine=engine, seed=1, num_probes=64, exact_dimension=0)


figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
for family in (*rays, branch_off):
    colour, largest = ("C3", 300) if family is branch_off else ("0.6", 1000)
    measured = [measure(family, r) for r in np.geomspace(largest / 100, largest, 7)]
    norms = [m.radius for m in measured]
    low, high = np.transpose([m.critical_temperature_interval() for m in measured])
    axes.plot(norms, [m.critical_temperature for m in measured], "o-", color=colour, markersize=3)
    axes.fill_between(norms, low, high, color=colour, alpha=0.25, linewidth=0)
axes.set(xscale="log", yscale="log", xlabel="radius ‖θ‖", ylabel="critical temperature s*")
axes.legend(axes.lines[-2:], ["isotropic rays", "branch switched off"])
