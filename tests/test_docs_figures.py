"""Every figure of docs/ is drawn by the code beside it, is shown by one page, and can be read."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
FIGURES = sorted((DOCS / "figures").glob("*.py"))


@pytest.fixture(autouse=True)
def own_figures() -> Iterator[None]:
    with mpl.rc_context({"backend": "agg"}):
        yield
        plt.close("all")


@pytest.mark.parametrize("file", FIGURES, ids=lambda file: file.stem)
def test_a_figure_is_drawn_with_labels_a_legend_and_numbers(file: Path) -> None:
    runpy.run_path(str(file))
    assert len(plt.get_fignums()) == 1
    axes = plt.gcf().axes
    assert axes[-1].get_xlabel()
    for each in axes:
        legend = each.get_legend()
        assert each.get_ylabel() or legend is not None
        assert legend is not None
        assert legend.get_texts()
        for line in each.lines:
            assert np.isfinite(np.asarray(line.get_ydata(), dtype=float)).any()


@pytest.mark.parametrize("file", FIGURES, ids=lambda file: file.stem)
def test_a_figure_is_shown_by_one_page(file: Path) -> None:
    showing = [page.name for page in DOCS.glob("*.md") if f".. plot:: figures/{file.name}\n" in page.read_text()]
    assert len(showing) == 1, showing


def test_there_are_figures() -> None:
    assert FIGURES
