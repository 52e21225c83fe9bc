from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from villani_verify.corpora import load_tokenizer, token_sequences
from villani_verify.corpora.embedded import embedded_text
from villani_verify.errors import RequestError, TextError

TEXT = embedded_text(400, seed=1)


class Recorder:
    """Bytes, remembering how much it was asked to encode."""

    name = "recorder"

    def __init__(self, vocabulary_size: int = 256) -> None:
        self.vocabulary_size = vocabulary_size
        self.encoded = 0

    def encode(self, text: str) -> Tensor:
        self.encoded += len(text)
        return torch.tensor(list(text.encode()))


class WordLengths(Recorder):
    """One token a word, its length: fewer than the first guess expects, so that more text has to be encoded."""

    def encode(self, text: str) -> Tensor:
        self.encoded += len(text)
        return torch.tensor([len(word) for word in text.split()])


def test_rows_are_the_first_tokens_in_order() -> None:
    rows = token_sequences(TEXT, load_tokenizer("bytes"), count=3, length=5, vocabulary_size=256)
    assert rows.shape == (3, 5)
    assert rows.dtype == torch.int64
    assert bytes(rows.flatten().tolist()).decode() == TEXT[:15]


def test_all_of_the_text_can_be_used() -> None:
    rows = token_sequences(TEXT, load_tokenizer("bytes"), count=1, length=len(TEXT), vocabulary_size=256)
    assert rows[0].tolist() == list(TEXT.encode())


def test_only_as_much_is_encoded_as_is_needed() -> None:
    recorder = Recorder()
    token_sequences(TEXT * 100, recorder, count=2, length=10, vocabulary_size=256)
    assert recorder.encoded < 1000 < len(TEXT)


def test_more_is_encoded_until_there_is_enough() -> None:
    text = "incomprehensibilities " * 2000
    recorder = WordLengths()
    rows = token_sequences(text, recorder, count=40, length=10, vocabulary_size=256)
    assert rows.unique().tolist() == [21]
    assert 464 * 22 <= recorder.encoded < len(text)


def test_no_word_is_cut_whatever_the_length() -> None:
    text = TEXT.replace(" ", "-").replace(".-", ". ").replace("\n", " \n")
    whole = WordLengths().encode(text)
    for length in range(2, len(whole) + 1):
        assert torch.equal(token_sequences(text, WordLengths(), count=1, length=length, vocabulary_size=256)[0], whole[:length])


@pytest.mark.parametrize("text", [TEXT, TEXT.replace(" ", "     "), TEXT.replace("\n", " \n\n  "), "the" * 4000], ids=range(4))
def test_cutting_the_text_changes_no_token(gpt2_directory: Callable[..., Path], text: str) -> None:
    tokenizer = load_tokenizer(str(gpt2_directory()))
    whole = tokenizer.encode(text)
    for length in (2, 17, 333):
        rows = token_sequences(text, tokenizer, count=2, length=length, vocabulary_size=259)
        assert torch.equal(rows.flatten(), whole[: 2 * length])


def test_real_text_with_gpt2_tokens(real_data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tokenizer = load_tokenizer(str(real_data / "gpt2-bpe"))
    text = (real_data / "wikitext-103-raw" / "wiki.valid.raw").read_text(encoding="utf-8")
    whole = tokenizer.encode(text)
    for count, length in ((1, 128), (8, 512), (100, 1024)):
        rows = token_sequences(text, tokenizer, count=count, length=length, vocabulary_size=50_257)
        assert torch.equal(rows.flatten(), whole[: count * length])
    assert capfd.readouterr() == ("", "")


def test_too_short() -> None:
    message = (
        r"^text: 10 tokens by tokenizer 'bytes', but 2 × 6 = 12 are needed; give a longer text, or fewer or shorter sequences$"
    )
    with pytest.raises(TextError, match=message):
        token_sequences("ten bytes.", load_tokenizer("bytes"), count=2, length=6, vocabulary_size=256)


def test_vocabulary_larger_than_the_models() -> None:
    with pytest.raises(TextError, match=r"^tokenizer 'bytes' of the wrong size: it has 256 tokens, but the model knows 7; give "):
        token_sequences(TEXT, load_tokenizer("bytes"), count=1, length=4, vocabulary_size=7)
    assert token_sequences(TEXT, load_tokenizer("classes"), count=1, length=4, vocabulary_size=7).max() < 7


def test_token_outside_the_models_vocabulary() -> None:
    with pytest.raises(TextError, match=r"^tokenizer 'recorder' of the wrong size: it gave token 122, but the model knows 100; "):
        token_sequences("zebra" * 10, Recorder(vocabulary_size=100), count=1, length=4, vocabulary_size=100)


def test_count_and_length_are_checked() -> None:
    with pytest.raises(RequestError, match=r"^number of sequences: 0 is not at least 1; give a positive integer$"):
        token_sequences(TEXT, load_tokenizer("bytes"), count=0, length=4, vocabulary_size=256)
    with pytest.raises(RequestError, match=r"^sequence length: 1 is not at least 2; give a token to predict from and one "):
        token_sequences(TEXT, load_tokenizer("bytes"), count=1, length=1, vocabulary_size=256)
