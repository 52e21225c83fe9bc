from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from villani_verify.landscapes.architectures import gpt_neo_tiny


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny GPT-Neo in a directory, not to be changed."""
    directory = tmp_path_factory.mktemp("models") / "gpt-neo"
    gpt_neo_tiny().save_pretrained(directory)
    return directory


@pytest.fixture
def directory(saved: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(saved, tmp_path / "model"))
