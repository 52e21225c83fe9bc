"""How closely two ways to compute one number must agree: both tolerances of a dtype from one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch

from villani_verify.errors import RequestError


@dataclass(frozen=True)
class Tolerance:
    """Numbers with `|a − b| ≤ atol + rtol · scale` count as equal.

    Attributes:
        rtol: relative to the largest term that went into the numbers.
        atol: absolute; only matters where that term is tiny.
    """

    rtol: float
    atol: float

    def allows(self, a: float, b: float, *, scale: float = 0.0) -> bool:
        """Say whether `a` and `b` agree.

        Args:
            a: one number.
            b: the other.
            scale: size of the largest term that went into them, where they are sums in which terms cancel.
        """
        return abs(a - b) <= self.atol + self.rtol * max(abs(a), abs(b), abs(scale))


TOLERANCES: Mapping[torch.dtype, Tolerance] = MappingProxyType(
    {
        # About √eps for float64: logits of size 10⁶, which drawn scalings reach, cost six of sixteen digits.
        torch.float64: Tolerance(rtol=1e-8, atol=1e-10),
        # Sums over a few hundred thousand terms keep three to four of float32's seven digits.
        torch.float32: Tolerance(rtol=2e-3, atol=1e-4),
    }
)
"""Dtype of the parameters → tolerance; the only place where tolerances of the properties are set."""


def tolerance_for(dtype: torch.dtype) -> Tolerance:
    """Return the tolerance of `dtype`.

    Raises:
        RequestError: if the table has none.
    """
    if dtype not in TOLERANCES:
        names = ", ".join(str(d).removeprefix("torch.") for d in TOLERANCES)
        raise RequestError(f"tolerance for dtype {dtype}: there is none; use one of {names}")
    return TOLERANCES[dtype]
