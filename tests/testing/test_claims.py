from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from villani_verify import Landscape
from villani_verify.testing.claims import SEARCHED_EXAMPLES, Refutation, check_claim
from villani_verify.testing.witnesses import Counterexample

WITNESS = {"kind": "slow-growth", "criterion": "quadratic_growth"}


def landscape(expected: str | None) -> Landscape:
    bowl = Landscape.from_function(lambda x: (x**2).sum(), 2, weight_decay=0.1, name="bowl")
    return replace(bowl, expected={"quadratic_growth": expected} if expected else {})


def check(expected: str | None, *, refutes, max_examples: int = 30) -> list[int]:
    """Check a claim about integers; return those that were looked at."""
    seen: list[int] = []
    subject = landscape(expected)

    def refute(n: int) -> Refutation | None:
        seen.append(n)
        return Refutation({**WITNESS, "n": n}, f"{n} refutes it.", subject) if refutes(n) else None

    # The run's own profile may save failures and repeat them; these tests leave nothing behind.
    before = settings.default
    settings.register_profile(
        "test-claims",
        parent=settings.get_profile("default"),
        max_examples=max_examples,
        database=None,
        derandomize=True,
        deadline=None,
    )
    settings.load_profile("test-claims")
    try:
        check_claim(subject, "quadratic_growth", st.integers(0, 1000), refute)
    finally:
        settings.register_profile("before-test-claims", before)
        settings.load_profile("before-test-claims")
    return seen


@pytest.mark.parametrize("expected", ["supported", None])
def test_passes_where_nothing_refutes(expected: str | None) -> None:
    assert len(check(expected, refutes=lambda n: False)) == 30


@pytest.mark.parametrize("expected", ["supported", None])
def test_fails_with_a_shrunk_witness_where_something_refutes(expected: str | None) -> None:
    with pytest.raises(Counterexample, match="bowl: quadratic_growth is refuted: 100 refutes it") as caught:
        check(expected, refutes=lambda n: n >= 100)
    assert "'n': 100" in caught.value.replay_line


def test_a_known_failure_passes_only_if_it_is_found() -> None:
    seen = check("refuted", refutes=lambda n: n >= 100)
    assert seen[-1] >= 100
    with pytest.raises(AssertionError, match=f"known to be refuted, but none of {SEARCHED_EXAMPLES} drawn examples refutes it"):
        check("refuted", refutes=lambda n: False)


def test_a_known_failure_is_not_searched_for_where_few_examples_are_afforded() -> None:
    with pytest.raises(pytest.skip.Exception, match="takes up to 400 examples, and this profile has 9"):
        check("refuted", refutes=lambda n: True, max_examples=9)
    assert check("refuted", refutes=lambda n: True, max_examples=10)
    assert len(check("supported", refutes=lambda n: False, max_examples=2)) == 2


def test_the_search_for_a_known_failure_is_the_same_each_run() -> None:
    first = check("refuted", refutes=lambda n: n % 100 == 77)
    assert len(first) > 1
    assert first == check("refuted", refutes=lambda n: n % 100 == 77)


def test_not_applicable_is_skipped() -> None:
    with pytest.raises(pytest.skip.Exception, match="quadratic_growth does not speak about bowl"):
        check("not_applicable", refutes=lambda n: True)
