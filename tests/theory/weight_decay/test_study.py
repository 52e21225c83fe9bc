from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from villani_verify.errors import RequestError
from villani_verify.journal import Journal
from villani_verify.landscapes.architectures import gpt_neo_tiny
from villani_verify.theory.weight_decay import study as module
from villani_verify.theory.weight_decay.quantities import LARGER_IS_BETTER, Effort
from villani_verify.theory.weight_decay.study import Plan, answer, excess_of_all, run_study, summarise
from villani_verify.theory.weight_decay.text import Parts
from villani_verify.theory.weight_decay.training import Decay, Schedule

EFFORT = Effort(probes=10, rows=2, chains=4, steps=140, draws=20)
PLAN = Plan((0.01, 0.1), (0,), Schedule(steps=5, rows=2, length=8), EFFORT, (Decay.L2,))


def parts() -> Parts:
    tokens = torch.from_numpy(np.random.default_rng(0).integers(0, 7, 30 * 8)).reshape(30, 8)
    return Parts(tokens[:10], tokens[10:20], tokens[20:])


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    journal = Journal(tmp_path_factory.mktemp("study") / "study.jsonl")
    return journal.path, run_study(PLAN, {"random": parts()}, gpt_neo_tiny, journal)


def test_every_model_has_its_losses_and_quantities(rows) -> None:
    _, found = rows
    assert [(r["text"], r["decay"], r["weight_decay"], r["seed"]) for r in found] == [
        ("random", "l2", 0.01, 0),
        ("random", "l2", 0.1, 0),
    ]
    for row in found:
        assert row["generalisation_gap"] == pytest.approx(row["test_loss"] - row["training_loss"])
        assert set(row["quantities"]) == set(LARGER_IS_BETTER)
        lam = row["weight_decay"]
        assert row["quantities"]["log_sobolev_bound"]["value"] == pytest.approx(1 / lam + 822 / lam**2)
        assert row["quantities"]["critical_temperature"]["value"] > 0
        assert row["quantities"]["pac_bayes_bound"]["value"] > 0


def test_what_is_in_the_journal_is_not_trained_again(rows, monkeypatch) -> None:
    path, found = rows
    monkeypatch.setattr(module, "train", lambda *_, **__: pytest.fail("it was trained again"))
    assert run_study(PLAN, {"random": parts()}, gpt_neo_tiny, Journal(path)) == found


@pytest.mark.parametrize(
    "other", [replace(PLAN, schedule=Schedule(steps=6, rows=2, length=8)), replace(PLAN, effort=replace(EFFORT, draws=30))]
)
def test_rows_of_other_settings_are_not_taken(rows, monkeypatch, other) -> None:
    path, _ = rows

    class Trained(Exception):
        pass

    def fail(*_, **__):
        raise Trained

    monkeypatch.setattr(module, "train", fail)
    with pytest.raises(Trained):
        run_study(other, {"random": parts()}, gpt_neo_tiny, Journal(path))


def test_rows_that_another_device_made_are_not_taken(rows, tmp_path, monkeypatch) -> None:
    """A grid of λ is compared with itself, so that all of it comes from one device; what rows do not say is a processor."""
    _, found = rows
    assert {row["device"] for row in found} == {"cpu"}
    monkeypatch.setattr(module, "_measured", lambda *_: {"test_loss": 0.0})
    for device, taken in ((None, True), ("cuda", False)):
        journal = Journal(tmp_path / f"{device}.jsonl")
        for row in found:
            kept = {k: v for k, v in row.items() if k != "device"}
            journal.append(kept if device is None else kept | {"device": device})
        again = run_study(PLAN, {"random": parts()}, gpt_neo_tiny, journal)
        assert all((row["test_loss"] != 0.0) is taken for row in again)


def test_models_are_trained_where_the_text_lies(tmp_path, monkeypatch) -> None:
    class Trained(Exception):
        pass

    def look(model, tokens, **_):
        assert {p.device.type for p in model.parameters()} == {tokens.device.type} == {"meta"}
        raise Trained

    monkeypatch.setattr(module, "train", look)
    with pytest.raises(Trained):
        run_study(PLAN, {"random": parts().to("meta")}, gpt_neo_tiny, Journal(tmp_path / "study.jsonl"))


