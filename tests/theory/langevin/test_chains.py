from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from villani_verify import Landscape
from villani_verify.errors import OutputError, RequestError
from villani_verify.theory.langevin import chains as module
from villani_verify.theory.langevin.chains import DivergedError, run_chains
from villani_verify.theory.langevin.noise import AddressedNoise
from villani_verify.theory.langevin.observables import observables_for
from villani_verify.theory.langevin.predictions import QuadraticChain
from villani_verify.theory.langevin.settings import ChainSettings
from villani_verify.theory.langevin.trajectories import Trajectories

SETTINGS = ChainSettings(temperature=0.5, step_size=0.05, chains=4, steps=40, seed=3)


def run(landscape: Landscape, settings: ChainSettings, **options: object) -> Trajectories:
    return run_chains(landscape, settings, observables_for(landscape, None), **options)


@pytest.mark.parametrize("start", ["reference", "mixed"])
@pytest.mark.parametrize("substeps", [1, 2])
def test_against_a_naive_loop(double_well: Callable[..., Landscape], start: str, substeps: int) -> None:
    settings = replace(SETTINGS, start=start, substeps=substeps, record_every=3)
    found = run(double_well(), settings)
    noise = AddressedNoise(3, 4, torch.zeros(1, dtype=torch.float64), substeps=substeps)
    for m in range(4):
        theta = float(run(double_well(), replace(settings, steps=1)).records[0, m, 4])
        if settings.from_reference[m]:
            assert theta == 1
        for k in range(41):
            if k % 3 == 0:
                value = 0.25 * (theta**2 - 1) ** 2 + 0.05 * theta**2
                slope = theta * (theta**2 - 1) + 0.1 * theta
                expected = [value, theta**2, slope**2, theta * slope, theta, slope]
                np.testing.assert_allclose(found.records[k // 3, m], expected, rtol=1e-10, atol=1e-12)
            if k < 40:
                theta += -0.05 * (theta * (theta**2 - 1) + 0.1 * theta) + math.sqrt(0.05 * 0.5) * float(noise.at(k)[m])
        assert float(found.states[m]) == pytest.approx(theta, rel=1e-10)
    np.testing.assert_allclose(found.times, 0.15 * np.arange(14))


def test_the_stationary_variance_of_the_discretised_chain(flat: Callable[..., Landscape]) -> None:
    chain = QuadraticChain(2.0, 0.5, 0.3, 10)  # ηλ = 0.6: the continuous variance would be 30 % smaller
    settings = ChainSettings(0.5, 0.3, 400, 60, seed=1)
    last = run(flat(10, 2.0), settings).records[20:, :, 1].mean(0)
    half = 5 * last.std() / math.sqrt(400)
    assert abs(last.mean() - 10 * chain.variance) < half
    assert half < 0.02 * 10 * chain.variance


def test_the_whole_path_of_a_free_particle_is_that_of_half_the_step(flat: Callable[..., Landscape]) -> None:
    coarse = run(flat(1, 1e-9), replace(SETTINGS, substeps=2))
    fine = run(flat(1, 1e-9), replace(SETTINGS, step_size=0.025, steps=80, record_every=2))
    np.testing.assert_allclose(coarse.records[..., 4], fine.records[..., 4], rtol=0, atol=1e-7)


def test_a_run_in_parts_has_the_same_bits(double_well: Callable[..., Landscape], tmp_path: Path) -> None:
    settings, file = replace(SETTINGS, record_every=3, start="mixed"), tmp_path / "chains.npz"
    whole = run(double_well(), settings)
    for steps in (7, 24, 24, 40):
        part = run(double_well(), replace(settings, steps=steps), checkpoint=file, resume=True)
    assert part.records.tobytes() == whole.records.tobytes()
    assert torch.equal(part.states, whole.states)


def test_an_interrupted_run_keeps_what_was_done(
    double_well: Callable[..., Landscape], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, calls = tmp_path / "chains.npz", 0
    at = AddressedNoise.at

    def interrupting(self: AddressedNoise, step: int) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 20:
            raise KeyboardInterrupt
        return at(self, step)

    monkeypatch.setattr(AddressedNoise, "at", interrupting)
    with pytest.raises(KeyboardInterrupt):
        run(double_well(), SETTINGS, checkpoint=file)
    with np.load(file) as stored:
        assert int(stored["step"]) == 19
        assert json.loads(str(stored["settings"]))["seed"] == 3
    resumed = run(double_well(), SETTINGS, checkpoint=file, resume=True)
    assert calls == 20 + 21  # the interrupted step and those after it
    assert resumed.records.tobytes() == run(double_well(), SETTINGS).records.tobytes()


def test_checkpoints_are_written_on_the_way(
    double_well: Callable[..., Landscape], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    monkeypatch.setattr(module, "LEAST_WORK_PER_CHECKPOINT", 0.0)
    monkeypatch.setattr(module, "SECONDS_BETWEEN_SHOWS", 0.0)
    file, seen = tmp_path / "chains.npz", []

    def progress(what: str, done: int, total: int) -> None:
        if done > 1:
            with np.load(file) as stored:
                seen.append((what, int(stored["step"]), done, total))

    run(double_well(), replace(SETTINGS, steps=5), checkpoint=file, progress=progress, what="steps")
    assert seen == [("steps", k - 1, k, 5) for k in (2, 3, 4, 5)]
    assert [p.name for p in tmp_path.iterdir()] == ["chains.npz"]


@pytest.mark.parametrize(("seconds", "saves"), [(0.25, 11), (2.5, 7), (7.0, 4)])
def test_large_checkpoints_are_written_less_often(
    seconds: float, saves: int, double_well: Callable[..., Landscape], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps of a second, 320 of them: every 30 s (from the 31st) or after 20 times what the last one took; and one at the end."""
    now, written = 0.0, []

    def save(*_: object) -> None:
        nonlocal now
        written.append(now)
        now += seconds

    def step(*_: object) -> None:
        nonlocal now
        now += 1

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(module, "save_checkpoint", save)
    monkeypatch.setattr(AddressedNoise, "add_to", step)
    run(double_well(), replace(SETTINGS, steps=320), checkpoint=tmp_path / "chains.npz")
    assert len(written) == saves
    assert written[0] == 31


@pytest.mark.parametrize(
    ("changed", "name"),
    [({"temperature": 0.4}, "temperature"), ({"seed": 4}, "seed"), ({"step_size": 0.04}, "step_size"), ({"chains": 5}, "chains")],
)
def test_a_checkpoint_of_other_settings_is_refused(
    double_well: Callable[..., Landscape], tmp_path: Path, changed: dict[str, float], name: str
) -> None:
    file = tmp_path / "chains.npz"
    run(double_well(), SETTINGS, checkpoint=file)
    with pytest.raises(
        RequestError, match=rf"^checkpoint .*: it was made with {name} .*; give the same settings, or another --out$"
    ):
        run(double_well(), replace(SETTINGS, **changed), checkpoint=file, resume=True)
    with pytest.raises(RequestError, match="it was made with fingerprint"):
        run(double_well(0.2), SETTINGS, checkpoint=file, resume=True)
    with pytest.raises(RequestError, match=r"it stands at step 40, beyond the 39 asked for"):
        run(double_well(), replace(SETTINGS, steps=39), checkpoint=file, resume=True)


def test_a_checkpoint_whose_noise_another_device_drew_is_refused(double_well: Callable[..., Landscape], tmp_path: Path) -> None:
    file = tmp_path / "chains.npz"
    run(double_well(), SETTINGS, checkpoint=file)
    with np.load(file) as stored:
        arrays = dict(stored)
    settings = json.loads(str(arrays["settings"]))
    drawn = settings.pop("noise drawn by")
    assert drawn == "processor"
    np.savez(file, **arrays | {"settings": np.array(json.dumps(settings))})  # as earlier versions wrote it
    run(double_well(), SETTINGS, checkpoint=file, resume=True)
    np.savez(file, **arrays | {"settings": np.array(json.dumps(settings | {"noise drawn by": "cuda"}))})
    with pytest.raises(RequestError, match="it was made with noise drawn by 'cuda', not 'processor'; give the same settings"):
        run(double_well(), SETTINGS, checkpoint=file, resume=True)


def test_a_checkpoint_of_directions_in_another_precision_is_refused(double_well: Callable[..., Landscape], tmp_path: Path) -> None:
    """Large landscapes draw theirs in float32, which are other ones, where earlier versions drew all in float64."""
    file, landscape = tmp_path / "chains.npz", double_well()
    run(landscape, SETTINGS, checkpoint=file)
    with np.load(file) as stored:
        arrays = dict(stored)
    settings = json.loads(str(arrays["settings"]))
    assert settings.pop("directions in") == "torch.float64"
    np.savez(file, **arrays | {"settings": np.array(json.dumps(settings))})  # as earlier versions wrote it
    run(landscape, SETTINGS, checkpoint=file, resume=True)
    wide = observables_for(landscape, None)
    narrow = replace(wide, directions=wide.directions.float())
    with pytest.raises(RequestError, match=r"it was made with directions in 'torch\.float64', not 'torch\.float32'"):
        run_chains(landscape, SETTINGS, narrow, checkpoint=file, resume=True)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"text"])
def test_a_damaged_checkpoint_is_refused(double_well: Callable[..., Landscape], tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "chains.npz"
    file.write_bytes(content)
    with pytest.raises(RequestError, match=r"^checkpoint .*: it is damaged"):
        run(double_well(), SETTINGS, checkpoint=file, resume=True)


def test_a_checkpoint_that_cannot_be_written_says_so(double_well: Callable[..., Landscape], tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"^checkpoint .*: it cannot be written"):
        run(double_well(), SETTINGS, checkpoint=tmp_path / "nowhere" / "chains.npz")


@pytest.mark.parametrize("weight_decay", [1.0, 100.0])
def test_a_diverging_chain_is_stopped(double_well: Callable[..., Landscape], weight_decay: float) -> None:
    settings = replace(SETTINGS, step_size=2.5, steps=10_000, start="mixed")
    with pytest.raises(DivergedError, match=r"^chain \d at step \d+: F = .* diverges; give a --step-size below 2\.5$"):
        run(double_well(weight_decay), settings)


def test_a_value_that_is_not_a_number_is_a_divergence() -> None:
    landscape = Landscape.from_function(lambda x: torch.where(x > 1.2, x * math.nan, x.square()).sum(), 1, weight_decay=1.0)
    with pytest.raises(DivergedError, match=r"^chain \d at step \d+: F = nan"):
        run(landscape, replace(SETTINGS, steps=5000, temperature=2.0))


def test_settings_out_of_range_are_refused_before_a_step(double_well: Callable[..., Landscape]) -> None:
    with pytest.raises(RequestError, match=r"^chains 0: "):
        run(double_well(), replace(SETTINGS, chains=0))
