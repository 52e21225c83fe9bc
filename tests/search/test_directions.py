from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.autograd.functional import hessian

from villani_verify.landscape import Landscape
from villani_verify.points import Point, norm
from villani_verify.search import directions
from villani_verify.search.directions import KINDS

BLOCKS = {"a": 2, "b": 3, "c": 1}
D = 6


def _loss(t: Tensor) -> Tensor:
    return (1 + t[0] * t[3]).square() + torch.cosh(t).sum()


def landscape(dtype: torch.dtype = torch.float64) -> Landscape:
    initial = torch.tensor([0.3, -1.1, 0.7, 2.0, -0.4, 0.9], dtype=dtype)
    return Landscape.from_function(
        _loss, D, blocks=BLOCKS, initial=initial, weight_decay={"a": 0.5, "b": 0.0, "c": 2.0}, name="six"
    )


def quadratic(matrix: Tensor, **options: object) -> Landscape:
    return Landscape.from_function(lambda t: 0.5 * t @ (matrix @ t), len(matrix), **options)  # type: ignore[arg-type]


def _flat(v: Point) -> Tensor:
    return torch.cat([t.reshape(-1) for t in v.values()])


def _make(kind: str, subject: Landscape, seed: int = 0, index: int = 0) -> Tensor:
    extra = {"name": "b"} if kind == "tensor" else {}
    return _flat(KINDS[kind](subject, seed=seed, index=index, **extra))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kind", KINDS)
