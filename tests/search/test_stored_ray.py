from __future__ import annotations

import pytest
import torch

from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.landscapes.architectures import gpt_neo_tiny
from villani_verify.landscapes.models import load_model
from villani_verify.landscapes.stored import stored_causal_lm
from villani_verify.points import norm
from villani_verify.search.families import Ray
from villani_verify.search.stored_ray import StoredRay

TOKENS = torch.arange(24).reshape(2, 12) % 7


@pytest.fixture(scope="module")
def landscapes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Landscape, Landscape]:
    directory = tmp_path_factory.mktemp("model")
    gpt_neo_tiny().save_pretrained(directory)
    model = load_model(str(directory), dtype=torch.float64)
    return Landscape.causal_lm(model, TOKENS), stored_causal_lm(directory, TOKENS, dtype=torch.float64)


@pytest.mark.parametrize("base", ["origin", "initial"])
@pytest.mark.parametrize("kind", ["isotropic", "sign"])
def test_a_stored_ray_has_the_same_numbers(landscapes: tuple[Landscape, Landscape], kind: str, base: str) -> None:
    here, there = landscapes
    ray = Ray(kind, seed=3, index=1, base=base)  # type: ignore[arg-type]
    for r in (0.5, 7.0):
        point, stored = ray.points(here)(r), ray.points(there)(r)
        assert isinstance(stored, StoredRay)
        assert list(stored) == list(point)
        assert len(stored) == len(point)
        for name, tensor in point.items():
            torch.testing.assert_close(stored[name], tensor, rtol=0, atol=0)
            assert stored.templates[name].shape == tensor.shape
    if base == "origin":
        assert norm(ray.points(there)(7.0)) == pytest.approx(7, rel=1e-12)


def test_losses_along_it_are_those_of_the_loaded_model(landscapes: tuple[Landscape, Landscape]) -> None:
    here, there = landscapes
    ray = Ray("isotropic", seed=0, index=0)
    for r in (1.0, 30.0):
        assert there.loss(ray.points(there)(r)) == pytest.approx(here.loss(ray.points(here)(r)), rel=1e-12)


@pytest.mark.parametrize("kind", ["sparse", "gradient", "top-curvature"])
def test_directions_that_need_everything_are_refused(landscapes: tuple[Landscape, Landscape], kind: str) -> None:
    with pytest.raises(RequestError, match=f"^rays of kind '{kind}': they need all parameters at once; choose isotropic or sign"):
        Ray(kind, seed=0, index=0).points(landscapes[1])


def test_tensors_are_made_when_they_are_asked_for(landscapes: tuple[Landscape, Landscape], monkeypatch: pytest.MonkeyPatch) -> None:
    point = Ray("isotropic", seed=0, index=0, base="initial").points(landscapes[1])(2.0)
    read: list[str] = []
    stored = type(landscapes[1].initial)
    original = stored.__getitem__
    monkeypatch.setattr(stored, "__getitem__", lambda self, name: read.append(name) or original(self, name))
    first = next(iter(point))
    _ = point[first]
    assert read == [first]
