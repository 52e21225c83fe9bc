"""Formulae in plain sentences, as a browser can set them: subscripts, exponents and powers of ten."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_SCIENTIFIC = re.compile(r"(?<![\w.])(\d(?:\.\d+)?)e([+-]?)0*(\d+)\b")
_EXPONENT = re.compile(r"(?:(?<=[‖|)])|(?<=(?<!\w)[Chrst]))\^([-−]?\d+(?:\.\d+)?|∞)")

_MINUS = re.compile(r"(?<![\w.)\]&;/-])-(?=\d)")


def typeset(text: str) -> Markup:
    """Return text as HTML, escaped, with Ψ_s, r^2.5 and 1.4e-03 as a person would write them."""
    safe = str(escape(text))
    safe = _SCIENTIFIC.sub(_power, safe)
    safe = _EXPONENT.sub(lambda m: f"<sup>{m[1].replace('-', '−')}</sup>", safe)
    safe = _MINUS.sub("−", safe)
    return Markup(safe.replace("Ψ_s", "Ψ<sub>s</sub>").replace("Z_G", "Z<sub>G</sub>"))


def _power(match: re.Match[str]) -> str:
    sign = "⁻" if match[2] == "-" else ""
    return f"{match[1]}×10{sign}{match[3].translate(_SUPERSCRIPT)}"
