from __future__ import annotations

import pytest

from villani_verify.curvature.engine import ENGINES, engine_for
from villani_verify.errors import RequestError


def test_every_listed_name_works() -> None:
    assert [engine_for(name).name for name in ENGINES[1:]] == list(ENGINES[1:])
    assert engine_for("auto").name == "taylor"


@pytest.mark.parametrize(("name", "guess"), [("revers", "reverse"), ("forward-reverse", "forward-over-reverse"), ("xyz", "auto")])
def test_an_unknown_name(name: str, guess: str) -> None:
    message = (
        rf"^engine '{name}': unknown; choose one of auto, taylor, reverse, forward-over-reverse.* \(did you mean '{guess}'\?\)$"
    )
    with pytest.raises(RequestError, match=message):
        engine_for(name)
