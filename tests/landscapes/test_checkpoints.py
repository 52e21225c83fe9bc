from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GPTNeoForCausalLM

from villani_verify import Landscape
from villani_verify.errors import ModelError, RequestError
from villani_verify.landscapes.architectures import gpt_neo_config, gpt_neo_tiny
from villani_verify.landscapes.checkpoints import check_checkpoints, checkpoint
from villani_verify.landscapes.request import LandscapeRequest

EMBEDDING = "transformer.wte.weight"


@pytest.fixture
def tiny() -> Landscape:
    return LandscapeRequest(landscape="gpt-neo-tiny", sequences=1).load()


def test_a_saved_model_gives_its_parameters_under_the_names_of_the_landscape(tiny: Landscape, tmp_path: Path) -> None:
    model: Any = gpt_neo_tiny()
    for tensor in model.parameters():
        torch.nn.init.uniform_(tensor)
    model.save_pretrained(tmp_path / "step-10")
    point = checkpoint(tiny, str(tmp_path / "step-10"))
    assert list(point) == list(tiny.initial)
    saved = dict(model.named_parameters())
    for name, tensor in point.items():
        assert tensor.dtype == tiny.dtype
        assert not tensor.requires_grad
        torch.testing.assert_close(tensor, saved[name].detach().to(tiny.dtype), rtol=0, atol=0)


def test_a_path_that_looks_like_a_name_of_the_hub_is_a_path(
    tiny: Landscape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    gpt_neo_tiny().save_pretrained("run/step-10")
    assert set(checkpoint(tiny, "run/step-10")) == set(tiny.initial)
    with pytest.raises(ModelError, match=r"checkpoint 'run/step-11': it does not exist; mend the path"):
        check_checkpoints(["run/step-10", "run/step-11"])


def test_checkpoints_of_another_model_are_refused(tiny: Landscape, tmp_path: Path) -> None:
    def saved(name: str, **shape: int) -> str:
        options = {"hidden_size": 6, "num_heads": 2, "pairs": 1, "intermediate_size": 12} | shape
        GPTNeoForCausalLM(
            gpt_neo_config(vocab_size=tiny.initial[EMBEDDING].shape[0], window=4, positions=16, **options)
        ).save_pretrained(tmp_path / name)
        return str(tmp_path / name)

    deeper = saved("deeper", pairs=2)
    with pytest.raises(
        RequestError, match=r"only it has a tensor 'transformer\.h\.2\..*'; give checkpoints of the landscape's own"
    ):
        checkpoint(tiny, deeper)
    with pytest.raises(
        RequestError, match=r"tensor 'transformer\.wte\.weight' has shape \(\d+, 8\), that of landscape 'gpt-neo-tiny' \("
    ):
        checkpoint(tiny, saved("wider", hidden_size=8))
    with pytest.raises(RequestError, match=r"only landscape 'isotropic-bowl' has a tensor 'theta'; give checkpoints"):
        checkpoint(LandscapeRequest(landscape="isotropic-bowl").load(), deeper)
