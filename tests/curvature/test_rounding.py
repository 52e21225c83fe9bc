from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from villani_verify.curvature.double_backward import DoubleBackward
from villani_verify.curvature.engine import engine_for
from villani_verify.curvature.forward_over_reverse import ForwardOverReverse
from villani_verify.curvature.rounding import fast_product_dtype
from villani_verify.curvature.second_order_taylor import SecondOrderTaylor
from villani_verify.landscapes.request import LandscapeRequest

CPU = torch.device("cpu")


def landscape(dtype: torch.dtype = torch.float32, dimension: int = 10**8, device: torch.device = CPU) -> Any:
    return SimpleNamespace(dtype=dtype, dimension=dimension, device=device)


@pytest.mark.parametrize(
    ("capabilities", "subject", "expected"),
    [
        ({"avx512_bf16": True}, landscape(), torch.bfloat16),
        ({"amx_bf16": True}, landscape(), torch.bfloat16),
        ({"avx512_bf16": False}, landscape(), None),
        ({"avx512_bf16": True}, landscape(torch.float64), None),
        ({"avx512_bf16": True}, landscape(dimension=10**6), None),
        ({"avx512_bf16": True}, landscape(device=torch.device("meta")), None),
    ],
)
def test_where_it_pays(
    capabilities: dict[str, bool], subject: Any, expected: torch.dtype | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert fast_product_dtype(subject) == expected
    engine = SecondOrderTaylor().rounded(subject)
    assert (engine.rounding if engine else None) == expected
    assert (engine_for("auto").rounded(subject) is None) == (expected is None)


def test_a_device_that_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert fast_product_dtype(landscape()) is None


@pytest.mark.parametrize("engine", [DoubleBackward(), ForwardOverReverse()])
def test_reverse_engines_have_none(engine: Any) -> None:
    assert engine.rounded(landscape()) is None


def test_samples_of_rounded_products_are_near_the_exact_ones_and_forms_are_exact() -> None:
    subject = LandscapeRequest(landscape="gpt2-tiny", sequences=2, sequence_length=12, dtype="float32").load()
    exact, rounded = SecondOrderTaylor(), SecondOrderTaylor(torch.bfloat16)
    a, b = (e.laplacian_samples(subject, subject.initial, seed=1, indices=range(6)) for e in (exact, rounded))
    assert a != b
    # Factors are right to 2⁻⁹, some dozens of products follow each other, and samples have both signs of terms.
    scale = max(map(abs, a))
    assert max(abs(x - y) for x, y in zip(a, b, strict=True)) < 0.05 * scale
    assert exact.quadratic_forms(subject, subject.initial, seed=1, indices=range(2)) == rounded.quadratic_forms(
        subject, subject.initial, seed=1, indices=range(2)
    )


def test_nothing_is_gained_where_all_products_are_rounded_already(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    subject = landscape(device=torch.device("cuda"))
    assert fast_product_dtype(subject) is torch.bfloat16
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "high")
    assert fast_product_dtype(subject) is None
