from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    directory = os.environ.get("VILLANI_TEST_DATA")
    if not directory:
        pytest.skip("VILLANI_TEST_DATA is not set: no real corpora here")
    return Path(directory)


@pytest.fixture
def gpt2_directory(tmp_path: Path) -> Callable[..., Path]:
    """Write a small byte-level vocabulary with two merges, "Ġt" and "Ġth"; parts can be replaced or left out."""
    from tokenizers import pre_tokenizers

    def write(**replaced: str | None) -> Path:
        symbols = sorted(pre_tokenizers.ByteLevel.alphabet())
        vocabulary = {symbol: i for i, symbol in enumerate([*symbols, "Ġt", "Ġth", "<|endoftext|>"])}
        files = {"vocab": json.dumps(vocabulary), "merges": "#version: 0.2\nĠ t\nĠt h\n"} | replaced
        folder = tmp_path / "bpe"
        folder.mkdir()
        for stem, content in files.items():
            if content is not None:
                (folder / (stem + (".txt" if stem == "merges" else ".json"))).write_text(content, encoding="utf-8")
        return folder

    return write