def test_directions_are_unit_vectors_shaped_like_the_parameters(kind: str, dtype: torch.dtype) -> None:
    subject = landscape(dtype)
    extra = {"name": "b"} if kind == "tensor" else {}
    v = KINDS[kind](subject, seed=3, index=1, **extra)
    assert list(v) == list(BLOCKS)
    assert all(v[n].shape == subject.initial[n].shape and v[n].dtype == dtype for n in v)
    assert norm(v) == pytest.approx(1, rel=10 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("kind", ["isotropic", "sign", "tensor", "sparse"])
def test_drawn_directions_follow_seed_and_index(kind: str) -> None:
    subject = landscape()
    assert torch.equal(_make(kind, subject, 5, 2), _make(kind, subject, 5, 2))
    # A sparse or sign direction has few values, so that a few coincide: not all of twenty do.
    assert any(not torch.equal(_make(kind, subject, 5, 2), _make(kind, subject, 5, i)) for i in range(3, 23))
    assert any(not torch.equal(_make(kind, subject, 5, 2), _make(kind, subject, s, 2)) for s in range(6, 26))


def test_isotropic_directions_have_the_moments_of_the_uniform_sphere() -> None:
    # E v_i = 0, E v_i v_j = δ_ij/d and E v_i⁴ = 3/(d(d + 2)), from n = 4,000 draws. Standard deviations: of v_i 0.41,
    # of v_i v_j below 0.2 and of v_i⁴ below 0.2 (d = 6). The bounds are six standard deviations of the mean, so each
    # of the 6 + 21 + 6 checks fails by chance with probability about 1e-8 (the mean of 4,000 bounded terms is normal enough).
    n, subject = 4000, landscape()
    v = torch.stack([_make("isotropic", subject, 11, i) for i in range(n)])
    assert v.mean(0).abs().max() < 6 * 0.41 / math.sqrt(n)
    second = v.T @ v / n
    assert (second - torch.eye(D, dtype=torch.float64) / D).abs().max() < 6 * 0.2 / math.sqrt(n)
    assert (v.pow(4).mean(0) - 3 / (D * (D + 2))).abs().max() < 6 * 0.2 / math.sqrt(n)


def test_signs_are_a_corner_of_the_cube() -> None:
    v = _make("sign", landscape())
    torch.testing.assert_close(v.abs(), torch.full_like(v, D**-0.5))


def test_a_direction_within_a_tensor_stays_there() -> None:
    v = directions.tensor(landscape(), name="b", seed=0, index=0)
    assert norm({"a": v["a"], "c": v["c"]}) == 0
    assert bool((v["b"] != 0).all())


def test_sparse_directions_are_uniform_over_signed_coordinates() -> None:
    # 12 signed coordinates, 2,400 draws: counts are Binomial(2400, 1/12), mean 200, standard deviation 13.5. Six of them
    # are exceeded by chance with probability 1e-7 at most, over all 12 counts (upper tails 6e-9 each, lower ones 6e-11).
    n, subject = 2400, landscape()
    v = torch.stack([_make("sparse", subject, 2, i) for i in range(n)])
    assert bool(((v != 0).sum(1) == 1).all())
    assert bool((v.abs().sum(1) == 1).all())
    counts = torch.cat([(v == 1).sum(0), (v == -1).sum(0)]).double()
    assert (counts - n / 12).abs().max() < 6 * 13.6


def test_gradient_directions_agree_with_autograd() -> None:
    subject = landscape()
    theta = _flat(subject.initial).requires_grad_()
    decay = torch.tensor([0.5, 0.5, 0, 0, 0, 2.0], dtype=torch.float64)
    (expected,) = torch.autograd.grad(_loss(theta) + 0.5 * (decay * theta.square()).sum(), theta)
    expected = expected / expected.norm()
    torch.testing.assert_close(_make("gradient", subject), expected, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(_make("anti-gradient", subject), -expected, rtol=1e-12, atol=1e-14)


def test_flattest_is_the_hessians_smallest_eigenvector() -> None:
    subject = landscape()
    matrix = hessian(_loss, _flat(subject.initial)) + torch.diag(torch.tensor([0.5, 0.5, 0, 0, 0, 2.0], dtype=torch.float64))
    values, vectors = torch.linalg.eigh(matrix)
    assert abs(float(vectors[:, values.abs().argmin()] @ _make("flattest", subject))) == pytest.approx(1, abs=1e-9)


def test_flattest_finds_the_null_vector_of_a_rank_deficient_quadratic() -> None:
    torch.manual_seed(0)
    rows = torch.randn(D - 1, D, dtype=torch.float64)
    v = _make("flattest", quadratic(rows.T @ rows))
    assert float((rows @ v).norm()) < 1e-12 * float(rows.norm())


@pytest.mark.parametrize("seed", range(5))
def test_top_curvature_comes_close_to_the_largest_eigenvalue(seed: int) -> None:
    torch.manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(8, 8, dtype=torch.float64))[0]
    values = torch.tensor([10.0, 6, 4, 3, 2, 1, 0.5, 0.0], dtype=torch.float64)
    matrix = basis @ torch.diag(values) @ basis.T
    v = _make("top-curvature", quadratic(matrix), seed=seed)
    quotient = float(v @ (matrix @ v))
    # Twelve iterations shrink every other component to 0.6¹² = 0.002 of what it was against the leading one.
    assert 9.9 < quotient <= 10 + 1e-9


def test_top_curvature_of_a_plane_is_where_it_started() -> None:
    plane = Landscape.from_function(lambda t: t.sum() * 0 + 1 + 0 * t.square().sum(), 3)
    assert torch.equal(_make("top-curvature", plane, 4), _make("isotropic", plane, 4))


@pytest.mark.parametrize("kind", ["top-curvature", "flattest"])
@pytest.mark.parametrize("torch_loss", [torch.nn.functional.mse_loss, torch.nn.functional.huber_loss])
def test_losses_without_a_forward_mode_rule(kind: str, torch_loss) -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(1, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)).double()
    data = torch.linspace(-1, 1, 4, dtype=torch.float64).reshape(4, 1)

    def by_hand(a: Tensor, b: Tensor) -> Tensor:
        # All residuals are below Huber's threshold of one.
        return (a - b).square().mean() / (2 if torch_loss is torch.nn.functional.huber_loss else 1)

    found, expected = (
        KINDS[kind](Landscape.from_module(network, loss, [(data, data.sin())], weight_decay=0.1), seed=0, index=0)
        for loss in (torch_loss, by_hand)
    )
    assert float((network(data) - data.sin()).detach().abs().max()) < 1
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-6, atol=1e-9)
