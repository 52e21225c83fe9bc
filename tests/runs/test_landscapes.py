from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from villani_verify import Landscape
from villani_verify.errors import RequestError
from villani_verify.landscapes.digest import loss_digest
from villani_verify.landscapes.request import LandscapeRequest
from villani_verify.runs import landscapes as module
from villani_verify.runs.landscapes import FOLDER, deposit, load

LANDSCAPE = LandscapeRequest(landscape="isotropic-bowl")


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_kept", {})


def test_what_is_deposited_is_loaded_to_the_same_bits_and_once(tmp_path: Path) -> None:
    landscape = LANDSCAPE.load()
    name = deposit(landscape, tmp_path)
    found = load(name, tmp_path, "cpu")
    assert loss_digest(found) == name == loss_digest(landscape)
    assert all(torch.equal(found.initial[n], t) for n, t in landscape.initial.items())
    assert load(name, tmp_path, "cpu") is found


def test_it_is_deposited_once(tmp_path: Path) -> None:
    landscape = LANDSCAPE.load()
    name = deposit(landscape, tmp_path)
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / FOLDER).iterdir()}
    assert sorted(p.name for p in files) == [f"{name}.json", f"{name}.safetensors"]
    assert deposit(landscape, tmp_path) == name
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / FOLDER).iterdir()} == files


def test_a_landscape_that_was_made_in_python_cannot_travel(tmp_path: Path) -> None:
    landscape = Landscape.from_function(lambda x: (x**2).sum(), 2)
    with pytest.raises(RequestError, match="it was made in Python, and workers could not build it"):
        deposit(landscape, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["no request", "no json", "another request", "no tensors", "cut tensors", "flipped tensors"])
def test_whatever_is_damaged_is_said_in_one_line_and_never_used(tmp_path: Path, damage: str) -> None:
    name = deposit(LANDSCAPE.load(), tmp_path)
    request, tensors = (tmp_path / FOLDER / f"{name}.{end}" for end in ("json", "safetensors"))
    data = tensors.read_bytes()
    match damage:
        case "no request":
            request.unlink()
        case "no json":
            request.write_text("{")
        case "another request":
            request.write_text(json.dumps(json.loads(request.read_text()) | {"landscape": "double-well"}))
        case "no tensors":
            tensors.unlink()
        case "cut tensors":
            tensors.write_bytes(data[:-1])
        case "flipped tensors":
            tensors.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(RequestError) as e:
        load(name, tmp_path, "cpu")
    assert "\n" not in str(e.value)


def test_only_the_last_few_are_kept(tmp_path: Path) -> None:
    directories = [tmp_path / str(i) for i in range(7)]
    for directory in directories:
        name = deposit(LANDSCAPE.load(), directory)
        load(name, directory, "cpu")
        load(name, directories[0], "cpu")  # which is in use
    assert len(module._kept) == module._MOST_KEPT
    assert next(reversed(module._kept)) == (name, str(directories[0]), "cpu")
