from __future__ import annotations

import os
from pathlib import Path

import pytest

from villani_verify.corpora import load_tokenizer
from villani_verify.corpora.sequences import first_tokens
from villani_verify.corpora.text import CORPORA, load_text
from villani_verify.reproduction.sizes import SIZES


def test_nothing_changes_where_nothing_is_asked_for() -> None:
    for size in SIZES.values():
        assert size.changed(model=None, tokenizer=None, seeds=None) == size


def test_another_model_is_not_trained_and_has_its_own_tokenizer() -> None:
    assert SIZES["small"].tokenizer_name == "bytes"
    size = SIZES["small"].changed(model="someone/some-model", tokenizer=None, seeds=None)
    assert (size.model, size.schedule, size.tokenizer_name) == ("someone/some-model", None, "someone/some-model")
    assert size.study == SIZES["small"].study
    assert SIZES["full"].changed(model="here", tokenizer="bytes", seeds=None).tokenizer_name == "bytes"
    assert SIZES["full"].changed(model=None, tokenizer="bytes", seeds=None).model == "EleutherAI/gpt-neo-125m"


def test_seeds_of_the_study() -> None:
    size = SIZES["small"].changed(model=None, tokenizer=None, seeds=5)
    assert size.study.seeds == (0, 1, 2, 3, 4)
    assert (size.study.weight_decays, size.model) == (SIZES["small"].study.weight_decays, None)


@pytest.mark.parametrize(("size", "text"), [(size.name, text) for size in SIZES.values() for text in size.texts])
def test_the_texts_of_a_size_are_long_enough_for_it(size: str, text: str) -> None:
    """By the tokenizer of its model; the split to train on is looked at where it is here."""
    folder = os.environ.get("VILLANI_TEST_DATA")
    if folder is None:
        pytest.skip("VILLANI_TEST_DATA is not set: no real corpora here")
    data, plan = Path(folder), SIZES[size]
    tokenizer = load_tokenizer(str(data / "gpt2-bpe") if plan.model else plan.tokenizer_name)
    wanted = {"valid": 2 * plan.other_rows * plan.length, "train": plan.training_rows * plan.length}
    looked_at = [split for split in wanted if (data / CORPORA[text].file.format(split=split)).exists()]
    assert "valid" in looked_at
    for split in looked_at:
        assert len(first_tokens(load_text(text, data_dir=data, split=split), tokenizer, wanted[split])) >= wanted[split]
