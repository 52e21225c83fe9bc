from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import ndtr

from villani_verify.errors import LandscapeError, RequestError
from villani_verify.landscape import Landscape
from villani_verify.theory.pac_bayes.binary_kl import binary_kl, kl_inverse_upper, mean_interval
from villani_verify.theory.pac_bayes.bounded_losses import BoundedLoss
from villani_verify.theory.pac_bayes.gaussians import PriorMean
from villani_verify.theory.pac_bayes.sample import Sample, sample_of
from villani_verify.theory.pac_bayes.study import PacBayesStudy, certify

SDS, PRECISIONS = (0.3, 1.0, 3.0), (0.1, 0.5, 2.0)
DELTA, MONTE_CARLO_DELTA, DRAWS = 0.03, 0.02, 400


@pytest.fixture(scope="module")
def study(linear) -> PacBayesStudy:
    return certify(
        linear.landscape, linear.loss, held_out=linear.held_out, prior_precisions=PRECISIONS, posterior_sds=SDS, delta=DELTA,
        monte_carlo_delta=MONTE_CARLO_DELTA, draws=DRAWS, seed=3,
    )  # fmt: skip


def test_every_quantity_of_a_linear_classifier_is_its_closed_form(linear, study: PacBayesStudy) -> None:
    square, n = float(linear.weights @ linear.weights), 2000
    assert len(study.certificates) == 9
    for c in study.certificates:
        lam, sd = c.prior_precision, c.posterior_sd
        divergence = 0.5 * (3 * (lam * sd**2 - 1 - math.log(lam * sd**2)) + lam * square)
        assert c.divergence == pytest.approx(divergence, rel=1e-12)
        low, high = c.empirical.interval
        assert low <= linear.gibbs_loss(linear.training, sd) <= high
        assert (low, high) == mean_interval(c.empirical.value, DRAWS, MONTE_CARLO_DELTA / 3)
        # One in nine of these may miss at 5 %; the seed is fixed.
        low, high = c.held_out.interval
        assert low <= linear.gibbs_loss(linear.held_out, sd) <= high
        assert c.held_out.delta == pytest.approx(DELTA + MONTE_CARLO_DELTA)
        nats = (divergence + math.log(2 * math.sqrt(n) * 3 / DELTA)) / n
        assert c.bound == pytest.approx(kl_inverse_upper(c.empirical.interval[1], nats), rel=1e-9)
        assert c.bounds["mcallester"] == pytest.approx(c.empirical.interval[1] + math.sqrt(nats / 2), rel=1e-9)
        assert c.bounds["maurer-seeger"] <= c.bounds["mcallester"]


def test_the_bound_holds_and_is_not_vacuous(linear, study: PacBayesStudy) -> None:
    # The true loss of Q, on 200,000 fresh inputs.
    x = np.random.default_rng(9).standard_normal((200_000, 3))
    label, w = x @ [1.0, -0.5, 0.25] > 0, linear.weights.numpy()
    for c in study.certificates:
        wrong = ndtr(np.where(label, -1, 1) * (x @ w) / (c.posterior_sd * np.linalg.norm(x, axis=1))).mean()
        assert 0.1 + 0.8 * wrong < c.bound
    assert not study.best.vacuous
    assert study.best.bound < 0.35
    assert study.best.n_needed < 2000


def test_the_loss_at_the_mean(linear, study: PacBayesStudy) -> None:
    training, held_out = study.at_mean
    for found, sample in ((training, linear.training), (held_out.value, linear.held_out)):
        x, y = sample.batch
        assert found == pytest.approx(float((y * (x @ linear.weights) <= 0).double().mean()), rel=1e-12)
    assert (held_out.count, held_out.delta) == (1500, pytest.approx(0.05))


def test_the_curves(study: PacBayesStudy) -> None:
    over_precision, over_deviation = study.over_precision(), study.over_deviation()
    assert [c.prior_precision for c in over_precision] == list(PRECISIONS)
    assert [c.posterior_sd for c in over_deviation] == list(SDS)
    for found, key in ((over_precision, "prior_precision"), (over_deviation, "posterior_sd")):
        for best in found:
            assert best.bound == min(c.bound for c in study.certificates if getattr(c, key) == getattr(best, key))
    assert study.best.bound == min(c.bound for c in study.certificates)


