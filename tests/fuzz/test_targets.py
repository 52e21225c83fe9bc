"""Every day each target reads its seeds and up to two hundred mutants of them, the same ones each time."""

from __future__ import annotations

import itertools
import os

import pytest

from fuzz.inputs import mutants
from fuzz.target import finding
from fuzz.targets import TARGETS

# Where an input takes long: a page is made, figures are drawn, a model is loaded, a witness is measured. The long runs have many.
_COUNT = {"config": 80, "figures": 2, "results": 60, "safetensors": 20, "store": 100, "witness": 40}


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_mutants(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", open(os.devnull, "w"))  # noqa: SIM115
    target = TARGETS[name]()
    seeds = target.seeds()
    for data in [*seeds, *itertools.islice(mutants(target, seeds, 0), _COUNT.get(name, 200))]:
        found = finding(target, data)
        assert found is None, f"{data[:300]!r}\n{found}"
