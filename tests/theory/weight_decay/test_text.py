from __future__ import annotations

import pytest
import torch

from villani_verify.corpora import load_tokenizer
from villani_verify.errors import TextError
from villani_verify.theory.weight_decay.text import parts_of


def test_parts_share_nothing() -> None:
    tokenizer = load_tokenizer("bytes")
    parts = parts_of("abcdefghij" * 2, "0123456789ABCDEFGHIJ", tokenizer, rows=3, other_rows=2, length=5)
    assert parts.length == 5
    assert parts.training.shape == (3, 5)
    assert bytes(parts.validation.reshape(-1).tolist()) == b"0123456789"
    assert bytes(parts.test.reshape(-1).tolist()) == b"ABCDEFGHIJ"
    assert torch.equal(parts.training.reshape(-1)[:10], tokenizer.encode("abcdefghij"))


def test_a_short_text_is_said() -> None:
    tokenizer = load_tokenizer("bytes")
    with pytest.raises(TextError, match="training text: 4 tokens, and 3 rows of 5 are needed"):
        parts_of("abcd", "0123456789", tokenizer, rows=3, other_rows=1, length=5)
    with pytest.raises(TextError, match="held-out text: 10 tokens, and 4 rows of 5 are needed"):
        parts_of("abcd" * 20, "0123456789", tokenizer, rows=3, other_rows=2, length=5)
