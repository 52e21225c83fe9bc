"""Noisy gradient descent on one landscape for a grid of weight decays and temperatures: every measurement."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from villani_verify.errors import OutputError
from villani_verify.landscape import Landscape
from villani_verify.theory.langevin.bias import bias_of_means, bias_of_poincare
from villani_verify.theory.langevin.cell import Cell
from villani_verify.theory.langevin.chains import DivergedError, Progress, run_chains
from villani_verify.theory.langevin.curves import autocorrelation_curves, value_curve
from villani_verify.theory.langevin.jackknife import FEWEST_CHAINS
from villani_verify.theory.langevin.observables import observables_for
from villani_verify.theory.langevin.plan import planned
from villani_verify.theory.langevin.relaxation import fit_relaxation
from villani_verify.theory.langevin.settings import ChainSettings
from villani_verify.theory.langevin.sgld import gradient_noise
from villani_verify.theory.langevin.spectral_gap import spectral_gap
from villani_verify.theory.langevin.stability import STEP_FRACTION, Curvature
from villani_verify.theory.langevin.trajectories import Trajectories
from villani_verify.verification import strict_json


@dataclass(frozen=True)
class Study:
    """All cells of a grid.

    Attributes:
        landscape: F, with its own λ.
        cells: one for each λ and s, s changing fastest.
        chains: M.
        steps: N of each run at η; those at η/2 have twice as many.
        record_every: steps between records.
        burn_in: steps that stationary quantities leave out.
        seed: address of the noise.
        batch: rows of a mini-batch, None for exact gradients.
        start: of the chains.
        level: confidence of each interval.
        seconds: wall-clock time of this call.
        notes: what limits the numbers.
    """

    landscape: Landscape
    cells: tuple[Cell, ...]
    chains: int
    steps: int
    record_every: int
    burn_in: int
    seed: int
    batch: int | None
    start: str
    level: float
    seconds: float
    notes: tuple[str, ...]

    @property
    def diverged(self) -> bool:
        """Whether a chain diverged."""
        return any(cell.status == "diverged" for cell in self.cells)

    def as_dict(self) -> dict[str, Any]:
        """Return the results object: plain JSON values."""
        return strict_json({
            "landscape": {"name": self.landscape.name, "dimension": self.landscape.dimension, "request": self.landscape.request},
            "chains": self.chains,
            "steps": self.steps,
            "burn_in": self.burn_in,
            "record_every": self.record_every,
            "seed": self.seed,
            "batch": self.batch,
            "start": self.start,
            "level": self.level,
            "cells": [cell.as_dict(self.record_every) for cell in self.cells],
            "seconds": self.seconds,
            "notes": list(self.notes),
        })  # fmt: skip


def study(
    landscape: Landscape,
    *,
    weight_decays: Sequence[float] = (),
    temperatures: Sequence[float] = (1.0,),
    step_size: float | None = None,
    step_fraction: float = STEP_FRACTION,
    chains: int = 20,
    steps: int = 6000,
    seed: int = 0,
    burn_in: int | None = None,
    batch: int | None = None,
    start: str | None = None,
    measure_bias: bool = True,
    level: float = 0.95,
    directory: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Study:
    """Run Langevin chains for every λ and s, and measure how fast F relaxes and chains forget, and the bias of the step.

    Args:
        landscape: F.
        weight_decays: λ > 0 for all parameters; none for the landscape's own.
        temperatures: s > 0, in the convention dθ = −∇F dt + √s dW.
        step_size: η; default a fraction of the stability limit 2/‖∇²F‖ at θ₀, for each λ.
        step_fraction: that fraction; from a half on the bias of the stiff directions is as large as what is measured there.
        chains: M ≥ 4; intervals need ten in each half to cover.
        steps: N at step size η.
        seed: address of the noise.
        burn_in: steps that stationary quantities leave out; default a quarter.
        batch: rows of a mini-batch (SGLD); default the exact gradient.
        start: "reference", "gaussian" or "mixed" (see `ChainSettings`); default mixed up to 1,000 decayed
            parameters, reference beyond.
        measure_bias: also run at η/2 on the same paths, which costs twice as much again.
        level: confidence of each interval.
        directory: of the checkpoints, made where it is missing; default none are written.
        resume: go on from the checkpoints that are there.
        progress: called with what is done, steps done and steps in all.

    Raises:
        RequestError: if an option is out of range, the measure need not be normalisable, a step size is not stable at θ₀, or a
            checkpoint belongs to other settings; before any step is taken.
        LandscapeError: if the loss is not a finite, non-negative, deterministic scalar.
        OutputError: if a checkpoint cannot be written.
    """
    plan = planned(
        landscape, weight_decays=weight_decays, temperatures=temperatures, step_size=step_size, chains=chains, steps=steps,
        seed=seed, burn_in=burn_in, batch=batch, start=start,
    )  # fmt: skip
    if directory is not None:
        _make(directory)
    began = time.perf_counter()
    cells = []
    for i, (each, curvature) in enumerate(zip(plan.grid, plan.curvatures, strict=True)):
        for j, s in enumerate(temperatures):
            eta = step_fraction * curvature.stability_limit if step_size is None else step_size
            settings = ChainSettings(
                s, eta, chains, steps, seed, plan.start, plan.record_every, substeps=2 if measure_bias else 1, batch=batch
            )
            run = _Runner(each, settings, directory, f"chains-{i}-{j}", resume, progress)
            cells.append(_cell(each, settings, curvature, run, plan.burn_in, measure_bias, level, seed))
    return Study(
        landscape, tuple(cells), chains, steps, plan.record_every, plan.burn_in, seed, batch, plan.start, level,
        time.perf_counter() - began, _notes(chains, batch, landscape),
    )  # fmt: skip


@dataclass(frozen=True)
class _Runner:
    """Runs the chains of one cell, with its checkpoints."""

    landscape: Landscape
    settings: ChainSettings
    directory: Path | None
    name: str
    resume: bool
    progress: Progress | None

    def __call__(self, curvature: Curvature, seed: int, *, fine: bool) -> Trajectories:
        s = self.settings
        if fine:
            s = replace(s, step_size=s.step_size / 2, steps=2 * s.steps, record_every=2 * s.record_every, substeps=1)
        what = f"λ = {_shown_decay(self.landscape)}, s = {s.temperature:g}, η = {s.step_size:.3g}"
        return run_chains(
            self.landscape,
            s,
            observables_for(self.landscape, curvature, seed=seed),
            checkpoint=None if self.directory is None else self.directory / f"{self.name}-{'fine' if fine else 'coarse'}.npz",
            resume=self.resume,
            progress=self.progress,
            what=what,
        )


def _cell(
    landscape: Landscape,
    settings: ChainSettings,
    curvature: Curvature,
    run: _Runner,
    burn_in: int,
    measure_bias: bool,
    level: float,
    seed: int,
) -> Cell:
    empty = Cell(landscape, settings.temperature, settings.step_size, curvature, "diverged", "")
    noise = None if settings.batch is None else gradient_noise(landscape, settings.batch)
    try:
        coarse = run(curvature, seed, fine=False)
        fine = run(curvature, seed, fine=True) if measure_bias else None
    except DivergedError as e:
        return replace(empty, reason=str(e), noise=noise)
    gap = spectral_gap(coarse, burn_in=burn_in, level=level)
    poincare_bias = None
    if fine is not None and gap.poincare is not None and spectral_gap(fine, burn_in=2 * burn_in, level=level).mixing.mixed:
        poincare_bias = bias_of_poincare(coarse, fine, burn_in=burn_in, level=level)
    together = coarse.values[settings.from_reference]
    return replace(
        empty,
        status="not_mixed" if gap.reason else "measured",
        reason=gap.reason,
        relaxation=fit_relaxation(coarse.times, together, level) if len(together) else None,
        gap=gap,
        # A mean over chains that have not mixed estimates nothing.
        means_bias=None if fine is None or not gap.mixing.mixed else bias_of_means(coarse, fine, burn_in=burn_in, level=level),
        poincare_bias=poincare_bias,
        noise=noise,
        values=tuple(value_curve(coarse, level)),
        autocorrelations=autocorrelation_curves(coarse, gap, burn_in=burn_in),
    )


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise OutputError(f"directory of checkpoints {str(directory)!r}: it cannot be made ({e.strerror}); give another") from e


def _notes(chains: int, batch: int | None, landscape: Landscape) -> tuple[str, ...]:
    notes = []
    if chains < 2 * FEWEST_CHAINS:
        notes.append(
            f"intervals of rates rest on {chains // 2} chains; those of fewer than {FEWEST_CHAINS} cover less than they say"
        )
    if batch is not None:
        notes.append("with mini-batches F is an estimate, the sampled measure is warmer than s says, and its bias is that of both")
    if landscape.undecayed:
        notes.append("normalisable by the zoo's proof, not by weight decay")
    return tuple(notes)


def _shown_decay(landscape: Landscape) -> str:
    low, high = min(landscape.decay.values()), max(landscape.decay.values())
    return f"{low:g}" if low == high else f"{low:g}…{high:g}"
