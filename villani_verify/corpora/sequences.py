"""Rows of tokens: the fixed list of sequences over which a language model's loss is a mean."""

from __future__ import annotations

import re

from torch import Tensor

from villani_verify.corpora.tokenizers import Tokenizer
from villani_verify.errors import RequestError, TextError

# Characters encoded at first for each token wanted: GPT-2 makes one of 4.6 characters of English.
_CHARACTERS_PER_TOKEN = 8
# Where the text may be cut: no token of GPT-2 holds the end of a word and the space after it.
_WORD_END = re.compile(r"(?<=\S) ")
# Tokens wanted beyond those kept, should another tokenizer look further ahead.
_MARGIN = 64


def token_sequences(text: str, tokenizer: Tokenizer, *, count: int, length: int, vocabulary_size: int) -> Tensor:
    """Return the first `count` × `length` tokens of the text, cut into consecutive rows.

    Row i holds tokens i·length … (i+1)·length − 1; no overlap, no shuffling, no special tokens added. Only as
    much of the text is encoded as is needed.

    Args:
        text: any text.
        tokenizer: what `load_tokenizer` returns, or anything with its three members.
        count: number of rows, at least 1.
        length: tokens in a row, at least 2 (one to predict from and one to predict).
        vocabulary_size: number of tokens the model knows; may exceed the tokenizer's.

    Returns:
        int64 tensor (count, length), every entry in [0, vocabulary_size).

    Raises:
        RequestError: if `count` or `length` is too small.
        TextError: if the text is too short, or the tokenizer has more tokens than the model.
    """
    if count < 1:
        raise RequestError(f"number of sequences: {count} is not at least 1; give a positive integer")
    if length < 2:
        raise RequestError(f"sequence length: {length} is not at least 2; give a token to predict from and one to predict")
    if tokenizer.vocabulary_size > vocabulary_size:
        raise _wrong_size(f"it has {tokenizer.vocabulary_size} tokens", tokenizer.name, vocabulary_size)
    needed = count * length
    tokens = first_tokens(text, tokenizer, needed)
    if len(tokens) < needed:
        raise TextError(
            f"text: {len(tokens)} tokens by tokenizer {tokenizer.name!r}, but {count} × {length} = {needed} are needed; "
            "give a longer text, or fewer or shorter sequences"
        )
    check_known(tokens[:needed], tokenizer.name, vocabulary_size)
    return tokens[:needed].reshape(count, length).clone()


def check_known(tokens: Tensor, tokenizer: str, vocabulary_size: int) -> None:
    """Check that a model knows every token.

    Args:
        tokens: int64, of any shape, at least one.
        tokenizer: name of what made them.
        vocabulary_size: number of tokens the model knows.

    Raises:
        TextError: if there is one that it does not know.
    """
    largest = int(tokens.max())
    if largest >= vocabulary_size:
        raise _wrong_size(f"it gave token {largest}", tokenizer, vocabulary_size)


def first_tokens(text: str, tokenizer: Tokenizer, needed: int) -> Tensor:
    """Return at least the first `needed` tokens of a text, or all there are; no more of it is encoded than that takes.

    Args:
        text: any text.
        tokenizer: what `load_tokenizer` returns.
        needed: number of tokens.

    Returns:
        int64, one-dimensional.
    """
    size = _CHARACTERS_PER_TOKEN * (needed + _MARGIN)
    while (match := _WORD_END.search(text, size)) is not None:
        tokens = tokenizer.encode(text[: match.start()])
        if len(tokens) >= needed + _MARGIN:
            return tokens
        size = 2 * match.start()
    return tokenizer.encode(text)


def _wrong_size(problem: str, tokenizer: str, vocabulary_size: int) -> TextError:
    return TextError(
        f"tokenizer {tokenizer!r} of the wrong size: {problem}, but the model knows {vocabulary_size}; "
        "give the tokenizer the model was made for"
    )
