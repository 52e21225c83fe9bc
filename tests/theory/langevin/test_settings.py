from __future__ import annotations

import math
from dataclasses import replace

import pytest

from villani_verify.errors import RequestError
from villani_verify.theory.langevin.settings import STARTS, ChainSettings, check_settings

SETTINGS = ChainSettings(temperature=0.5, step_size=0.05, chains=4, steps=40)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"temperature": 0.0}, "temperature 0.0: it is not a positive"),
        ({"temperature": math.inf}, "temperature inf"),
        ({"step_size": -1.0}, "step size -1.0"),
        ({"chains": 0}, "chains 0"),
        ({"steps": 0}, "steps 0"),
        ({"record_every": 0}, "steps between records 0"),
        ({"start": "here"}, "start 'here': unknown"),
    ],
)
def test_settings_out_of_range_are_refused(changed: dict[str, object], message: str) -> None:
    with pytest.raises(RequestError, match=f"^{message}"):
        check_settings(replace(SETTINGS, **changed))


@pytest.mark.parametrize("start", STARTS)
def test_settings_within_range_are_not(start: str) -> None:
    check_settings(replace(SETTINGS, start=start, chains=1, steps=1))
