"""A text in three parts that share nothing: to train on, to choose λ by, and to judge the choice."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from villani_verify.corpora.sequences import first_tokens
from villani_verify.corpora.tokenizers import Tokenizer
from villani_verify.errors import TextError


@dataclass(frozen=True)
class Parts:
    """Rows of tokens.

    Attributes:
        training: int64 (n, length), what models are trained on.
        validation: (m, length), what a grid search chooses by.
        test: (m, length), what every choice is judged by, and nothing is chosen by.
    """

    training: Tensor
    validation: Tensor
    test: Tensor

    @property
    def length(self) -> int:
        """Tokens in a row."""
        return int(self.training.shape[1])

    def to(self, device: torch.device | str) -> Parts:
        """Return the same rows on a device."""
        return Parts(self.training.to(device), self.validation.to(device), self.test.to(device))


def parts_of(training: str, other: str, tokenizer: Tokenizer, *, rows: int, other_rows: int, length: int) -> Parts:
    """Cut a training text, and another one into its first and its last rows.

    Args:
        training: text.
        other: text that was not trained on, such as a corpus's validation split.
        tokenizer: makes tokens.
        rows: training rows.
        other_rows: rows of validation, and as many of test.
        length: tokens in a row.

    Raises:
        TextError: if a text is too short.
    """
    return Parts(
        _rows(training, tokenizer, rows, length, "training"),
        *_rows(other, tokenizer, 2 * other_rows, length, "held-out").split(other_rows),
    )


def _rows(text: str, tokenizer: Tokenizer, count: int, length: int, which: str) -> Tensor:
    tokens = first_tokens(text, tokenizer, count * length)
    if len(tokens) < count * length:
        raise TextError(
            f"{which} text: {len(tokens):,} tokens, and {count} rows of {length} are needed; give a longer text, or fewer rows"
        )
    return tokens[: count * length].reshape(count, length)
