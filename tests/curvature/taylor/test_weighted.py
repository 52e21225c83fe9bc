from __future__ import annotations

import pytest
import torch
from torch import Tensor

from villani_verify.curvature.addressed_probe import AddressedProbe
from villani_verify.curvature.second_order_taylor import SecondOrderTaylor
from villani_verify.curvature.taylor.collapsed import CollapsedJet
from villani_verify.curvature.taylor.directions import Directions, Later
from villani_verify.curvature.taylor.program import program_for
from villani_verify.curvature.taylor.table import AFFINE
from villani_verify.curvature.taylor.weighted import Adjoints
from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest

F64 = torch.float64


def landscape() -> Landscape:
    """L = Σ sin(2x)² + 9: views, a product and an elementwise function."""
    theta = torch.tensor([0.3, -1.2, 2.0], dtype=F64)
    return Landscape.from_function(lambda x: torch.sin(2 * x).square().sum() + 9, 3, initial=theta)


def second_order(adjoints: Adjoints, one: Landscape, count: int) -> Tensor:
    probes = {n: AddressedProbe(n, t, seed=1, indices=range(count)) for n, t in one.initial.items()}
    return adjoints.second_order(lambda n: CollapsedJet(one.initial[n], Directions(probes[n]), None, count), count)


def test_adjoints_are_derivatives_by_intermediate_results() -> None:
    one = landscape()
    program = program_for(one.loss_function, one.initial, None)
    found = program.adjoints(None, one.initial)
    x = one.initial["theta"]
    # sin(2x)² is one function; its values are summed, and so is 9: of these only the first has second-order terms.
    (square,) = found
    assert square in program.functions
    assert torch.equal(found[square], torch.ones_like(x))
    cubed = Landscape.from_function(lambda x: torch.exp(torch.sin(x).sum()), 3, initial=x)
    program = program_for(cubed.loss_function, cubed.initial, None)
    found = program.adjoints(None, cubed.initial)
    expected = torch.exp(torch.sin(x).sum())
    assert {node.name: float(a.reshape(-1)[0]) for node, a in found.items()} == pytest.approx({"sin": float(expected), "exp": 1.0})


def test_views_of_parameters_have_no_adjoint() -> None:
    """They would take as much memory as the parameters, and have no source."""
    one = Landscape.from_function(lambda x: (x.reshape(2, 3) @ x.reshape(3, 2).T.T).square().sum(), 6)
    program = program_for(one.loss_function, one.initial, None)
    views = {node for node in program.nodes if node.target in AFFINE}
    assert {"permute", "view"} <= {node.name.rstrip("_0123456789") for node in views}
    found = program.adjoints(None, one.initial)
    assert not views & found.keys()
    assert {node.name for node in found} == {"mm", "pow_1"}


def test_the_sum_of_sources_is_the_second_coefficient() -> None:
    one = landscape()
    adjoints = Adjoints(program_for(one.loss_function, one.initial, None), one.initial, None)
    # L'' = 8 cos 4x in every coordinate, the signs' squares are 1, and L₂ = L''/2.
    expected = float(4 * torch.cos(4 * one.initial["theta"]).sum())
    for count in (3, 1):  # again, after the adjoints of linear operations were dropped
        assert second_order(adjoints, one, count).tolist() == pytest.approx([expected] * count, rel=1e-13)


def test_a_loss_that_does_not_move() -> None:
    one = Landscape.from_function(lambda x: x.new_tensor(5.0), 2)
    adjoints = Adjoints(program_for(one.loss_function, one.initial, None), one.initial, None)
    assert second_order(adjoints, one, 2).tolist() == [0.0, 0.0]


def test_products_of_values_are_made_once_for_all_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = LandscapeRequest(landscape="gpt-neo-tiny", sequences=1).load()
    (batch,) = subject.batches
    adjoints = Adjoints(program_for(subject.loss_function, subject.initial, batch), subject.initial, batch)
    seen: list[list[int]] = []
    for seed in (1, 2):
        probes = {n: AddressedProbe(n, t, seed=seed, indices=range(2)) for n, t in subject.initial.items()}
        adjoints.second_order(adjoints.lines(lambda n, _, p=probes: p[n], 2, sampled=True), 2)
        seen.append([id(product) for product in adjoints._products.values()])
    # Six matrices in each of two blocks, and the head.
    assert len(seen[0]) == 13
    assert seen[0] == seen[1]


@pytest.mark.parametrize("sampled", [True, False])
def test_first_derivatives_of_log_probabilities_are_not_made(sampled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Later] = []
    original = Later._all

    def recorded(self: Later) -> Tensor:
        made.append(self)
        return original(self)

    monkeypatch.setattr(Later, "_all", recorded)
    subject, engine = LandscapeRequest(landscape="gpt-neo-tiny", sequences=1).load(), SecondOrderTaylor()
    draw = engine.laplacian_samples if sampled else engine.quadratic_forms
    draw(subject, subject.initial, seed=1, indices=range(2))
    assert not made
    engine.directional_forms(subject, subject.initial, seed=1, indices=range(2))
    assert made  # v·∇L needs them
