from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from villani_verify.landscape import Landscape
from villani_verify.landscapes.digest import loss_digest


def landscape() -> Landscape:
    """Two batches of inputs and targets; the loss is far too flat for its three digits to tell them apart."""
    batches = [(torch.tensor([[float(i), 2.0]]), torch.tensor([[1.0]])) for i in range(2)]
    module = torch.nn.Linear(2, 1, dtype=torch.float32)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[0.25, -1.5]]))
        module.bias.zero_()
    return Landscape.from_module(module, lambda y, t: 1000 + 1e-6 * (y - t).square().mean(), batches, name="flat")


def test_the_same_landscape_has_the_same_digest_wherever_it_decays() -> None:
    assert loss_digest(landscape()) == loss_digest(replace(landscape(), decay={"weight": 3.0, "bias": 0.0}))


def other_input(x: Landscape) -> Landscape:
    (first, second) = x.batches
    return replace(x, batches=(first, (second[0] + 1, second[1])))


def other_target(x: Landscape) -> Landscape:
    (first, second) = x.batches
    return replace(x, batches=(first, (second[0], second[1] + 1)))


def other_order(x: Landscape) -> Landscape:
    return replace(x, batches=x.batches[::-1])


def other_weight_of_a_batch(x: Landscape) -> Landscape:
    return replace(x, batch_weights=(1.0, 2.0))


def other_parameter(x: Landscape) -> Landscape:
    return replace(x, initial=x.initial | {"bias": x.initial["bias"] + 1e-6})


def other_name(x: Landscape) -> Landscape:
    return replace(x, name="level")


def other_loss(x: Landscape) -> Landscape:
    loss = x.loss_function
    return replace(x, loss_function=lambda point, batch: 2 * loss(point, batch))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change", [other_input, other_target, other_order, other_weight_of_a_batch, other_parameter, other_name, other_loss]
)
def test_everything_that_the_loss_depends_on_changes_it(change: Callable[[Landscape], Landscape]) -> None:
    assert loss_digest(change(landscape())) != loss_digest(landscape())


def test_the_text_of_a_user_s_file_counts(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("# one\n")
    mine = replace(landscape(), request={"landscape": f"{file}:make"})
    before = loss_digest(mine)
    file.write_text("# another\n")
    assert loss_digest(mine) != before
