from __future__ import annotations

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
