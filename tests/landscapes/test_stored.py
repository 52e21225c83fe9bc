from __future__ import annotations

import json
import shutil
import weakref
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from villani_verify.curvature.second_order_taylor import SecondOrderTaylor
from villani_verify.errors import ModelError, RequestError
from villani_verify.landscape import Landscape
from villani_verify.landscapes.architectures import gpt2_tiny, gpt_neo_tiny, llama_tiny
from villani_verify.landscapes.models import load_model
from villani_verify.landscapes.stored import SafetensorsPoint, stored_causal_lm
from villani_verify.points import norm

F64 = torch.float64
TOKENS = torch.arange(24).reshape(2, 12) % 7


def stored(directory: Path, **options: object) -> Landscape:
    return stored_causal_lm(directory, TOKENS, dtype=F64, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [gpt_neo_tiny, gpt2_tiny, llama_tiny])
@pytest.mark.parametrize("shards", ["10GB", "2KB"])
def test_forms_slopes_and_norms_are_those_of_the_loaded_model(make: Callable[[], nn.Module], shards: str, tmp_path: Path) -> None:
    make().save_pretrained(tmp_path, max_shard_size=shards)
    assert (len(list(tmp_path.glob("*.safetensors"))) > 1) == (shards == "2KB")
    here = Landscape.causal_lm(load_model(str(tmp_path), dtype=F64), TOKENS, weight_decay=0.1)
    there = stored(tmp_path, weight_decay=0.1)
    assert list(there.initial) == list(here.initial)
    assert (there.dimension, there.decay_laplacian) == (here.dimension, here.decay_laplacian)
    assert norm(there.initial) == norm(here.initial)
    engine = SecondOrderTaylor()
    found, expected = (engine.directional_forms(x, x.initial, seed=1, indices=range(4)) for x in (there, here))
    assert found == expected
    assert engine.quadratic_forms(there, there.initial, seed=1, indices=range(4)) == list(expected.forms)
    # The operations of the exported graph are others, and add up in another order.
    assert there.loss(there.initial) == pytest.approx(here.loss(here.initial), rel=1e-14)


def test_a_tensor_is_read_for_each_use_and_several_probes_share_a_reading(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: Counter[str] = Counter()
    original = SafetensorsPoint.__getitem__
    alive: list[weakref.ref[torch.Tensor]] = []
    most = 0

    def counted(self: SafetensorsPoint, name: str) -> torch.Tensor:
        nonlocal most
        read[name] += 1
        tensor = original(self, name)
        alive.append(weakref.ref(tensor))
        most = max(most, sum(reference() is not None for reference in alive))
        return tensor

    landscape = stored(saved)
    monkeypatch.setattr(SafetensorsPoint, "__getitem__", counted)
    SecondOrderTaylor().quadratic_forms(landscape, landscape.initial, seed=0, indices=range(8))
    assert set(read) == set(landscape.initial)
    # The token embeddings are tied: used first and last.
    assert {name for name, times in read.items() if times > 1} == {"transformer.wte.weight"}
    assert max(read.values()) == 2
    assert most <= 3  # a product's matrix and bias, and what is being made of them


def test_tensors_of_a_coarser_dtype_are_converted(tmp_path: Path) -> None:
    gpt_neo_tiny().to(torch.float16).save_pretrained(tmp_path)
    assert {t.dtype for t in stored(tmp_path).initial.values()} == {F64}


def refusal(directory: Path) -> str:
    with pytest.raises(ModelError) as caught:
        stored(directory)
    message = str(caught.value)
    assert "\n" not in message
    assert str(directory) in message
    return message


def test_a_tensor_that_is_missing_or_of_another_shape(directory: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(directory / "model.safetensors")
    short = {**weights, "transformer.wpe.weight": weights["transformer.wpe.weight"][:5].clone()}
    save_file(short, directory / "model.safetensors")
    assert "tensor transformer.wpe.weight has shape (5, 6) where config.json asks for (16, 6)" in refusal(directory)
    del weights["transformer.wpe.weight"], weights["transformer.ln_f.bias"]
    save_file(weights, directory / "model.safetensors")
    assert "it has no weights for transformer.ln_f.bias and 1 more; use the config.json" in refusal(directory)


def test_a_tensor_that_is_not_asked_for(directory: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(directory / "model.safetensors")
    tied = {**weights, "lm_head.weight": weights["transformer.wte.weight"].clone()}
    save_file({**tied, "transformer.h.0.attn.attention.masked_bias": torch.zeros(())}, directory / "model.safetensors")
    assert "lm_head.weight" not in stored(directory).initial
    save_file({**tied, "adapter.weight": torch.zeros(2)}, directory / "model.safetensors")
    assert "has weights that config.json does not ask for, adapter.weight; use the config.json" in refusal(directory)


def test_damaged_files(directory: Path) -> None:
    content = (directory / "model.safetensors").read_bytes()
    (directory / "model.safetensors").write_bytes(content[:100])
    assert "damaged" in refusal(directory)
    (directory / "model.safetensors.index.json").write_text("{")
    assert "damaged" in refusal(directory)
    (directory / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"transformer.wte.weight": "gone.safetensors"}})
    )
    assert "it has no weights for transformer.h.0.attn.attention.k_proj.weight and " in refusal(directory)
    (directory / "config.json").write_text('{"model_type": "nonsense"}')
    assert "config.json names no causal language model" in refusal(directory)
    shutil.rmtree(directory)
    assert "it does not exist" in refusal(directory)


def test_a_file_that_disappears(directory: Path) -> None:
    landscape = stored(directory)
    (directory / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model\.safetensors cannot be read .*; copy it again$"):
        landscape.initial["transformer.wpe.weight"]


def test_sequences_beyond_the_positions(saved: Path) -> None:
    with pytest.raises(RequestError, match="has only 16 positions"):
        stored_causal_lm(saved, torch.zeros(1, 17, dtype=torch.int64))
