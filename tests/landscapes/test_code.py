from __future__ import annotations

import pytest

from villani_verify.landscapes.code import code_in


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ("mine.py:make", ("mine.py", "make")),
        ("C:/mine.py:make", ("C:/mine.py", "make")),
        ("double-well", None),
        ("", None),
        (None, None),
        (3, None),
    ],
)
def test_a_colon_makes_it_code(reference: object, code: tuple[str, str] | None) -> None:
    assert code_in(reference) == code
