from __future__ import annotations

import torch

from villani_verify import Landscape
from villani_verify.theory.at_once import points_at_once


def landscape(width: int) -> Landscape:
    module = torch.nn.Sequential(torch.nn.Linear(4, width), torch.nn.Tanh(), torch.nn.Linear(width, 1)).double()
    x = torch.zeros(1000, 4, dtype=torch.float64)
    return Landscape.from_module(module, torch.nn.functional.mse_loss, [(x, x[:, :1])], weight_decay=0.1)


def test_what_keeps_more_goes_in_smaller_groups() -> None:
    small, large = points_at_once(landscape(10)), points_at_once(landscape(1000))
    # The layer's output is kept, 1,000 rows of it.
    assert 30 < small / large < 100
    assert (1 << 25) // (3 * 1000 * 1000) <= large <= (1 << 25) // (1000 * 1000)


def test_derivatives_go_in_smaller_groups_still() -> None:
    assert points_at_once(landscape(10), 8) == points_at_once(landscape(10)) // 8
    assert points_at_once(landscape(1000), 10**9) == 1
