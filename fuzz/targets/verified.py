"""Two small verifications with refutations; no target itself."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from villani_verify.landscapes.request import LandscapeRequest
from villani_verify.verification import verify

SUBJECT = "heavy-tails"


@lru_cache(maxsize=1)
def verified() -> dict[str, Any]:
    """Return results with a slow growth and a bounded family, in two dimensions."""
    criteria = ("quadratic_growth", "gaussian_tails", "differential_growth_rays")
    return verify(LandscapeRequest(landscape=SUBJECT).load(), criteria=criteria).as_dict()


@lru_cache(maxsize=1)
def kink() -> dict[str, Any]:
    """Return results with a kink."""
    return verify(LandscapeRequest(landscape="relu-kink").load(), criteria=("smoothness",)).as_dict()
