"""The rules that collapsed jets have of their own give what the general rules give, and keep more digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from villani_verify.curvature.taylor import collapsed_rules
from villani_verify.curvature.taylor.collapsed import CollapsedJet
from villani_verify.curvature.taylor.table import RULES, aten, rule_of
from villani_verify.curvature.taylor.univariate import UnivariateJet

LOG_SOFTMAX, SOFTMAX, LAYER_NORM = aten._log_softmax.default, aten._softmax.default, aten.native_layer_norm.default


def own(operation: Any) -> Callable[..., CollapsedJet]:
    found = rule_of(operation, CollapsedJet)
    assert found is not None
    assert found is not RULES[operation]
    return found


def same(a: CollapsedJet, b: CollapsedJet) -> bool:
    pairs = [(a.value, b.value), (a.tangents, b.tangents), (a.second, b.second)]
    return all(torch.allclose(x, y, rtol=1e-11, atol=1e-12) for x, y in pairs)


@settings(max_examples=60, deadline=None)
@given(
    operation=st.sampled_from((LOG_SOFTMAX, SOFTMAX)), shape=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    lines=st.sampled_from(((1, 1), (4, 4), (4, 2), (6, 1))), curved=st.booleans(), cached=st.sampled_from((1, 5, 1 << 18)),
    seed=st.integers(0, 2**32), data=st.data(),
)  # fmt: skip
def test_softmax_is_that_of_the_general_rule(
    operation: Any, shape: list[int], lines: tuple[int, int], curved: bool, cached: int, seed: int, data: st.DataObject
) -> None:
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    generator = torch.Generator().manual_seed(seed)
    count, groups = lines
    value, first, second = (
        3 * torch.randn(*leading, *shape, generator=generator, dtype=torch.float64) for leading in ((), (count,), (groups,))
    )
    jet = CollapsedJet(value, first, second if curved else None, groups)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collapsed_rules, "_CACHED", cached)
        found = own(operation)(jet, dim, False)
    assert same(found, RULES[operation](jet, dim, False))
    if (count, groups) == (1, 1):
        univariate = RULES[operation](UnivariateJet([value, first[0], second[0] if curved else None]), dim, False)
        assert torch.allclose(found.second[0], univariate.coefficients[2], rtol=1e-11, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    shape=st.lists(st.integers(2, 5), min_size=1, max_size=3), lines=st.sampled_from(((1, 1), (4, 4), (4, 2), (6, 1))),
    curved=st.booleans(), affine=st.sampled_from(("none", "fixed", "moving")), seed=st.integers(0, 2**32), data=st.data(),
)  # fmt: skip
def test_layer_norm_is_that_of_the_general_rule(
    shape: list[int], lines: tuple[int, int], curved: bool, affine: str, seed: int, data: st.DataObject
) -> None:
    rows = shape[data.draw(st.integers(0, len(shape) - 1)) :]
    generator = torch.Generator().manual_seed(seed)
    count, groups = lines

    def drawn(*of: int) -> tuple[Tensor, Tensor, Tensor]:
        return tuple(torch.randn(*leading, *of, generator=generator, dtype=torch.float64) for leading in ((), (count,), (groups,)))

    value, first, second = drawn(*shape)
    jet = CollapsedJet(value, first, second if curved else None, groups)
    scale: list[Any] = [None, None]
    if affine != "none":
        moving = [CollapsedJet(a, b, None, groups) for a, b, _ in (drawn(*rows), drawn(*rows))]
        scale = moving if affine == "moving" else [m.value for m in moving]
    # The ε matters: rows of two numbers may be nearly equal.
    (found, *_), (expected, *_) = (f(jet, rows, *scale, 0.1) for f in (own(LAYER_NORM), RULES[LAYER_NORM]))
    assert same(found, expected)


@pytest.mark.parametrize("beta", [1, 0.5])
@pytest.mark.parametrize("alpha", [1, 0.5])
@pytest.mark.parametrize("curved", ["nothing", "bias", "left"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_addmm_is_that_of_the_general_rule(alpha: float, beta: float, curved: str, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(3)

    def jet(name: str, kind: torch.dtype, *shape: int) -> CollapsedJet:
        drawn = [torch.randn(*leading, *shape, generator=generator, dtype=torch.float64).to(kind) for leading in ((), (4,), (2,))]
        return CollapsedJet(drawn[0], drawn[1], drawn[2] if name == curved else None, 2)

    bias, left, right = jet("bias", torch.float64, 5), jet("left", dtype, 3, 2), jet("right", dtype, 2, 5)
    kept = [t.clone() for t in (bias.tangents, left.tangents, right.tangents)]
    found = own(aten.addmm.default)(bias, left, right, alpha=alpha, beta=beta)
    assert found.tangents.dtype == torch.float64
    assert same(found, RULES[aten.addmm.default](bias, left, right, alpha=alpha, beta=beta))
    assert all(torch.equal(a, b) for a, b in zip(kept, (bias.tangents, left.tangents, right.tangents), strict=True))


@pytest.mark.parametrize("operation", [LOG_SOFTMAX, SOFTMAX], ids=["log", "plain"])
def test_softmax_keeps_its_digits_where_all_logits_but_the_largest_move_alike(operation) -> None:
    # The largest logit, of weight 1/2000, does not move; the others move by 1e4 and a little. Σ w a² and (Σ w a)² are near 1e8 and
    # agree in three digits: float32 loses as many, and more in sums of 2,000, if the mean is not taken away first.
    value = torch.zeros(1, 2000, dtype=torch.float64)
    value[0, 0] = 1e-3
    tangent = 1e4 + torch.randn(1, 1, 2000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    tangent[..., 0] = 0.0
    rounded = value.float(), tangent.float()

    def second(a: Tensor, t: Tensor) -> Tensor:
        return own(operation)(CollapsedJet(a, t, None, 1), -1, False).second

    exact = second(rounded[0].double(), rounded[1].double())
    assert float((second(*rounded) - exact).norm() / exact.norm()) < 1e-6


def test_log_softmax_keeps_its_digits_where_one_weight_is_nearly_one() -> None:
    # The coefficient at the largest value is −Σ w (a − a_max), near 1e-9 where a_max is 1e4: no difference of large numbers.
    value = torch.zeros(1, 50)
    value[0, 3] = 25.0
    tangent = 1e4 + torch.randn(1, 1, 50, generator=torch.Generator().manual_seed(0)) ** 2

    def first(a: Tensor, t: Tensor) -> Tensor:
        return own(LOG_SOFTMAX)(CollapsedJet(a, t, None, 1), -1, False).tangents

    exact = first(value.double(), tangent.double())
    assert 0 < abs(float(exact[0, 0, 3])) < 1e-6
    assert torch.allclose(first(value, tangent).double(), exact, rtol=1e-5, atol=0)


@pytest.mark.parametrize("dim", [0, -1])
def test_log_softmax_of_a_curve(dim: int) -> None:
    generator = torch.Generator().manual_seed(1)
    a, first, second = (torch.randn(2, 3, generator=generator, dtype=torch.float64) for _ in range(3))
    jet = CollapsedJet(a, first[None], second[None], 1)
    found = own(LOG_SOFTMAX)(jet, dim, False)

    def along(t: Tensor) -> Tensor:
        return torch.log_softmax(a + t * first + t * t * second, dim)

    slope = torch.func.jacrev(along)
    zero = torch.zeros((), dtype=torch.float64)
    assert torch.allclose(found.value, along(zero), rtol=1e-13, atol=1e-13)
    assert torch.allclose(found.tangents[0], slope(zero), rtol=1e-13, atol=1e-13)
    assert torch.allclose(found.second[0], torch.func.jacrev(slope)(zero) / 2, rtol=1e-12, atol=1e-12)
