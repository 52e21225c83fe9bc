from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor

from villani_verify import verify
from villani_verify.curvature.fallback import EngineNote, TaylorOrReverse
from villani_verify.curvature.forward_over_reverse import ForwardOverReverse
from villani_verify.landscape import Landscape
from villani_verify.measurement import psi


def _branching(x: Tensor) -> Tensor:
    """The sum of x⁴ or x²; which of them depends on a value, so it cannot be exported."""
    return (x**4).sum() if float(x.detach().sum()) > 0 else (x**2).sum()


def test_taylor_where_the_loss_can_be_expanded() -> None:
    engine = TaylorOrReverse()
    landscape = Landscape.from_function(lambda x: (x**4).sum(), 3, initial=torch.ones(3, dtype=torch.float64))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert engine.quadratic_forms(landscape, landscape.initial, seed=0, indices=range(2)) == pytest.approx([36.0] * 2)
    assert engine.name == "taylor"


def test_another_engine_where_it_cannot_and_a_note() -> None:
    engine = TaylorOrReverse()
    landscape = Landscape.from_function(_branching, 3, initial=torch.ones(3, dtype=torch.float64))
    with pytest.warns(EngineNote, match="engine 'forward-over-reverse' is used: loss: torch.export cannot trace it"):
        found = engine.quadratic_forms(landscape, landscape.initial, seed=0, indices=range(2))
    assert found == ForwardOverReverse().quadratic_forms(landscape, landscape.initial, seed=0, indices=range(2))
    assert engine.name == "forward-over-reverse"
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it is said once
        assert engine.quadratic_forms(landscape, landscape.initial, seed=0, indices=[0]) == found[:1]


def test_results_say_which_engine_it_was_and_why() -> None:
    landscape = Landscape.from_function(_branching, 100, initial=torch.ones(100, dtype=torch.float64), weight_decay=0.1)
    measured = psi(landscape, num_probes=10).as_dict()
    assert measured["engine"] == "forward-over-reverse"
    assert measured["points"][0]["laplacian"]["method"] == "hutchinson, forward-over-reverse"
    assert [note.split(":")[0] for note in measured["notes"]] == ["engine 'forward-over-reverse' is used"]
    found = verify(landscape, criteria=["differential_growth_rays"]).as_dict()
    assert found["engine"] == "forward-over-reverse"
    assert found["notes"] == measured["notes"]
