"""Holds a criterion to what is expected of it: search for a counterexample, and judge by whether there should be one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis.errors import NoSuchExample
from hypothesis.strategies import SearchStrategy

from villani_verify.landscape import Landscape
from villani_verify.testing.examples import LabelledDatabase
from villani_verify.testing.witnesses import report_witness

T = TypeVar("T")

SEARCHED_EXAMPLES = 400
"""How many examples are drawn before a counterexample that should exist counts as not found."""
_FEWEST_EXAMPLES = 10
"""A profile with fewer affords no such search."""


@dataclass(frozen=True)
class Refutation:
    """A counterexample.

    Attributes:
        witness: as `villani_verify.replay` takes it.
        summary: what was found, in a sentence with the numbers.
        landscape: on which it was found: the one under test, or the same with another weight decay.
    """

    witness: Mapping[str, Any]
    summary: str
    landscape: Landscape


def check_claim(
    landscape: Landscape,
    criterion: str,
    drawn: SearchStrategy[T],
    refute: Callable[[T], Refutation | None],
    *,
    thinning: int = 1,
) -> None:
    """Search for a counterexample to a criterion, and fail unless the outcome is the expected one.

    * expected "supported", or nothing known: no drawn example may refute it; one that does is shrunk (in profiles
      that shrink) and reported with a line that replays it.
    * expected "refuted": one of 400 examples must refute it, the same ones each run. So a landscape that is known
      to fail and a search too weak to see it do not look like success. Skipped in profiles that generate no examples, and where
      they afford fewer than ten, as a search takes dozens.
    * expected "not_applicable": skipped.

    Args:
        landscape: its `expected` says what is known.
        criterion: name of the criterion.
        drawn: strategy for the examples.
        refute: example → counterexample, or None if the criterion stands.
        thinning: how many times dearer an example is than usual; so many times fewer are drawn.

    Raises:
        Counterexample: if an example refutes a criterion that should stand.
        AssertionError: if none refutes one that is known to fail.
    """
    expected = landscape.expected.get(criterion)
    if expected == "not_applicable":
        pytest.skip(f"{criterion} does not speak about {landscape.name}")
    if expected == "refuted":
        if Phase.generate not in settings().phases:
            pytest.skip(f"{criterion} is refuted on {landscape.name} by new examples, and this profile generates none")
        if settings().max_examples < _FEWEST_EXAMPLES:
            pytest.skip(
                f"{criterion} is known to be refuted on {landscape.name}; to find that again takes up to {SEARCHED_EXAMPLES} "
                f"examples, and this profile has {settings().max_examples}"
            )
        _must_be_refuted(landscape, criterion, drawn, refute)
        return
    whole = settings().database
    own = whole and LabelledDatabase(whole, f"{criterion} on {landscape.name}")

    @settings(max_examples=max(1, settings().max_examples // thinning), database=own)
    @given(drawn)
    def stands(example: T) -> None:
        found = refute(example)
        if found is not None:
            report_witness(found.witness, found.landscape, f"{criterion} is refuted: {found.summary}")

    stands()


def _must_be_refuted(
    landscape: Landscape, criterion: str, drawn: SearchStrategy[T], refute: Callable[[T], Refutation | None]
) -> None:
    # Any counterexample will do: no shrinking, no memory, and the same examples each run.
    search = settings(max_examples=SEARCHED_EXAMPLES, derandomize=True, database=None, phases=[Phase.generate])
    try:
        find(drawn, lambda example: refute(example) is not None, settings=search)
    except NoSuchExample:
        raise AssertionError(
            f"{landscape.name}: {criterion} is known to be refuted, but none of {SEARCHED_EXAMPLES} drawn examples refutes it; "
            "the strategies or the measurement have lost their power"
        ) from None
