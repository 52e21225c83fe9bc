from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from villani_verify import Landscape
from villani_verify.theory.langevin.bias import bias_of_means, bias_of_poincare
from villani_verify.theory.langevin.chains import run_chains
from villani_verify.theory.langevin.observables import observables_for
from villani_verify.theory.langevin.predictions import QuadraticChain
from villani_verify.theory.langevin.settings import ChainSettings
from villani_verify.theory.langevin.trajectories import Trajectories

DECAY, TEMPERATURE, STEP = 1.0, 0.8, 0.4
COARSE, FINE = (QuadraticChain(DECAY, TEMPERATURE, eta, 1) for eta in (STEP, STEP / 2))


def coupled(landscape: Landscape, chains: int, steps: int) -> tuple[Trajectories, Trajectories]:
    settings = ChainSettings(TEMPERATURE, STEP, chains, steps, seed=4, substeps=2)
    halved = replace(settings, step_size=STEP / 2, steps=2 * steps, substeps=1, record_every=2)
    observables = observables_for(landscape, None)
    return run_chains(landscape, settings, observables), run_chains(landscape, halved, observables)


def part(run: Trajectories, chains: slice) -> Trajectories:
    return replace(run, records=run.records[:, chains])


def test_coverage_of_means_differences_and_extrapolations(
    flat: Callable[..., Landscape], check_coverage: Callable[..., None]
) -> None:
    coarse, fine = coupled(flat(1, DECAY), 5000, 150)
    truths = (COARSE.limit, FINE.limit, COARSE.limit - FINE.limit, 2 * FINE.limit - COARSE.limit)
    hits = [0] * 4
    for i in range(500):
        group = slice(10 * i, 10 * i + 10)
        found = bias_of_means(part(coarse, group), part(fine, group), burn_in=30)["F"]
        numbers = (found.coarse, found.fine, found.difference, found.extrapolated)
        hits = [h + m.contains(t) for h, m, t in zip(hits, numbers, truths, strict=True)]
    for count in hits:
        check_coverage(count, 500)


def test_common_paths_make_the_difference_sharp_and_extrapolation_removes_the_bias(flat: Callable[..., Landscape]) -> None:
    coarse, fine = coupled(flat(1, DECAY), 400, 400)
    found = bias_of_means(coarse, fine, burn_in=50, level=0.9999)["‖θ‖²"]
    width = [m.interval[1] - m.interval[0] for m in (found.coarse, found.difference)]
    assert width[1] < 0.5 * width[0]
    assert not found.difference.contains(0.0)
    assert not found.coarse.contains(TEMPERATURE / (2 * DECAY))  # 25 % too large
    expected = 2 * FINE.variance - COARSE.variance
    assert found.extrapolated.contains(expected)
    assert expected == pytest.approx(TEMPERATURE / (2 * DECAY), rel=0.03)
    constant = bias_of_poincare(coarse, fine, burn_in=50, level=0.9999)
    assert constant is not None
    assert constant.coarse.contains(COARSE.poincare)
    assert constant.fine.contains(FINE.poincare)
    assert constant.difference.contains(COARSE.poincare - FINE.poincare)
    assert not constant.difference.contains(0.0)
    assert constant.extrapolated.contains(FINE.poincare**2 / COARSE.poincare)
    assert set(constant.as_dict()) == {"coarse", "fine", "difference", "extrapolated"}


def test_runs_at_other_times_are_not_compared(flat: Callable[..., Landscape]) -> None:
    coarse, fine = coupled(flat(1, DECAY), 4, 20)
    with pytest.raises(ValueError, match="not recorded at the same times"):
        bias_of_means(coarse, replace(fine, records=fine.records[:-1]), burn_in=0)


def test_noise_alone_has_no_constant(flat: Callable[..., Landscape]) -> None:
    coarse, fine = coupled(flat(1, DECAY), 6, 12)
    white = np.random.default_rng(0).standard_normal
    short = [replace(run, records=white(run.records.shape)) for run in (coarse, fine)]
    assert bias_of_poincare(*short, burn_in=0) is None
