"""Independent chains of discretised Langevin dynamics, resumable at any step.

θ_{k+1} = θ_k − η∇F(θ_k) + √(ηs) ξ_k, the Euler–Maruyama scheme of dθ = −∇F dt + √s dW (Roberts and Tweedie 1996 call it the
unadjusted Langevin algorithm). With a mini-batch gradient in place of ∇F it is SGLD (Welling and Teh 2011) at a constant step size.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from villani_verify.errors import RequestError, VillaniError
from villani_verify.landscape import Landscape
from villani_verify.theory.langevin.checkpoint import Checkpoint, check_fits, fingerprint, load_checkpoint, save_checkpoint
from villani_verify.theory.langevin.gradients import ChainGradient, ExactGradient
from villani_verify.theory.langevin.noise import AddressedNoise, noise_drawn_by
from villani_verify.theory.langevin.observables import Observables
from villani_verify.theory.langevin.settings import ChainSettings, check_settings
from villani_verify.theory.langevin.sgld import MinibatchGradient
from villani_verify.theory.langevin.starts import starting_points
from villani_verify.theory.langevin.trajectories import Trajectories
from villani_verify.theory.layout import Layout

Progress = Callable[[str, int, int], None]
LARGEST_GROWTH = 1e3
"""A chain is stopped where F exceeds so many times the larger of its start and the d·s/4 of a quadratic at equilibrium."""
SECONDS_BETWEEN_CHECKPOINTS = 30.0
LEAST_WORK_PER_CHECKPOINT = 20.0
"""Or so many times what the last one took, if that is longer: those of a large model are gigabytes."""
SECONDS_BETWEEN_SHOWS = 0.1


class DivergedError(VillaniError):
    """A chain left every bound: its step size is too large for where it went, and no number of it is used."""


def run_chains(
    landscape: Landscape,
    settings: ChainSettings,
    observables: Observables,
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    what: str = "Langevin steps",
) -> Trajectories:
    """Run M independent chains for N steps and return what was recorded.

    Args:
        landscape: F; chains have its dtype and device.
        settings: how.
        observables: what to record.
        checkpoint: file for the state, written every 30 seconds, or for a twentieth of the time where that is less often, at the
            end, and when the run is stopped by an exception.
        resume: go on from the file, if there is one; the result has the same bits as that of a run without a stop.
        progress: called with what is done, steps done and steps in all.
        what: the first of these.

    Raises:
        RequestError: if a setting is out of range, or the file belongs to other settings.
        DivergedError: if F stops being finite or grows beyond `LARGEST_GROWTH`.
        OutputError: if the file cannot be written.
    """
    check_settings(settings)
    reference = Layout(landscape).row(landscape.initial)
    gradient: ChainGradient = (
        ExactGradient(landscape) if settings.batch is None else MinibatchGradient(landscape, settings.batch, settings.seed)
    )
    starts = starting_points(landscape, settings)
    bound = LARGEST_GROWTH * max(float(gradient(starts, 0)[0].max()), starts.shape[1] * settings.temperature / 4)
    noise = AddressedNoise(settings.seed, settings.chains, reference, substeps=settings.substeps)
    described = _described(landscape, settings, observables) if checkpoint is not None else {}
    begun = Checkpoint(0, starts, np.empty((0, settings.chains, observables.columns)))
    if resume and checkpoint is not None and checkpoint.exists():
        begun = load_checkpoint(checkpoint, described, reference)
        if begun.step > settings.steps:
            raise RequestError(
                f"checkpoint {str(checkpoint)!r}: it stands at step {begun.step}, beyond the {settings.steps} asked for; "
                f"ask for at least as many"
            )
        check_fits(checkpoint, begun, tuple(starts.shape), settings.record_every, observables.columns)
    records = np.empty((settings.steps // settings.record_every + 1, settings.chains, observables.columns))
    records[: len(begun.records)] = begun.records
    amplitude = math.sqrt(settings.step_size * settings.temperature)
    # One name for both, assigned at once: a signal between two assignments must not save a state with another step's number.
    at = (begun.step, begun.states)
    del begun, starts  # or they would be held for the whole run

    def save() -> None:
        if checkpoint is not None:
            step, states = at
            save_checkpoint(checkpoint, described, Checkpoint(step, states, records[: -(-step // settings.record_every)]))

    saved = shown = time.monotonic()
    until_saved = SECONDS_BETWEEN_CHECKPOINTS
    try:
        while True:
            step, states = at
            values, slopes = gradient(states, step)
            _check_bounded(values, bound, step, settings)
            if step % settings.record_every == 0:
                records[step // settings.record_every] = observables.record(states, values, slopes)
            if step == settings.steps:
                break
            # In place of the slopes: four chains of GPT-Neo-125M are two gigabytes.
            following = slopes.mul_(-settings.step_size).add_(states)
            del states, slopes
            noise.add_to(following, step, amplitude)
            at = (step + 1, following)
            now = time.monotonic()
            if progress is not None and now - shown > SECONDS_BETWEEN_SHOWS:
                shown = now
                progress(what, step + 1, settings.steps)
            if now - saved > until_saved:
                save()
                saved = time.monotonic()
                until_saved = max(SECONDS_BETWEEN_CHECKPOINTS, LEAST_WORK_PER_CHECKPOINT * (saved - now))
    except DivergedError:
        raise
    except BaseException:
        save()
        raise
    save()
    return Trajectories(settings, observables, records, at[1])


def _check_bounded(values: Tensor, bound: float, step: int, settings: ChainSettings) -> None:
    wrong = ~(values.isfinite() & (values <= bound))
    if wrong.any():
        chain = int(wrong.nonzero()[0])
        raise DivergedError(
            f"chain {chain} at step {step}: F = {float(values[chain]):.3g} is beyond {bound:.3g}, {LARGEST_GROWTH:g} times where "
            f"it may be expected, so the chain diverges; give a --step-size below {settings.step_size:.3g}"
        )


def _described(landscape: Landscape, settings: ChainSettings, observables: Observables) -> dict[str, Any]:
    described = {name: value for name, value in asdict(settings).items() if name != "steps"}
    about = {"landscape": landscape.name, "dimension": landscape.dimension, **described}
    # What is drawn in another precision, or by another device, are other numbers.
    drawn = {"noise drawn by": noise_drawn_by(landscape.device), "directions in": str(observables.directions.dtype)}
    return about | drawn | {"fingerprint": fingerprint(landscape)}
