from __future__ import annotations

import math

import pytest
import torch

from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.memory import MemoryNote
from villani_verify.theory.pac_bayes import gibbs_loss
from villani_verify.theory.pac_bayes.bounded_losses import BoundedLoss, bounded_loss
from villani_verify.theory.pac_bayes.gaussians import Posterior
from villani_verify.theory.pac_bayes.gibbs_loss import MeanLoss, gibbs_draws, held_out_blocks, mean_loss, row_losses, rows_of_draw
from villani_verify.theory.pac_bayes.sample import Sample, sample_of

# Six intervals of a fixed seed, each at this δ.
RARE = 1e-4


@pytest.mark.parametrize("rows_per_draw", [1, 16])
def test_sampled_losses_against_the_closed_form(linear, rows_per_draw: int) -> None:
    sds = (0.3, 1.0, 5.0)
    posteriors = [Posterior.isotropic(linear.landscape.initial, sd) for sd in sds]
    found = gibbs_draws(linear.loss, posteriors, linear.training, linear.held_out, draws=1500, rows_per_draw=rows_per_draw, seed=0)
    for sd, draws in zip(sds, found, strict=True):
        low, high = mean_loss(draws.training, RARE).interval
        assert low <= linear.gibbs_loss(linear.training, sd) <= high
        assert high - low < 0.13
        low, high = mean_loss(draws.held_out, RARE).interval
        assert low <= linear.gibbs_loss(linear.held_out, sd) <= high


def test_more_rows_a_draw_leave_the_mean_and_narrow_the_scatter(linear) -> None:
    posterior = Posterior.isotropic(linear.landscape.initial, 1.0)
    scatter = []
    for count in (1, 64):
        values = torch.tensor(
            gibbs_draws(linear.loss, [posterior], linear.training, None, draws=600, rows_per_draw=count, seed=1)[0].training
        )
        assert float(values.mean()) == pytest.approx(
            linear.gibbs_loss(linear.training, 1.0), abs=5 * float(values.std()) / 600**0.5
        )
        scatter.append(float(values.std()))
    assert scatter[1] < 0.5 * scatter[0]


def test_draws_are_addressed(linear) -> None:
    posteriors = [Posterior.isotropic(linear.landscape.initial, sd) for sd in (0.5, 1.0)]

    def draw(count: int, seed: int, which: list[Posterior] = posteriors) -> list:
        return gibbs_draws(linear.loss, which, linear.training, None, draws=count, rows_per_draw=4, seed=seed)

    first = draw(30, 5)
    assert draw(30, 5) == first
    assert draw(10, 5)[1].training == first[1].training[:10]
    assert draw(30, 5, posteriors[1:])[0] == first[1]
    assert draw(30, 6) != first


def test_rows_of_a_draw_are_distinct_and_every_row_comes_equally_often() -> None:
    counts = torch.zeros(10)
    for i in range(2000):
        rows = rows_of_draw(10, 3, seed=0, index=i)
        assert len(set(rows.tolist())) == 3
        counts[rows] += 1
    # Each of ten counts is binomial(2000, 0.3): within five standard deviations.
    assert bool(((counts - 600).abs() < 5 * math.sqrt(2000 * 0.3 * 0.7)).all())
    assert torch.equal(rows_of_draw(3, 3, seed=0, index=0), torch.arange(3))
    assert torch.equal(rows_of_draw(3, 9, seed=0, index=0), torch.arange(3))


@pytest.mark.parametrize(
    ("size", "draws", "blocks", "rows"), [(10, 3, 3, 3), (10, 20, 10, 1), (9, 9, 9, 1), (100, 1, 1, 100), (0, 5, 0, 0)]
)
def test_a_held_out_row_is_used_once(size: int, draws: int, blocks: int, rows: int) -> None:
    found = held_out_blocks(size, draws)
    assert [len(b) for b in found] == [rows] * blocks
    used = torch.cat(found).tolist() if found else []
    assert len(set(used)) == len(used)


def test_held_out_rows_are_told_from_the_sample(tiny: Landscape) -> None:
    # A loss that says which rows it was shown: 1 on rows of sevens, 0 elsewhere.
    marked = BoundedLoss("marked", 1.0, "", None, lambda point, batch: (batch[:, 0] == 7).double())
    sample, held_out = Sample(torch.zeros(9, 4)), Sample(torch.full((5, 4), 7.0))
    posterior = Posterior.isotropic(tiny.initial, 0.1)
    [found] = gibbs_draws(marked, [posterior], sample, held_out, draws=7, rows_per_draw=2, seed=0)
    assert found.training == (0.0,) * 7
    assert found.held_out == (1.0,) * 5


def test_the_size_of_a_pass_does_not_matter(tiny: Landscape, monkeypatch: pytest.MonkeyPatch) -> None:
    loss, sample = bounded_loss(tiny, "clipped-cross-entropy"), sample_of(tiny)
    whole = row_losses(loss, tiny.initial, sample.batch, sample.device)
    monkeypatch.setattr(gibbs_loss, "ROWS_PER_PASS", 5)
    assert torch.allclose(row_losses(loss, tiny.initial, sample.batch, sample.device), whole, rtol=1e-13, atol=0)


def test_fewer_rows_at_a_time_where_memory_runs_out() -> None:
    def tight(point: object, batch: torch.Tensor) -> torch.Tensor:
        if len(batch) > 2:
            raise MemoryError
        return batch[:, 0]

    with pytest.warns(MemoryNote):
        values = row_losses(BoundedLoss("tight", 1.0, "", None, tight), {}, torch.arange(7.0)[:, None] / 7, torch.device("cpu"))
    assert torch.allclose(values, torch.arange(7.0).double() / 7)


def test_a_mean_has_an_interval() -> None:
    found = mean_loss([0.0, 1.0, 0.5, 0.5], 0.1)
    assert found == MeanLoss(0.5, 4, 0.1)
    low, high = found.interval
    assert 0 < low < 0.5 < high < 1
    assert high == pytest.approx(1 - low)


def test_numbers_below_one(linear) -> None:
    posterior = Posterior.isotropic(linear.landscape.initial, 1.0)
    for draws, rows, part in ((0, 4, "draws 0"), (-3, 4, "draws -3"), (5, 0, "rows per draw 0")):
        with pytest.raises(RequestError, match=part):
            gibbs_draws(linear.loss, [posterior], linear.training, None, draws=draws, rows_per_draw=rows, seed=0)
