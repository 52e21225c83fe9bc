from __future__ import annotations

import itertools

import pytest
from gate.checkouts import Checkout
from gate.pairs import Benchmark
from gate.selection import selected

from villani_verify.errors import RequestError


def test_every_set_of_parameters_is_a_benchmark_with_asvs_name(sides: dict[str, Checkout]) -> None:
    expected = [
        Benchmark(f"trivial.Cost.track_seconds-{i}", f"trivial.Cost.track_seconds('{calls}', '{device}')", "seconds", 60.0)
        for i, (calls, device) in enumerate(itertools.product(("few", "many"), ("cpu", "cuda")))
    ]
    assert selected(sides["head"], r"Cost.*'c") == expected


def test_units_and_timeouts_are_the_benchmarks_own(sides: dict[str, Checkout]) -> None:
    assert selected(sides["head"], "bytes") == [Benchmark("trivial.track_bytes", "trivial.track_bytes", "bytes", 60.0)]
    assert selected(sides["head"], "sleeps") == [Benchmark("trivial.track_sleeps", "trivial.track_sleeps", "unit", 0.5)]


def test_what_is_not_there_is_refused_with_an_example(sides: dict[str, Checkout]) -> None:
    with pytest.raises(
        RequestError, match=r"^--bench 'none': none of the 15 benchmarks of \w{10}, such as trivial\..*; choose others$"
    ):
        selected(sides["head"], "none")
