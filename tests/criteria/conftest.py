from __future__ import annotations

import pytest

from villani_verify.curvature.engine import engine_for


class Noisy:
    """An engine whose samples of the Laplacian are right on average, and differ from it by ±`noise` in turn."""

    def __init__(self, noise: float) -> None:
        self.inner = engine_for("auto")
        self.noise = noise

    def __getattr__(self, name: str):
        return getattr(self.inner, name)

    def laplacian_samples(self, landscape, point, *, seed, indices):
        drawn = self.inner.laplacian_samples(landscape, point, seed=seed, indices=indices)
        return [x + (-1) ** k * self.noise for x, k in zip(drawn, indices, strict=True)]


@pytest.fixture
def noisy() -> type[Noisy]:
    return Noisy
