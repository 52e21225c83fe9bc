from __future__ import annotations

import warnings

import pytest
import torch

from villani_verify import Landscape
from villani_verify.errors import RequestError
from villani_verify.theory.spectrum.settings import GIBIBYTE, SpectrumNote, SpectrumSettings, plan

BOWL = Landscape.from_function(lambda x: x.square().sum(), 1000)
VECTOR = 8000 / GIBIBYTE


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_probes": 1}, r"^number of probes 1: an interval needs at least 2 starts; give 10$"),
        ({"steps": 1}, r"^steps 1: Lanczos with fewer than 2 steps sees no spectrum; give 64$"),
        ({"memory": 0.0}, r"^memory 0\.0: it is not a positive finite number of GiB; give one such as 2$"),
        ({"memory": float("nan")}, r"^memory nan"),
    ],
)
def test_what_is_out_of_range_is_refused(wrong, message) -> None:
    with pytest.raises(RequestError, match=message):
        SpectrumSettings(**wrong)


def test_all_starts_at_once_where_memory_allows() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = plan(BOWL, SpectrumSettings(num_probes=7, steps=20))
    assert (made.steps, made.starts_at_once, made.reorthogonalise) == (20, 7, True)


def test_fewer_starts_at_once_where_it_does_not() -> None:
    made = plan(BOWL, SpectrumSettings(num_probes=7, steps=20, memory=60 * VECTOR))
    assert (made.starts_at_once, made.reorthogonalise) == (2, True)


def test_no_reorthogonalisation_below_one_start_and_it_is_said() -> None:
    with pytest.warns(SpectrumNote, match=r"full reorthogonalisation needs .* there is none.*Cullum and Willoughby"):
        made = plan(BOWL, SpectrumSettings(num_probes=7, steps=20, memory=20 * VECTOR))
    assert (made.starts_at_once, made.reorthogonalise) == (3, False)


def test_memory_below_any_run_is_refused() -> None:
    with pytest.raises(
        RequestError, match=r"^memory 1e-05 GiB: 1,000 parameters need .* GiB for the few vectors .* allow more, or"
    ):
        plan(BOWL, SpectrumSettings(memory=1e-5))
    with pytest.raises(RequestError, match=r"allow more$"):
        plan(BOWL.to(dtype=torch.float32), SpectrumSettings(memory=1e-5))
    assert plan(BOWL.to(dtype=torch.float32), SpectrumSettings(memory=70 * VECTOR / 2)).reorthogonalise


def test_steps_beyond_the_dimension_are_cut_and_it_is_said() -> None:
    with pytest.warns(SpectrumNote, match="^64 Lanczos steps: cut to the dimension, 3$"):
        assert plan(Landscape.from_function(lambda x: x.square().sum(), 3), SpectrumSettings()).steps == 3
