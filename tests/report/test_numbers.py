from __future__ import annotations

import math

import pytest

from villani_verify.report.numbers import number, percent, power_of_ten, show, show_interval
from villani_verify.report.typeset import typeset


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        ("Infinity", "∞"),
        ("-Infinity", "−∞"),
        (0.0, "0"),
        (240256, "240,256"),
        (-3, "−3"),
        (1.3968, "1.397"),
        (0.00138, "0.00138"),
        (-0.5, "−0.5"),
        (100.0, "100"),
        (999999.9, "1×10⁶"),
        (123456.7, "123,500"),
        (1.09e14, "1.09×10¹⁴"),
        (2e-7, "2×10⁻⁷"),
        (-4536.0, "−4,536"),
    ],
)
def test_show(value, text):
    assert show(value) == text


def test_shown_digits_are_those_of_the_number():
    for x in (1.0, 3.14159, 0.000123456, 98765.4, 1e-300, 2.5e300, 0.99996):
        for digits in (2, 3, 6):
            plain = show(x, digits).replace(",", "")
            if "×10" in plain:
                mantissa, power = plain.split("×10")
                plain = f"{mantissa}e{power.translate(str.maketrans('⁻⁰¹²³⁴⁵⁶⁷⁸⁹', '-0123456789'))}"
            assert math.isclose(float(plain), x, rel_tol=0.51 * 10 ** (1 - digits))


def test_intervals_levels_and_powers():
    assert show_interval(None) == "–"
    assert show_interval([0.5, "Infinity"]) == "[0.5, ∞]"
    assert percent(0.99) == "99\u00a0%"
    assert percent(0.995) == "99.5\u00a0%"
    assert [power_of_ten(k) for k in (-3, 0, 1, 2, 12)] == ["10⁻³", "1", "10", "100", "10¹²"]


def test_nan_is_no_number():
    with pytest.raises(ValueError, match="NaN"):
        number(float("nan"))


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Ψ_s < 0", "Ψ<sub>s</sub> &lt; 0"),
        ("log(Z/Z_G) = -2.094, within [-2.56, -1.777]", "log(Z/Z<sub>G</sub>) = −2.094, within [−2.56, −1.777]"),
        ("like ‖θ‖^0.00 at 5.39e+04 or 4.09e-10", "like ‖θ‖<sup>0.00</sup> at 5.39×10⁴ or 4.09×10⁻¹⁰"),
        ("multiply a by r^2; F ∈ C^∞; |t − t*|^-0.50", "multiply a by r<sup>2</sup>; F ∈ C<sup>∞</sup>; |t − t*|<sup>-0.50</sup>"),
        ("layer-1.attn^2 h.0-1 e-05", "layer-1.attn^2 h.0-1 e-05"),
        ("<b>r^2</b>", "&lt;b&gt;r<sup>2</sup>&lt;/b&gt;"),
    ],
)
def test_typeset(text, html):
    assert typeset(text) == html.replace("<sup>-", "<sup>−")
