from __future__ import annotations

import os

import pytest
import torch


def pytest_configure(config: pytest.Config) -> None:
    # Before the first import of Triton: without a GPU its kernels are interpreted, slowly, by NumPy.
    if not torch.cuda.is_available():
        os.environ["TRITON_INTERPRET"] = "1"


@pytest.fixture(scope="session")
def device() -> torch.device:
    """The GPU, or where there is none the processor, on which kernels are interpreted."""
    pytest.importorskip("triton", reason="needs Triton, which comes with torch for CUDA; `tox -e kernels` installs it")
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
