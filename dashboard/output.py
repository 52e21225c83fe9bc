"""The files of the dashboard: those of the night before are replaced, and nobody else's."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from dashboard.graphs import are_graphs, copy_graphs
from villani_verify.errors import OutputError
from villani_verify.files import write_whole

PAGE, GRAPHS = "index.html", "history"
GENERATOR = '<meta name="generator" content="python -m dashboard">'
"""What a page must hold to be taken for an older dashboard."""


def write_dashboard(folder: Path, page: str, graphs: Path | None) -> Path:
    """Write `index.html`, and asv's pages as `history/` beside it.

    Args:
        folder: made if it is missing; an older dashboard in it is replaced, and other files stay.
        page: as `render_page` returns it.
        graphs: asv's `html_dir`; None removes those of an older dashboard.

    Returns:
        The path of `index.html`.

    Raises:
        OutputError: if it cannot be written, or would replace what is no dashboard.
        RequestError: if `graphs` are no pages of asv.
    """
    target, history = folder / PAGE, folder / GRAPHS
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_others(target, history)
        with tempfile.TemporaryDirectory(prefix=".dashboard-", dir=folder) as temporary:
            new, old = Path(temporary) / "new", Path(temporary) / "old"
            if graphs is not None:
                copy_graphs(graphs, new)
            if history.exists():
                history.replace(old)
            if graphs is not None:
                new.replace(history)
            write_whole(target, page)
    except (OSError, shutil.Error) as e:
        why = getattr(e, "strerror", None) or str(e)
        raise OutputError(f"--out {str(folder)!r}: cannot be written ({why}); give a folder you may write to") from e
    return target


def _refuse_others(target: Path, history: Path) -> None:
    if target.exists() and not (target.is_file() and GENERATOR in target.read_text(encoding="utf-8", errors="replace")):
        raise OutputError(f"{str(target)!r}: it is there and is no older dashboard; give --out another folder")
    if history.exists() and not are_graphs(history):
        raise OutputError(f"{str(history)!r}: it is there and holds no pages of asv; give --out another folder")
