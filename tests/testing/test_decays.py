from __future__ import annotations

from dataclasses import replace

from villani_verify import Landscape
from villani_verify.testing.decays import redecayed


def test_decayed_tensors_get_the_new_decay_and_the_request_says_so() -> None:
    landscape = Landscape.from_function(lambda x: (x**2).sum(), 3, weight_decay=0.1, blocks={"a": 1, "b[0]": 2}, no_decay=["a"])
    changed = redecayed(replace(landscape, request={"landscape": "bowl", "weight_decay": None}), 0.7)
    assert changed.decay == {"a": 0.0, "b[0]": 0.7}
    assert changed.request == {"landscape": "bowl", "weight_decay": 0.7}
    assert redecayed(landscape, 0.7).request is None


def test_a_landscape_without_decay_stays_as_it_is() -> None:
    landscape = Landscape.from_function(lambda x: (x**2).sum(), 3)
    assert redecayed(landscape, 0.7) is landscape