def row(lam: float, seed: int, test: float, *, validation: float | None = None, s_star: float | None = 1.0, bound: float = 1.0):
    return {
        "text": "t", "decay": "l2", "weight_decay": lam, "seed": seed, "test_loss": test,
        "validation_loss": test if validation is None else validation,
        "quantities": {
            "critical_temperature": None if s_star is None else {"value": s_star},
            "log_sobolev_bound": {"value": 1 / lam},
            "mixing_rate": {"value": lam},
            "pac_bayes_bound": {"value": bound},
        },
    }  # fmt: skip


def grid(seed: int, **changes) -> list:
    """The test loss has its least in the middle; s* orders as it does, and the bound the other way round."""
    losses = (2.0, 1.5, 1.8)
    return [row(10.0**-k, seed, x, s_star=-x, bound=-x, **changes) for k, x in enumerate(losses)]


def test_summaries_of_a_known_grid() -> None:
    found = {s.quantity: s for s in summarise([*grid(0), *grid(1)])}
    assert found["critical_temperature"].correlation.value == pytest.approx(1)
    assert found["critical_temperature"].regret.value == 0
    assert found["pac_bayes_bound"].correlation.value == pytest.approx(-1)
    assert found["pac_bayes_bound"].regret.value == pytest.approx(0.5)
    # Smaller constants are at larger λ: ranks (1, 2, 3) for λ = 1, 0.1, 0.01 against losses (3, 1, 2).
    assert found["log_sobolev_bound"].correlation.value == pytest.approx(-0.5)
    assert found["mixing_rate"].correlation.value == pytest.approx(-0.5)
    assert found["log_sobolev_bound"].regret.value == pytest.approx(0.5)
    assert found["validation_loss"].regret.value == 0
    assert found["pac_bayes_bound"].excess.interval == pytest.approx((0.5, 0.5))


def test_a_grid_search_pays_for_what_validation_does_not_see() -> None:
    rows = [row(1.0, 0, 2.0, validation=1.0, s_star=1.0), row(0.1, 0, 1.5, validation=1.1, s_star=2.0)]
    found = {s.quantity: s for s in summarise(rows)}
    assert found["validation_loss"].regret.value == pytest.approx(0.5)
    assert found["critical_temperature"].excess.value == pytest.approx(-0.5)


def test_a_seed_counts_only_where_every_decay_has_a_value() -> None:
    broken = grid(1)
    broken[1]["quantities"]["critical_temperature"] = None
    found = {s.quantity: s for s in summarise([*grid(0), *broken])}
    assert found["critical_temperature"].correlation.seeds == 1
    assert found["pac_bayes_bound"].correlation.seeds == 2


def test_answers_in_words() -> None:
    several = [r for seed in range(3) for r in grid(seed)]
    assert answer(several, "pac_bayes_bound").endswith("against the grid search: worse")
    assert answer(several, "critical_temperature").endswith("not told apart")
    assert answer(grid(0), "pac_bayes_bound").endswith("one seed: no interval")
    nothing = [row(1.0, 0, 2.0, s_star=None), row(0.1, 0, 1.5)]
    assert answer(nothing, "critical_temperature").startswith("no answer")
    better = []
    for seed in range(3):
        better += [
            row(1.0, seed, 2.0 + 0.01 * seed, validation=1.0, s_star=1.0), row(0.1, seed, 1.5, validation=1.1, s_star=2.0)
        ]  # fmt: skip
    assert answer(better, "critical_temperature").endswith("better")
    assert excess_of_all(better, "critical_temperature").value == pytest.approx(-0.51)


@pytest.mark.parametrize("decays", [(), (0.1,), (0.1, 0.01), (0.1, 0.1), (0.0, 0.1), (0.1, math.inf), (-0.1, 0.1)])
def test_grids_that_are_none(decays) -> None:
    with pytest.raises(RequestError, match="give at least two positive numbers in ascending order"):
        replace(PLAN, weight_decays=decays)


@pytest.mark.parametrize("seeds", [(), (1, 1)])
def test_seeds_that_are_none(seeds) -> None:
    with pytest.raises(RequestError, match="give at least one, and none twice"):
        replace(PLAN, seeds=seeds)
