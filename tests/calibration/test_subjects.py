from __future__ import annotations

import math

import pytest
import torch

from villani_verify.calibration.subjects import (
    Subject,
    heavy,
    light,
    of_landscape,
    one_direction,
    quadratic,
    quartic,
    small_network,
)
from villani_verify.curvature.double_backward import DoubleBackward
from villani_verify.curvature.engine import engine_for
from villani_verify.curvature.exact import exact_laplacian
from villani_verify.landscapes.zoo import zoo_entry


def point(subject: Subject, seed: int = 0) -> dict[str, torch.Tensor]:
    t = subject.landscape.initial["theta"]
    return {"theta": torch.randn(t.shape, generator=torch.Generator().manual_seed(seed), dtype=t.dtype)}


@pytest.mark.parametrize("make", [light, heavy, one_direction])
def test_matrices_are_symmetric_and_have_the_trace_asked_for(make) -> None:
    matrix = make(7.0)
    assert torch.equal(matrix, matrix.T)
    assert float(matrix.trace()) == pytest.approx(7.0, rel=1e-12)


def test_what_the_matrices_are_called_is_what_they_are() -> None:
    def squares(matrix: torch.Tensor) -> torch.Tensor:
        upper = matrix.triu(1).square()
        return (upper / upper.sum()).flatten().sort(descending=True).values

    assert float(squares(light())[:5].sum()) < 0.1
    assert float(squares(heavy())[:5].sum()) > 0.6
    values = torch.linalg.eigvalsh(one_direction())
    assert float(values[-1] / values[-2:].sum()) > 0.9


@pytest.mark.parametrize(
    "subject",
    [quadratic(light()), quadratic(heavy(3.0), weight_decay=0.2), quartic(light(40.0), heavy())],
    ids=["light", "heavy", "quartic"],
)
def test_the_engine_knows_the_hessian_of_its_landscape(subject: Subject) -> None:
    theta = point(subject)
    own = subject.engine.quadratic_forms(subject.landscape, theta, seed=3, indices=range(4))
    assert own == pytest.approx(DoubleBackward().quadratic_forms(subject.landscape, theta, seed=3, indices=range(4)), rel=1e-11)
    form = subject.engine.trace_form(subject.landscape, theta)
    assert float(form.products(torch.eye(form.size, dtype=torch.float64)).trace()) == pytest.approx(
        exact_laplacian(subject.landscape, theta), rel=1e-11
    )


def test_rounded_samples_are_off_in_the_mean_and_close_to_the_others() -> None:
    subject = quadratic(light(), rounds=True)
    rounded = subject.engine.rounded(subject.landscape)
    assert rounded is not None
    start = subject.landscape.initial
    traces = [float(e.trace_form(subject.landscape, start).matrix.trace()) for e in (subject.engine, rounded)]
    assert 0.003 < abs(traces[1] / traces[0] - 1) < 0.1
    assert quadratic(light()).engine.rounded(subject.landscape) is None


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(small_network, id="small network"),
        pytest.param(zoo_entry("gpt-neo-tiny").make, id="gpt-neo-tiny", marks=pytest.mark.slow),
    ],
)
def test_remembered_samples_are_those_of_the_engine_that_users_get(make) -> None:
    landscape = make()
    subject = of_landscape(landscape)
    own = engine_for("auto").laplacian_samples(landscape, landscape.initial, seed=5, indices=range(8))
    found = subject.engine.laplacian_samples(landscape, landscape.initial, seed=5, indices=range(8))
    assert found == pytest.approx(own, rel=1e-9, abs=1e-9 * max(map(abs, own)))


def test_the_network_is_no_toy_of_one_probe() -> None:
    subject = of_landscape(small_network())
    landscape = subject.landscape
    assert landscape.dimension == 45
    assert 0 < landscape.loss(landscape.initial) < 10
    assert math.isfinite(subject.laplacian)
    samples = subject.engine.laplacian_samples(landscape, landscape.initial, seed=1, indices=range(400))
    mean, deviation = float(torch.tensor(samples).mean()), float(torch.tensor(samples).std())
    assert deviation > 0.1 * abs(subject.laplacian)
    # 5 standard errors: error probability 6e-7.
    assert abs(mean - subject.laplacian) < 5 * deviation / 20


def test_one_direction_is_as_skewed_as_chi_squared() -> None:
    subject = quadratic(one_direction())
    samples = torch.tensor(
        subject.engine.laplacian_samples(subject.landscape, subject.landscape.initial, seed=1, indices=range(20_000))
    )
    z = (samples - samples.mean()) / samples.std()
    # √8 = 2.83 for χ² with one degree of freedom; its own standard error at n = 20,000 is about 0.1.
    assert float((z**3).mean()) == pytest.approx(math.sqrt(8), abs=0.5)
