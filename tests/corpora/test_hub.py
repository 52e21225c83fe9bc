from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants
from huggingface_hub.errors import EntryNotFoundError

from villani_verify.corpora import hub, load_text, load_tokenizer
from villani_verify.errors import TextError


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A hub at a port of this machine where nothing listens, and an empty cache."""
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def failure(call: Callable[[], object]) -> str:
    with pytest.raises(TextError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_unreachable_and_offline(no_network: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not hub.hub_is_reachable()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert not hub.hub_is_reachable()


def test_reachable_by_one_short_request(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Session:
        def head(self, address: str, *, timeout: float) -> None:
            asked.append((address, timeout))

    monkeypatch.setattr(huggingface_hub, "get_session", Session)
    assert hub.hub_is_reachable()
    assert asked == [(constants.ENDPOINT, 5.0)]


@pytest.mark.parametrize("dataset", ["ptb", "wikitext-2", "wikitext-103"])
def test_corpus_without_network_fails_at_once(no_network: None, dataset: str, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("datasets", reason="datasets is not installed")
    with caplog.at_level(logging.WARNING):
        message = failure(lambda: load_text(dataset))
    assert message.endswith("the hub cannot be reached; give --data-dir, or set HF_HUB_OFFLINE=1 to use what is cached")
    assert not [record for record in caplog.records if "Retrying" in record.message]


def test_corpus_without_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert failure(lambda: load_text("ptb")) == (
        "data set 'ptb-text-only/ptb_text_only', split 'validation': `datasets` is not installed; "
        'run pip install "villani-verify[hub]", or give --data-dir'
    )


def test_corpus_that_the_hub_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")

    def refuse(*args: object, **options: object) -> None:
        raise ValueError("no such\nsplit")

    monkeypatch.setattr(hub, "hub_is_reachable", lambda: True)
    monkeypatch.setattr(datasets, "load_dataset", refuse)
    assert failure(lambda: load_text("wikitext-2", split="test")) == (
        "data set 'Salesforce/wikitext', split 'test': no such split; give --data-dir"
    )


def test_rows_of_a_parquet_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The layout of the hub's parquet revisions, configuration/split/0000.parquet, read through `datasets` itself."""
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hub, "hub_is_reachable", lambda: True)
    for split in ("train", "validation", "test"):
        file = tmp_path / "repository" / "penn_treebank" / split / "0000.parquet"
        file.parent.mkdir(parents=True)
        datasets.Dataset.from_dict({"sentence": [f"{split} one", "two"]}).to_parquet(str(file))
    rows = hub.hub_dataset_rows(str(tmp_path / "repository"), config=None, revision=None, split="validation", column="sentence")
    assert rows == ["validation one", "two"]


@pytest.mark.parametrize("name", ["gpt2", "EleutherAI/gpt-neo-125m"])
def test_tokenizer_without_network(no_network: None, name: str) -> None:
    assert failure(lambda: load_tokenizer(name)) == (
        f"tokenizer {name!r}: the hub cannot be reached and its files are not in the cache; "
        "give 'bytes', 'classes', or a directory with its tokenizer.json"
    )


def test_tokenizer_from_the_hub_fetches_only_its_files(
    gpt2_directory: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, asked = gpt2_directory(), []

    def fetch(name: str, file: str, *, local_files_only: bool, etag_timeout: float) -> str:
        asked.append((name, file, local_files_only))
        if not (directory / file).exists():
            raise EntryNotFoundError(file)
        return str(directory / file)

    monkeypatch.setattr(hub, "hub_is_reachable", lambda: True)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fetch)
    tokenizer = load_tokenizer("owner/model")
    assert (tokenizer.name, tokenizer.vocabulary_size) == ("owner/model", 259)
    assert asked == [("owner/model", file, False) for file in ("tokenizer.json", "vocab.json", "merges.txt")]


def test_tokenizer_that_the_hub_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> str:
        raise OSError("401\nno such repository")

    monkeypatch.setattr(hub, "hub_is_reachable", lambda: True)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    assert failure(lambda: load_tokenizer("owner/model")).startswith("tokenizer 'owner/model': 401 no such repository; give ")
