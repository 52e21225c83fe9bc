from __future__ import annotations

import math
import statistics

import pytest
import torch
from torch import Tensor

from villani_verify.estimation.hutch_plus_plus import Deflation, grown
from villani_verify.estimation.sequential import PILOT, Target

F64 = torch.float64


def with_eigenvalues(values: Tensor, seed: int = 0) -> Tensor:
    """A symmetric matrix with these eigenvalues and random eigenvectors."""
    q = torch.linalg.qr(torch.randn(len(values), len(values), generator=torch.Generator().manual_seed(seed), dtype=F64)).Q
    return (q * values) @ q.T


def naive(matrix: Tensor, sketch: Tensor, z: Tensor) -> list[float]:
    """tr(QᵀBQ) + zᵀ(I − QQᵀ)B(I − QQᵀ)z for each z, with the projection written out."""
    q = torch.linalg.qr(matrix @ sketch.T).Q
    rest = torch.eye(len(matrix), dtype=F64) - q @ q.T
    middle = rest @ matrix @ rest
    return [float(torch.trace(q.T @ matrix @ q) + v @ middle @ v) for v in z]


def test_samples_are_those_of_the_naive_formula(dense_form) -> None:
    matrix = with_eigenvalues(torch.linspace(-2, 5, 40, dtype=F64) ** 3)
    form = dense_form(matrix)
    deflation = Deflation.none(form).extended(7, seed=11)
    # What spans the subspace is found again from the basis: any spanning set gives the same projection.
    expected = naive(matrix, torch.linalg.solve(matrix, deflation.basis).T, form.signs(5, range(6)))
    assert deflation.samples(5, range(6)) == pytest.approx(expected, rel=1e-10)
    assert (deflation.rank, deflation.num_matvecs) == (7, 14)


def test_the_basis_stays_orthonormal_in_float32_while_it_grows(dense_form) -> None:
    form = dense_form(with_eigenvalues(10.0 ** torch.linspace(-6, 3, 64, dtype=F64)).float())
    deflation = Deflation.none(form)
    for _ in range(4):
        deflation = deflation.extended(8, seed=1)
    assert torch.allclose(deflation.basis.T @ deflation.basis, torch.eye(32), atol=2e-6)


def test_low_rank_is_exact(dense_form) -> None:
    values = torch.zeros(50, dtype=F64)
    values[:6] = torch.tensor([9.0, -4.0, 3.0, 2.0, 1.0, 0.5])
    deflation = Deflation.none(dense_form(with_eigenvalues(values))).extended(6, seed=3)
    assert deflation.known == pytest.approx(11.5, rel=1e-12)
    assert deflation.samples(0, range(4)) == pytest.approx([11.5] * 4, rel=1e-10)


def test_without_a_subspace_samples_are_quadratic_forms(dense_form) -> None:
    form = dense_form(with_eigenvalues(torch.arange(12, dtype=F64)))
    assert Deflation.none(form).samples(4, range(5)) == pytest.approx(form.forms(form.signs(4, range(5))), rel=1e-13)


@pytest.mark.parametrize("rank", [0, 8, 16])
def test_unbiased_and_less_spread(dense_form, rank: int) -> None:
    values = 100.0 / torch.arange(1, 81, dtype=F64) ** 1.5
    form = dense_form(with_eigenvalues(values))
    deflation = Deflation.none(form).extended(rank, seed=2) if rank else Deflation.none(form)
    drawn = deflation.samples(9, range(4000))
    # 5 standard errors: error probability 6e-7.
    assert abs(statistics.fmean(drawn) - float(values.sum())) < 5 * statistics.stdev(drawn) / math.sqrt(4000)
    if rank:
        plain = statistics.stdev(Deflation.none(form).samples(9, range(4000)))
        assert statistics.stdev(drawn) < plain / rank**0.5


class TestGrown:
    def grown(self, form, relative_error: float, least: int = 0) -> Deflation:
        pilot = Deflation.none(form).samples(1, range(PILOT))
        return grown(form, Target(relative_error, 0.95, 100_000), seed=1, pilot=pilot, least=least)[0]

    def test_it_pays_where_eigenvalues_fall_fast_and_much_is_asked(self, dense_form) -> None:
        form = dense_form(with_eigenvalues(1000.0 / torch.arange(1, 301, dtype=F64) ** 1.2))
        assert self.grown(form, 0.5).rank == 0
        assert 16 <= self.grown(form, 0.01).rank <= 150

    def test_it_stops_where_it_does_not_pay(self, dense_form) -> None:
        flat = torch.ones(300, dtype=F64)
        flat[::3] = -1
        form = dense_form(with_eigenvalues(flat))
        # Equal eigenvalues: a block of 16 saves a few per cent of the samples, once.
        assert self.grown(form, 0.02).rank <= 64

    def test_at_least_what_was_asked_for_and_never_more_than_half(self, dense_form) -> None:
        assert self.grown(dense_form(torch.eye(100, dtype=F64)), 0.5, least=16).rank == 16
        assert self.grown(dense_form(torch.eye(10, dtype=F64)), 0.5, least=16).rank == 5

    def test_the_pilots_are_counted_and_the_last_belongs_to_the_subspace(self, dense_form) -> None:
        form = dense_form(with_eigenvalues(1000.0 / torch.arange(1, 301, dtype=F64) ** 1.2))
        pilot = Deflation.none(form).samples(1, range(PILOT))
        before = form.num_products + form.num_forms
        deflation, pilots = grown(form, Target(0.01, 0.95, 100_000), seed=1, pilot=pilot)
        spent = form.num_products + form.num_forms - before
        assert spent == deflation.num_matvecs + len(pilots) - PILOT
        assert statistics.stdev(pilots[-PILOT:]) < statistics.stdev(pilot)