def test_the_best_precision_is_where_the_divergence_is_least(linear) -> None:
    # d KL/dλ = 0 at 1/λ = σ² + ‖w‖²/d.
    grid = [10 ** (k / 20) for k in range(-40, 41)]
    found = certify(linear.landscape, linear.loss, prior_precisions=grid, posterior_sds=[0.3], draws=10)
    optimum = 1 / (0.3**2 + float(linear.weights @ linear.weights) / 3)
    assert found.best.prior_precision == min(grid, key=lambda lam: abs(math.log(lam / optimum)))


def test_a_larger_grid_costs_its_logarithm(linear) -> None:
    def bound(precisions: list[float], sds: list[float]):
        found = certify(linear.landscape, linear.loss, prior_precisions=precisions, posterior_sds=sds, draws=50)
        return next(c for c in found.certificates if (c.prior_precision, c.posterior_sd) == (0.5, 1.0))

    alone, with_priors, with_posteriors = bound([0.5], [1.0]), bound([0.5, 1, 2, 4], [1.0]), bound([0.5], [1.0, 2.0])
    loss = alone.empirical.interval[1]
    assert with_priors.empirical == alone.empirical
    assert 2000 * (binary_kl(loss, with_priors.bound) - binary_kl(loss, alone.bound)) == pytest.approx(math.log(4), rel=1e-6)
    assert with_posteriors.empirical.value == alone.empirical.value
    assert with_posteriors.empirical.delta == pytest.approx(alone.empirical.delta / 2)
    assert with_posteriors.bound > alone.bound
    # Naming a precision twice is not paid for twice.
    assert bound([0.5, 0.5], [1.0]).bound == alone.bound


def test_how_many_rows_are_needed(linear, study: PacBayesStudy) -> None:
    for c in study.certificates:

        def bound(n: int, c=c) -> float:
            nats = (c.divergence + math.log(2 * math.sqrt(n) / c.confidence.per_prior)) / n
            return kl_inverse_upper(c.empirical.interval[1], nats)

        if c.n_needed is None:
            assert c.empirical.interval[1] >= 0.5
        else:
            assert bound(c.n_needed) < 0.5
            assert c.n_needed == 8 or bound(c.n_needed - 1) >= 0.5 - 1e-12
    assert any(c.n_needed is not None for c in study.certificates)


def test_vacuous_bounds(linear, study: PacBayesStudy) -> None:
    best = study.best
    tiny = certify(linear.landscape, linear.loss, training=Sample(tuple(t[:8] for t in linear.training.batch)), draws=5).best
    assert tiny.vacuous
    assert tiny.no_better_than_uniform
    assert not tiny.reaches_one
    above = replace(best, bounds={**best.bounds, "maurer-seeger": 1.0})
    assert above.reaches_one
    assert above.vacuous
    unknown = replace(best, uniform=None)
    assert unknown.no_better_than_uniform is None
    assert not unknown.vacuous
    assert unknown.n_needed is None
    assert replace(best, uniform=1.0).n_needed is None


def test_results_are_plain_json(study: PacBayesStudy) -> None:
    results = json.loads(json.dumps(study.as_dict(), allow_nan=False))
    best = results["certificate"]
    assert best["bound"] == study.best.bound
    assert best["level"] == pytest.approx(0.95)
    assert best["inequality"] == "maurer-seeger"
    assert best["vacuous"] is False
    assert results["confidence"]["delta_per_prior"] == pytest.approx(DELTA / 3)
    assert results["confidence"]["monte_carlo_delta_per_posterior"] == pytest.approx(MONTE_CARLO_DELTA / 3)
    assert len(results["over_precision"]) == len(results["over_deviation"]) == 3
    assert results["held_out"] == {"size": 1500, "origin": "drawn", "independent": True, "seen_in_training": False}
    assert {c["status"] for c in results["conditions"]} == {"checked", "assumed"}
    assert results["valid"] is True


def test_values_in_the_loss_s_own_unit(linear) -> None:
    nats = replace(linear.loss, scale=4.0, unit="nats")
    row = certify(linear.landscape, nats, posterior_sds=[1.0], draws=20).as_dict()["certificate"]
    assert row["bound_in_units"] == pytest.approx(4 * row["bound"])
    assert row["empirical_loss"]["interval_in_units"] == pytest.approx([4 * x for x in row["empirical_loss"]["interval"]])


