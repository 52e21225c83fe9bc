"""Campaigns that are computed in this process, and landscapes in a file for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from villani_verify.runs.campaign import begin, compute, held, place
from villani_verify.runs.coordinator import Computing
from villani_verify.runs.executors import pool_of
from villani_verify.runs.plan import plan_from, settings_of, units_of
from villani_verify.runs.store import Store

LANDSCAPES = '''
import torch

from villani_verify import Landscape

CURVATURES = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)


def quadratic():
    """L = ½ Σ a_i x_i² with a = 1, 2, 4, so ∇L = ax and ΔL = 7."""
    return Landscape.from_function(lambda x: (CURVATURES * x**2).sum() / 2, 3, weight_decay=0.1, name="quadratic")


def groups():
    return Landscape.from_function(
        lambda x: (x**4).sum() + (x[0] * x[3]) ** 2, 4, blocks={"a.weight": 2, "a.bias": 2}, weight_decay=0.1, name="groups"
    )


def overflows():
    """Infinite from |x| = 10¹⁵⁴ on, where x² is."""
    return Landscape.from_function(lambda x: (x**2).sum(), 2, weight_decay=0.1, name="overflows")


def turns_negative():
    return Landscape.from_function(lambda x: 9 - (x**2).sum(), 2, weight_decay=0.1, name="turns negative")


def random():
    return Landscape.from_function(lambda x: (x**2).sum() * torch.rand(()), 2, name="random")


def script():
    return Landscape.from_function(lambda x: (x**2).sum(), 2, weight_decay=0.1, name="<script>alert(1)</script> $x_1$ & 'b'")


def surrogate():
    return Landscape.from_function(lambda x: (x**2).sum(), 2, weight_decay=0.1, name="half \\ud83d pair")
'''


@pytest.fixture(scope="session")
def landscapes(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the path of a Python file with factories."""
    path = tmp_path_factory.mktemp("landscapes") / "landscapes.py"
    path.write_text(LANDSCAPES, encoding="utf-8")
    return str(path)


@pytest.fixture
def finished(tmp_path: Path) -> Callable[[Mapping[str, Any]], Store]:
    """Return a function that computes a plan and gives its open store."""
    count = 0

    def call(values: Mapping[str, Any], part: tuple[int, int] = (0, 1)) -> Store:
        nonlocal count
        count += 1
        directory = tmp_path / f"campaign-{count}"
        plan = plan_from(values)
        with held(directory):
            settings = settings_of(plan, place(plan, directory))
            store = begin(directory, settings, units_of(settings), resume=False)
            compute(store, pool_of("local"), Computing(part=part), lambda *_: None)
        return store

    return call
