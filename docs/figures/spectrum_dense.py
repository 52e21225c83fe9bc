"""The share of eigenvalues up to x from ten Lanczos runs, with its band, and from all 822 eigenvalues."""

import matplotlib.pyplot as plt
import numpy as np
import torch

from villani_verify.curvature.hessian_form import HessianForm
from villani_verify.landscapes.request import LandscapeRequest
from villani_verify.theory.spectrum.measurement import measure_spectrum
from villani_verify.theory.spectrum.settings import SpectrumSettings

landscape = LandscapeRequest(landscape="gpt-neo-tiny").load()
hessian = HessianForm(landscape, landscape.initial).products(torch.eye(landscape.dimension, dtype=landscape.dtype))
eigenvalues = torch.linalg.eigvalsh((hessian + hessian.T) / 2).numpy() + landscape.smallest_decay
x = np.sinh(np.linspace(np.arcsinh(40 * eigenvalues[0] - 9), np.arcsinh(40 * eigenvalues[-1] + 9), 1500)) / 40

figure, axes = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
for steps, colour in ((32, "C1"), (96, "C0")):
    measured = measure_spectrum(landscape, landscape.initial, settings=SpectrumSettings(steps=steps))
    band = measured.fraction_below(x, simultaneous=True)
    axes.fill_between(x, band.low, band.high, color=colour, alpha=0.3, linewidth=0, label=f"95 % band, {steps} steps")
axes.step(x, (eigenvalues <= x[:, None]).mean(1), "k", linewidth=1, label="all eigenvalues")
axes.set(xlabel="eigenvalue λ of ∇²F", ylabel="share up to λ")
axes.set_xscale("symlog", linthresh=0.5)
axes.set_xticks([-10, -1, 0, 1, 10], ["−10", "−1", "0", "1", "10"])
axes.legend()