def test_a_prior_from_the_training_data_makes_no_certificate(linear) -> None:
    mean = PriorMean.at(linear.landscape.initial, source="training data")
    found = certify(linear.landscape, linear.loss, prior_mean=mean, posterior_sds=[0.3], draws=20)
    assert not found.valid
    assert [c.claim for c in found.conditions if c.status == "violated"] == ["the prior was chosen before the sample"]
    assert found.as_dict()["valid"] is False
    with pytest.raises(RequestError, match="equals the posterior mean"):
        certify(linear.landscape, linear.loss, prior_mean=replace(mean, source="initialisation"), draws=20)


def test_a_prior_mean_nearer_to_the_parameters_is_nearer(linear) -> None:
    near = PriorMean.at({"weight": linear.weights[None] + 0.1}, source="other data")
    kinds = [certify(linear.landscape, linear.loss, prior_mean=m, prior_precisions=[4.0], draws=5).best for m in (None, near)]
    assert kinds[1].divergence < kinds[0].divergence
    at_near = certify(linear.landscape, linear.loss, prior_mean=near, prior_precisions=[4.0], posterior_sds=[0.5], draws=5).best
    assert at_near.divergence == pytest.approx(0.5 * 4 * 3 * 0.1**2, rel=1e-9)


def test_the_rows_of_a_landscape_are_its_sample(linear, tiny: Landscape) -> None:
    joined = sample_of(linear.landscape)
    assert joined.size == 2000
    assert all(torch.equal(a, b) for a, b in zip(joined.batch, linear.training.batch, strict=True))
    assert torch.equal(sample_of(tiny).batch, tiny.batches[0])


def untouchable(point: object, batch: object) -> torch.Tensor:
    raise AssertionError("something was sampled")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"delta": 0.0}, "delta 0.0"),
        ({"delta": 1.0}, "delta 1.0"),
        ({"delta": math.nan}, "delta nan"),
        ({"monte_carlo_delta": 0.0}, "Monte Carlo delta 0.0"),
        ({"delta": 0.6, "monte_carlo_delta": 0.4}, "add up to 1"),
        ({"draws": 0}, "draws 0"),
        ({"rows_per_draw": 0}, "rows per draw 0"),
        ({"prior_precisions": [1.0, 0.0]}, "prior precision 0.0"),
        ({"prior_precisions": [-1.0]}, "prior precision -1.0"),
        ({"prior_precisions": []}, "grid is empty"),
        ({"posterior_sds": []}, "grid is empty"),
        ({"posterior_sds": [0.1, math.inf]}, "posterior standard deviation inf"),
        ({"prior_precisions": [1e300], "posterior_sds": [1e200]}, "overflows"),
    ],
)
def test_what_is_out_of_range_is_said_before_anything_is_sampled(linear, arguments: dict, part: str) -> None:
    loss = BoundedLoss("untouchable", 1.0, "", None, untouchable)
    with pytest.raises(RequestError) as caught:
        certify(linear.landscape, loss, **arguments)
    assert part in str(caught.value)


def test_samples_that_cannot_be_used(linear) -> None:
    loss = BoundedLoss("untouchable", 1.0, "", None, untouchable)
    small = Sample(tuple(t[:7] for t in linear.training.batch))
    with pytest.raises(RequestError, match="sample of 7 sequences: the inequalities need at least 8"):
        certify(linear.landscape, loss, training=small)
    function = Landscape.from_function(lambda t: t.square().sum(), 2)
    with pytest.raises(RequestError, match="it has no data to draw from"):
        certify(function, loss)
    ragged = Landscape.causal_lm(*_ragged())
    with pytest.raises(RequestError, match="rows of different shapes"):
        sample_of(replace(ragged, batches=(ragged.batches[0], ragged.batches[0][:, :3]), batch_weights=(1.0, 1.0)))
    outside = replace(linear.loss, of_rows=lambda point, batch: torch.full((len(batch[0]),), 1.5))
    with pytest.raises(LandscapeError, match=r"1.5 is not in \[0, 1\]"):
        certify(linear.landscape, outside, draws=2)


def _ragged():
    from villani_verify.landscapes.architectures import gpt_neo_tiny

    return gpt_neo_tiny(), torch.zeros(2, 5, dtype=torch.int64)
