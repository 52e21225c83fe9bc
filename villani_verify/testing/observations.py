"""What the properties tell Hypothesis about an example: events to count, and numbers to make large.

Events show whether the search reached what it should: every sort of family, every decade of radius. Targets lead the second
half of a property's examples to points where it is closest to failing. Outside a property nothing happens, so that functions
which observe can be called from anywhere.
"""

from __future__ import annotations

import math

from hypothesis import currently_in_test_context, event, target

from villani_verify.search.families import Drawn, Ray


def observe_family(family: Drawn) -> None:
    """Count the sort of a family: the kind and base of a ray, or the number of tensors that a scaling switches off."""
    if isinstance(family, Ray):
        observe("family", f"{family.kind} ray from {'the origin' if family.base == 'origin' else 'the reference point'}")
    else:
        observe("family", f"scaling with {len(family.zeroed)} zeroed")


def observe_decade(what: str, number: float) -> None:
    """Count the decade of a number: "radius: 10^1 to 10^2"; zero, infinities and NaN by name.

    Args:
        what: the quantity, once an example.
        number: its value.
    """
    if number == 0 or not math.isfinite(number):
        observe(what, f"{number:g}")
        return
    # Radii are powers of ten up to rounding, and belong to the decade that begins there.
    exponent = math.floor(math.log10(abs(number)) + 1e-9)
    observe(what, f"{'-' if number < 0 else ''}10^{exponent} to 10^{exponent + 1}")


def observe(what: str, value: str) -> None:
    """Count an event, "what: value".

    Args:
        what: the quantity, once an example.
        value: what it was.
    """
    if currently_in_test_context():
        event(f"{what}: {value}")


def aim_high(number: float, what: str) -> None:
    """Lead the search to examples with a large `number`; one that is not finite leads nowhere.

    Args:
        number: a score, on a scale where equal steps count equally.
        what: its name in the statistics, once an example.
    """
    if math.isfinite(number) and currently_in_test_context():
        target(float(number), label=what)


def aim_for_ratio(numerator: float, denominator: float, what: str) -> None:
    """Lead the search to examples where log₁₀ `|numerator / denominator|` is large.

    Args:
        numerator: for instance a discrepancy.
        denominator: for instance the discrepancy that is allowed.
        what: name of the logarithm in the statistics, once an example.
    """
    if numerator and denominator and math.isfinite(numerator) and math.isfinite(denominator):
        aim_high(math.log10(abs(numerator)) - math.log10(abs(denominator)), what)
