from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

from villani_verify import Landscape

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Return a function that imports a module of the benchmarks, which are no part of the package, by its name."""
    monkeypatch.syspath_prepend(str(ROOT / "asv_bench"))
    return lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.fixture
def quartic() -> Landscape:
    start = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    return Landscape.from_function(lambda x: (x**4).sum() + x.prod(), 3, initial=start)
