"""Numbers as the results object has them, and as a person reads them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: Any) -> float:
    """Return a number of the results object as a float: "Infinity" and "-Infinity" are infinite.

    Raises:
        ValueError: if it is not a number; a NaN is none.
    """
    found = float(value)
    if math.isnan(found):
        raise ValueError("NaN is not a result")
    return found


def power_of_ten(exponent: int) -> str:
    """Return 10 to an integer power as text, such as "10⁻³"; 1, 10 and 100 are written out."""
    return str(10**exponent) if 0 <= exponent <= 2 else "10" + str(exponent).translate(_SUPERSCRIPT)


def show(value: Any, digits: int = 4) -> str:
    """Return a number with few significant digits, as a person writes it: 240,256, 0.00138, 1.09×10¹⁴, ∞, "–" for None."""
    if value is None:
        return "–"
    x = number(value)
    if math.isinf(x):
        return "∞" if x > 0 else "−∞"
    if isinstance(value, int) and abs(x) < 1e15:
        return f"{value:,}".replace("-", "−")
    if x == 0:
        return "0"
    mantissa, exponent = f"{x:.{digits - 1}e}".split("e")
    power = int(exponent)
    if -4 <= power < 6:
        text = f"{float(f'{x:.{digits - 1}e}'):,.{max(0, digits - 1 - power)}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        text = f"{mantissa}×10{str(power).translate(_SUPERSCRIPT)}"
    return text.replace("-", "−")


def show_interval(interval: Sequence[Any] | None, digits: int = 4) -> str:
    """Return an interval as "[low, high]", or "–" for None."""
    return "–" if interval is None else f"[{show(interval[0], digits)}, {show(interval[1], digits)}]"


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """Return a number of things in words, such as "1 ray" or "2 rays"."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def percent(level: float) -> str:
    """Return a confidence level such as 0.99 as "99 %", with a no-break space."""
    return f"{100 * level:.4g}\u00a0%"
