from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest
import torch

from villani_verify import Landscape
from villani_verify.criteria import CRITERION_NAMES

Bench = Callable[[str], ModuleType]


def test_all_criteria_are_timed(bench: Bench) -> None:
    assert tuple(CRITERION_NAMES) == bench("verification").CRITERIA


def test_a_wrong_verdict_gets_no_figure(bench: Bench) -> None:
    verification = bench("verification")
    kinked = Landscape.from_function(
        lambda x: torch.relu(x - 0.1).sum(), 2, weight_decay=0.1, name="kinked", expected={"smoothness": "supported"}
    )
    with pytest.raises(verification.WrongVerdictError, match="kinked: smoothness is refuted, not supported; mend it"):
        verification.verdict(kinked, "smoothness")
    assert verification.verdict(kinked, "quadratic_growth").name == "quadratic_growth"


def test_derivatives_are_the_same_each_time(bench: Bench) -> None:
    search = bench("verification").Search()
    first, second = (search.track_derivatives("balanced-logits") for _ in range(2))
    assert first == second > 100
