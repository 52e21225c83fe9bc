from __future__ import annotations

import numpy as np
import pytest
import torch

from villani_verify import Landscape
from villani_verify.errors import LandscapeError
from villani_verify.theory.spectrum.operator import HessianOperator

BLOCKS = {"a": 3, "b": 2}


def loss(theta: torch.Tensor) -> torch.Tensor:
    return (theta[:-1] * theta[1:]).square().sum() + theta.pow(4).sum()


def landscape(**options: object) -> Landscape:
    return Landscape.from_function(loss, 5, blocks=BLOCKS, initial=torch.arange(1.0, 6.0).double(), **options)


def dense(**options: object) -> torch.Tensor:
    made = landscape(**options)
    diagonal = torch.cat([torch.full((n,), made.decay[name], dtype=torch.float64) for name, n in BLOCKS.items()])
    return torch.func.hessian(loss)(torch.arange(1.0, 6.0).double()) + torch.diag(diagonal)


@pytest.mark.parametrize("weight_decay", [0.0, 0.3, {"a": 0.3, "b": 0.0}, {"a": 1.0, "b": 50.0}])
def test_products_and_shift_make_the_hessian_of_the_whole(weight_decay) -> None:
    made = landscape(weight_decay=weight_decay)
    operator = HessianOperator(made, made.initial)
    found = operator.products(torch.eye(5).double()) + operator.shift * torch.eye(5).double()
    np.testing.assert_allclose(found, dense(weight_decay=weight_decay), rtol=1e-13)
    assert operator.uniform == (not isinstance(weight_decay, dict))
    assert operator.num_matvecs == 5


def test_a_decay_of_all_tensors_enters_no_product() -> None:
    vectors = torch.randn(2, 5, generator=torch.Generator().manual_seed(0)).double()
    plain, decayed = (landscape(weight_decay=lam) for lam in (0.0, 1e9))
    here, there = (HessianOperator(m, m.initial).products(vectors) for m in (plain, decayed))
    assert torch.equal(here, there)


def test_starts_are_addressed_and_normal() -> None:
    made = Landscape.from_function(lambda x: x.square().sum(), 40_000, blocks={"a": 10_000, "b": 30_000})
    operator = HessianOperator(made, made.initial)
    together = operator.starts(3, [0, 1, 2])
    assert torch.equal(together[2], operator.starts(3, [2])[0])
    assert not torch.equal(operator.starts(4, [2])[0], together[2])
    # Correlations and moments of 40,000 normals have errors of 1/200.
    gram = (together @ together.T / 40_000).numpy()
    np.testing.assert_allclose(gram, np.eye(3), atol=0.05)
    assert float(together.pow(4).mean()) == pytest.approx(3, abs=0.3)


def test_a_product_that_is_not_finite_names_the_place() -> None:
    made = Landscape.from_function(lambda x: x[:2].square().sum() + x[2].abs().pow(1.5), 3, blocks={"a": 2, "b": 1}, name="cusp")
    point = {"a": torch.ones(2).double(), "b": torch.zeros(1).double()}
    with pytest.raises(LandscapeError, match=r"'cusp' at radius 1\.414, tensor 'b': it is not finite in float64; use") as caught:
        HessianOperator(made, point).products(torch.ones(1, 3).double())
    assert "\n" not in str(caught.value)
