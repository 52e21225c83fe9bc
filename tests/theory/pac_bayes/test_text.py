from __future__ import annotations

import importlib.util
import itertools
import os
from pathlib import Path

import pytest
import torch

from villani_verify.corpora import load_text, load_tokenizer
from villani_verify.corpora.embedded import embedded_text
from villani_verify.errors import RequestError, TextError
from villani_verify.landscapes.request import LandscapeRequest
from villani_verify.theory.pac_bayes.text import TRAINED_ON, independent_rows, text_samples

ROOT = Path(__file__).resolve().parents[3]
TINY = LandscapeRequest(landscape="gpt-neo-tiny", sequences=9)
SMALL = LandscapeRequest(landscape="gpt-neo-small", sequences=9)


def words(rows: torch.Tensor) -> list[str]:
    return [bytes(row.tolist()).decode() for row in rows]


def test_rows_begin_with_sentences_that_no_other_row_uses() -> None:
    text = embedded_text(400, seed=5)
    rows = words(independent_rows(text, load_tokenizer("bytes"), count=100, length=60))
    sentences = [s for line in text.split("\n") for s in line.strip().split(". ")]
    # The generator ends a sentence with a full stop, and a space or a new line in its place.
    used = 0
    for row in rows:
        block = ""
        while len(block) < 60:
            block += sentences[used].removesuffix(".") + ".?"
            used += 1
        assert row.replace("\n", " ") == block[:60].replace("?", " ")


def test_a_row_takes_as_few_sentences_as_it_needs() -> None:
    text = "Ab. Cde.\nF. Ghijkl. Mn. "
    encode = load_tokenizer("bytes")
    assert words(independent_rows(text, encode, count=3, length=4)) == ["Ab. ", "Cde.", "F. G"]
    assert words(independent_rows(text, encode, count=2, length=8)) == ["Ab. Cde.", "F. Ghijk"]
    with pytest.raises(TextError, match="it has 2 rows of 8 tokens with sentences of their own, but 3 are needed"):
        independent_rows(text, encode, count=3, length=8)


def test_rows_of_the_embedded_text_do_not_predict_each_other() -> None:
    # First letters of consecutive rows: the counts of pairs against those of independent draws.
    rows = words(independent_rows(embedded_text(5000, seed=2), load_tokenizer("bytes"), count=3000, length=32))
    first = [row[0] for row in rows]
    vowels = [letter in "aeiou" for letter in first]
    share = sum(vowels) / len(vowels)
    both = sum(a and b for a, b in itertools.pairwise(vowels)) / (len(vowels) - 1)
    # The difference has a standard deviation of about share(1 − share)/√n: four of them.
    assert abs(both - share**2) < 4 * share * (1 - share) / len(vowels) ** 0.5


