from __future__ import annotations

import pytest
import torch

from villani_verify.errors import RequestError
from villani_verify.testing.tolerances import TOLERANCES, Tolerance, tolerance_for


def test_both_tolerances_count() -> None:
    tolerance = Tolerance(rtol=1e-3, atol=1e-6)
    assert tolerance.allows(1.0, 1.0009)
    assert not tolerance.allows(1.0, 1.002)
    assert tolerance.allows(0.0, 0.9e-6)
    assert not tolerance.allows(0.0, 1.1e-6)


def test_scale_stands_for_terms_that_cancelled() -> None:
    tolerance = Tolerance(rtol=1e-3, atol=0.0)
    assert not tolerance.allows(0.0, 0.5)
    assert tolerance.allows(0.0, 0.5, scale=-1000.0)


def test_nan_is_never_close() -> None:
    assert not Tolerance(rtol=1.0, atol=1.0).allows(float("nan"), 0.0)


def test_each_dtype_has_its_own_row_above_its_rounding() -> None:
    for dtype, tolerance in TOLERANCES.items():
        assert torch.finfo(dtype).eps < tolerance.rtol < 0.01
        assert 0 < tolerance.atol < tolerance.rtol
    assert tolerance_for(torch.float64).rtol < tolerance_for(torch.float32).rtol


def test_dtype_without_a_row() -> None:
    with pytest.raises(RequestError, match=r"tolerance for dtype torch.float16: there is none; use one of float64, float32"):
        tolerance_for(torch.float16)
