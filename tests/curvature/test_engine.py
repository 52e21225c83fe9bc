from __future__ import annotations

import pytest

from villani_verify.curvature.engine import ENGINES, engine_for
from villani_verify.errors import RequestError


@pytest.mark.parametrize(
    ("name", "dimension", "chosen"),
    [
        ("reverse", 1, "reverse"),
        ("reverse", 10**9, "reverse"),
        ("forward-over-reverse", 1, "forward-over-reverse"),
        ("forward-over-reverse", 10**9, "forward-over-reverse"),
        ("auto", 822, "forward-over-reverse"),
        ("auto", 125_198_592, "reverse"),
    ],
)
def test_engines_by_name(name: str, dimension: int, chosen: str) -> None:
    assert engine_for(name, dimension).name == chosen


def test_every_listed_name_works() -> None:
    assert {engine_for(name, 10).name for name in ENGINES} == set(ENGINES) - {"auto"}


@pytest.mark.parametrize(("name", "guess"), [("revers", "reverse"), ("forward-reverse", "forward-over-reverse"), ("xyz", "auto")])
def test_an_unknown_name(name: str, guess: str) -> None:
    message = rf"^engine '{name}': unknown; choose one of auto, reverse, forward-over-reverse.* \(did you mean '{guess}'\?\)$"
    with pytest.raises(RequestError, match=message):
        engine_for(name, 10)
