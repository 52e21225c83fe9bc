"""The largest value of a program: what a pass of so many probes will hold that many times."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from villani_verify import Landscape
from villani_verify.curvature.pass_sizes import pass_sizes
from villani_verify.curvature.taylor.program import largest_value


class Bag(nn.Module):
    """Rows of an embedding, averaged."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(11, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.embedding(x).mean(1))


class Pooled(nn.Module):
    """A convolution, averaged over all places."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(2, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x).mean(2)


def bag(length: int) -> Landscape:
    x, y = torch.arange(5 * length).reshape(5, length) % 11, torch.arange(5) % 2
    return Landscape.from_module(Bag(), cross_entropy, [(x, y)])


def pooled(length: int) -> Landscape:
    return Landscape.from_module(Pooled(), mse_loss, [(torch.ones(5, 2, length), torch.ones(5, 3))])


def factors(count: int) -> Landscape:
    return Landscape.from_function(lambda x: (x[:count].view(count, 1) @ x[count:].view(1, count)).mean(), 2 * count)


@pytest.mark.parametrize(("make", "expected"), [(bag, 5 * 100 * 4), (pooled, 5 * 3 * 100), (factors, 100 * 100)])
def test_what_is_made_of_inputs_alone_counts(make: Callable[[int], Landscape], expected: int) -> None:
    landscape = make(100)
    assert largest_value(landscape.loss_function, landscape.initial, landscape.batches) == expected
    landscape = make(1000)
    assert pass_sizes(landscape, landscape.initial)[1] < 512


def test_another_view_of_a_weight_does_not() -> None:
    network = nn.Linear(50, 2, bias=False)
    landscape = Landscape.from_module(network, mse_loss, [(torch.ones(3, 50), torch.ones(3, 2))])
    assert largest_value(landscape.loss_function, landscape.initial, landscape.batches) == 6
