from __future__ import annotations

import numpy as np
import torch

from villani_verify import Landscape
from villani_verify.theory.at_once import points_at_once
from villani_verify.theory.poincare.box import losses_at


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


def test_who_asks_may_have_switched_derivatives_off() -> None:
    with torch.no_grad():
        found = points_at_once(landscape(1000))
    assert found == points_at_once(landscape(1000))


def test_losses_at_many_points_are_made_in_groups() -> None:
    largest = 0

    def loss(theta: torch.Tensor) -> torch.Tensor:
        nonlocal largest
        wide = theta.sum() * torch.ones(1 << 20, dtype=torch.float64)
        if (batched := torch._C._functorch.maybe_get_bdim(wide)) >= 0:
            largest = max(largest, torch._C._functorch.get_unwrapped(wide).shape[batched])
        return wide.sin().mean() + 1

    plain = Landscape.from_function(loss, 1, weight_decay=1.0)
    assert len(losses_at(plain, np.linspace(-1, 1, 100)[:, None])) == 100
    assert 1 < largest < 40
