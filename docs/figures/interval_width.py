"""The interval of ΔL narrows like one over the root of the number of probes."""

import matplotlib.pyplot as plt
import numpy as np

from villani_verify.curvature.engine import engine_for
from villani_verify.curvature.exact import exact_laplacian
from villani_verify.estimation.hutchinson import described
from villani_verify.landscapes.request import LandscapeRequest

landscape = LandscapeRequest(landscape="gpt-neo-tiny").load()
engine = engine_for("taylor")
samples = engine.laplacian_samples(landscape, landscape.initial, seed=0, indices=range(1000))
exact = exact_laplacian(landscape, landscape.initial)

probes = np.unique(np.geomspace(10, len(samples), 40).astype(int))
estimates = [described(landscape, engine, samples[:count]) for count in probes]
values = np.array([estimate.value for estimate in estimates])
low, high = np.transpose([estimate.interval(0.95) for estimate in estimates])
relative = (high - low) / 2 / exact

figure, (above, below) = plt.subplots(2, sharex=True, figsize=(6.4, 4.8), layout="constrained")
above.fill_between(probes, low, high, alpha=0.25, linewidth=0, label="95 % interval")
above.plot(probes, values, label="estimate")
above.axhline(exact, color="0.3", linestyle=":", label="exact")
above.set(ylabel="ΔL")
above.legend(ncols=3)
below.loglog(probes, relative, label="half width over ΔL")
below.loglog(probes, abs(values - exact) / exact, color="0.6", label="true error over ΔL")
below.loglog(probes, relative[-1] * (probes / probes[-1]) ** -0.5, "k:", label="one over the root")
below.set(xlabel="probes")
below.legend()