def test_the_small_model_was_trained_on_the_split_that_says_so() -> None:
    path = ROOT / "scripts" / "train_gpt_neo_small.py"
    spec = importlib.util.spec_from_file_location("train_gpt_neo_small", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    seen = embedded_text(60_000, seed=script.TRAINING_SEED)
    assert seen.startswith(load_text("embedded", split=TRAINED_ON["gpt-neo-small"])[:10_000])
    rest = {"train", "valid", "test"} - {TRAINED_ON["gpt-neo-small"]}
    assert not any(seen.startswith(load_text("embedded", split=split)[:200]) for split in rest)


def test_the_sample_of_the_small_model_is_what_it_was_trained_on() -> None:
    found = text_samples(SMALL)
    assert (found.training.seen, found.held_out.seen) == (True, False)
    assert found.training.independent
    assert found.held_out.independent
    expected = independent_rows(load_text("embedded", split="valid"), load_tokenizer("bytes"), count=9, length=32)
    assert torch.equal(found.training.batch, expected)
    assert found.training.origin == "9 rows of the split valid of embedded, each of sentences of its own"
    other = text_samples(SMALL, split="train", held_out_sequences=4)
    assert (other.training.seen, other.held_out.seen, other.held_out.size) == (False, False, 4)


def test_a_model_that_was_not_trained_has_seen_nothing() -> None:
    found = text_samples(TINY)
    assert (found.training.seen, found.held_out.seen) == (False, False)
    assert found.training.batch.shape == (9, 12)
    assert found.landscape.name == "gpt-neo-tiny"


def test_of_a_model_from_a_directory_it_is_not_known(tmp_path: Path) -> None:
    from villani_verify.landscapes.architectures import gpt_neo_tiny

    gpt_neo_tiny().save_pretrained(tmp_path)
    request = LandscapeRequest(model=str(tmp_path), tokenizer="classes", sequences=8, sequence_length=10, dtype="float64")
    found = text_samples(request)
    assert (found.training.seen, found.held_out.seen) == (None, None)
    assert "split train" in found.training.origin
    assert found.landscape.dtype == torch.float64


def test_a_file_has_one_text_for_both(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(embedded_text(40, seed=8))
    request = LandscapeRequest(landscape="gpt-neo-tiny", dataset=str(tmp_path / "text.txt"), sequences=10)
    found = text_samples(request, held_out_sequences=5)
    assert not found.training.independent
    assert (found.training.size, found.held_out.size) == (10, 5)
    whole = load_tokenizer("classes").encode((tmp_path / "text.txt").read_text())[: 15 * 12].reshape(15, 12)
    assert torch.equal(torch.cat([found.training.batch, found.held_out.batch]), whole)
    with pytest.raises(RequestError, match="split 'train' of file"):
        text_samples(request, split="train")
    with pytest.raises(TextError, match="are needed"):
        text_samples(request, held_out_sequences=10_000)


def test_a_landscape_with_rows_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(
        "import torch\nfrom villani_verify import Landscape\nfrom villani_verify.landscapes.architectures import gpt_neo_tiny\n\n"
        "def own():\n    return Landscape.causal_lm(gpt_neo_tiny(), torch.arange(80).reshape(10, 8) % 7)\n"
    )
    found = text_samples(LandscapeRequest(landscape=f"{path}:own"))
    assert found.held_out is None
    assert found.training.size == 10
    assert (found.training.independent, found.training.seen) == (False, None)
    with pytest.raises(RequestError, match="it has rows of its own"):
        text_samples(LandscapeRequest(landscape=f"{path}:own"), held_out_sequences=5)


@pytest.mark.parametrize(
    ("request_", "options", "part"),
    [
        (SMALL, {"held_out_split": "valid", "split": "train"}, "the model was trained on it"),
        (SMALL, {"split": "test"}, "it is the split of the sample itself"),
        (TINY, {"split": "training"}, "split 'training': there is no such split"),
        (TINY, {"held_out_split": "rest"}, "held-out split 'rest': there is no such split"),
        (TINY, {"held_out_sequences": 0}, "held-out sequences 0"),
        (LandscapeRequest(landscape="gpt-neo-tiny", sequences=7), {}, "sample of 7 sequences"),
        (LandscapeRequest(landscape="gpt-neo-tiny", sequences=0), {}, "sample of 0 sequences"),
    ],
)
def test_requests_that_do_not_fit(request_: LandscapeRequest, options: dict, part: str) -> None:
    with pytest.raises(RequestError) as caught:
        text_samples(request_, **options)
    assert part in str(caught.value)


def test_more_rows_than_the_split_has() -> None:
    with pytest.raises(TextError, match="rows of 32 tokens with sentences of their own"):
        text_samples(LandscapeRequest(landscape="gpt-neo-small", sequences=6000))


def test_real_text() -> None:
    folder = os.environ.get("VILLANI_TEST_DATA")
    if not folder:
        pytest.skip("VILLANI_TEST_DATA is not set: no real corpora here")
    found = text_samples(
        LandscapeRequest(landscape="gpt-neo-small", dataset="ptb", data_dir=folder, sequences=20), held_out_split="valid"
    )
    assert (found.training.seen, found.held_out.seen) == (False, False)
    assert not found.training.independent
    assert "split train of ptb" in found.training.origin
    assert "split valid of ptb" in found.held_out.origin
