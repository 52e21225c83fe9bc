from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.search.families import family_of
from villani_verify.search.listed import listed


def landscape() -> Landscape:
    return Landscape.from_function(lambda t: t.square().sum(), 3, blocks={"a": 2, "b": 1})


FOUND = listed([torch.tensor([0.0, 3.0, 4.0]), torch.tensor([1.0, 0.0, 0.1])])


def test_points_are_ordered_by_their_norms_and_cut_into_tensors() -> None:
    assert FOUND.radii == pytest.approx((1.01**0.5, 5.0))
    point = FOUND.points(landscape())(FOUND.radii[1])
    assert point["a"].tolist() == [0.0, 3.0]
    assert point["b"].tolist() == [4.0]
    assert FOUND.radius(landscape(), FOUND.radii[1]) == FOUND.radii[1]


def test_they_survive_json() -> None:
    assert family_of(json.loads(json.dumps(FOUND.as_dict()))) == FOUND


def test_a_radius_that_is_not_listed_is_one_line() -> None:
    with pytest.raises(RequestError, match="none at radius 2; the radii are"):
        FOUND.points(landscape())(2.0)


@pytest.mark.parametrize("family", [replace(FOUND, entries=((1.0, 2.0), (3.0, 4.0))), replace(FOUND, radii=(1.0,))])
def test_points_of_another_landscape_are_refused(family: object) -> None:
    with pytest.raises(RequestError, match="give a witness of this landscape"):
        family.points(landscape())  # type: ignore[attr-defined]
