from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runs.stores import UNITS
from villani_verify.runs import unit as module
from villani_verify.runs.unit import Unit, canonical, digest, digest_of, mathematics

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    """Say whether two plain values are the same to the last bit and type."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return a.hex() == b.hex()
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return bool(a == b)


@given(PLAIN)
def test_the_canonical_text_holds_the_value_to_the_last_bit(value: Any) -> None:
    text = canonical(value)
    assert same(json.loads(text), value)
    assert canonical(json.loads(text)) == text


@given(st.dictionaries(TEXTS, PLAIN, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_the_canonical_text_does_not_depend_on_the_order_of_names(value: dict[str, Any], rng: Any) -> None:
    names = list(value)
    rng.shuffle(names)
    assert canonical({n: value[n] for n in names}) == canonical(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_has_no_canonical_text(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"x": [value]})


@given(TEXTS, TEXTS, st.dictionaries(TEXTS, PLAIN, max_size=4))
def test_a_unit_is_made_again_from_its_text(kind: str, landscape: str, parameters: dict[str, Any]) -> None:
    unit = Unit(kind, landscape, parameters)
    again = Unit.from_text(unit.text)
    assert again == unit
    assert again.key == unit.key


@pytest.mark.parametrize("text", ["", "[]", '["a"]', "{", "3", "null"])
def test_no_unit_is_made_of_another_text(text: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        Unit.from_text(text)


@given(st.lists(TEXTS, max_size=5), st.lists(TEXTS, max_size=5))
def test_a_digest_is_of_the_texts_and_not_of_what_they_are_together(a: list[str], b: list[str]) -> None:
    assert (digest(*a) == digest(*b)) is (a == b)
    assert digest_of(iter(a)) == digest(*a)
    assert len(digest(*a)) == 32


def test_keys_differ_where_units_do_and_where_the_mathematics_does(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {u.key for u in UNITS}
    assert len(keys) == len(UNITS)
    monkeypatch.setattr(module, "mathematics", lambda: "f" * 32)
    assert not keys & {u.key for u in UNITS}


def test_the_mathematics_is_the_same_in_every_process_and_another_when_its_code_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "from villani_verify.runs.unit import mathematics; print(mathematics())"
    root = str(Path(module.__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == mathematics()
    mathematics.cache_clear()
    try:
        (tmp_path / "curvature").mkdir()
        (tmp_path / "curvature" / "new.py").write_text("x = 1\n", encoding="utf-8")
        monkeypatch.setattr(module, "_PACKAGE", tmp_path)
        first = mathematics()
        mathematics.cache_clear()
        (tmp_path / "curvature" / "new.py").write_text("x = 2\n", encoding="utf-8")
        assert mathematics() != first
        mathematics.cache_clear()
        (tmp_path / "curvature" / "new.py").write_text("x = 1\n", encoding="utf-8")
        (tmp_path / "report").mkdir()  # which no result depends on
        (tmp_path / "report" / "page.py").write_text("x = 2\n", encoding="utf-8")
        assert mathematics() == first
    finally:
        mathematics.cache_clear()


def test_a_label_names_kind_and_landscape() -> None:
    assert Unit("trivial", "", {}).label == "trivial"
    assert UNITS[0].label == "gradient 01234567"
