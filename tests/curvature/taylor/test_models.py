from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from villani_verify.curvature.taylor import taylor_coefficients
from villani_verify.curvature.taylor.nested_reverse import nested_reverse
from villani_verify.landscape import Landscape

CausalLM = Callable[[str], Landscape]
ORDER = 5


# Llama and Qwen3 cast to float32 inside RMSNorm and softmax; each order then carries its own float32 rounding.
@pytest.mark.parametrize(
    ("name", "rtol"),
    [("gpt-neo", 1e-9), ("gpt-neo-relu", 1e-9), ("gpt2", 1e-9), ("gpt-neox", 2e-4), ("llama", 2e-4), ("qwen3", 2e-4)],
)
def test_language_model_against_nested_reverse(name: str, rtol: float, causal_lm: CausalLM) -> None:
    landscape = causal_lm(name)
    generator = torch.Generator().manual_seed(2)
    v = {n: 0.1 * torch.randn(t.shape, generator=generator, dtype=t.dtype) for n, t in landscape.initial.items()}
    found = taylor_coefficients(landscape, landscape.initial, v, order=ORDER, t=0.5)
    assert found.method == "taylor", found.note
    expected = nested_reverse(landscape.loss_function, landscape.initial, v.get, landscape.batches[0], order=ORDER, t=0.5)
    assert found.loss == pytest.approx(expected, rel=rtol, abs=rtol * abs(expected[0]))


def test_llama_in_exact_arithmetic_agrees_with_differences(causal_lm: CausalLM) -> None:
    """Left out, the casts leave a float64 function: its value at t + h is the series to 1e-12, which float32 is not."""
    landscape = causal_lm("llama")
    generator = torch.Generator().manual_seed(2)
    v = {n: 0.1 * torch.randn(t.shape, generator=generator, dtype=t.dtype) for n, t in landscape.initial.items()}

    def loss(t: float, order: int) -> tuple[float, ...]:
        return taylor_coefficients(landscape, landscape.initial, v, order=order, t=t, declared=torch.float32).loss

    h = 1e-3
    series = sum(c * h**i for i, c in enumerate(loss(0.0, 5)))
    assert series == pytest.approx(loss(h, 0)[0], rel=1e-13)


def test_tied_weights_move_together(causal_lm: CausalLM) -> None:
    """The head of GPT-2 is its embedding: moving it moves both, and it is counted once."""
    landscape = causal_lm("gpt2")
    assert not any("lm_head" in n for n in landscape.initial)
    name = next(n for n in landscape.initial if n.endswith("wte.weight"))
    v = {name: torch.ones_like(landscape.initial[name])}
    found = taylor_coefficients(landscape, landscape.initial, v, order=1)
    h = 1e-5
    ends = [landscape.loss(landscape.initial | {name: landscape.initial[name] + s * h * v[name]}) for s in (1, -1)]
    # Truncation h²·L‴ ≈ 1e-9, rounding 1e-16/h ≈ 1e-11.
    assert found.loss[1] == pytest.approx((ends[0] - ends[1]) / (2 * h), abs=1e-8)
