from __future__ import annotations

from pathlib import Path

import pytest

from dashboard import output
from dashboard.output import GENERATOR, write_dashboard
from villani_verify.errors import OutputError, RequestError

PAGE = f"<!doctype html>{GENERATOR}"


@pytest.fixture
def published(tmp_path: Path) -> Path:
    folder = tmp_path / "html"
    folder.mkdir()
    for name in ("index.html", "index.json", "info.json", "regressions.json"):
        (folder / name).write_text("old")
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file() and "vendor" not in p.parts}


def test_an_older_dashboard_is_replaced_and_other_files_stay(published: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    assert write_dashboard(out, PAGE + "old", published) == out / "index.html"
    (out / "robots.txt").write_text("mine")
    (published / "info.json").write_text("new")
    (published / "graphs.json").write_text("new")
    write_dashboard(out, PAGE + "new", published)
    assert contents(out) == {
        "index.html": PAGE + "new", "robots.txt": "mine", "history/graphs.json": "new", "history/index.html": "old",
        "history/index.json": "old", "history/info.json": "new", "history/regressions.json": "old",
    }  # fmt: skip


def test_graphs_of_an_older_dashboard_go_when_there_are_none(published: Path, tmp_path: Path) -> None:
    write_dashboard(tmp_path / "out", PAGE, published)
    write_dashboard(tmp_path / "out", PAGE, None)
    assert contents(tmp_path / "out") == {"index.html": PAGE}
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["index.html"]


def test_graphs_may_have_been_published_in_place(published: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    published.rename(out / "history")
    write_dashboard(out, PAGE, out / "history")
    assert (out / "history" / "vendor" / "md5.min.js").is_file()


@pytest.mark.parametrize("name", ["index.html", "history/notes.txt"])
def test_what_is_no_dashboard_is_never_replaced(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    with pytest.raises(OutputError, match=r"it is there and .*give --out another folder"):
        write_dashboard(tmp_path, PAGE, None)
    assert contents(tmp_path) == {name: "mine"}


def test_wrong_graphs_leave_the_older_dashboard_whole(published: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_dashboard(out, PAGE + "old", published)
    before = contents(out)
    with pytest.raises(RequestError, match="no pages of asv"):
        write_dashboard(out, PAGE + "new", tmp_path)
    assert contents(out) == before


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match=r"file': cannot be written \(File exists\)"):
        write_dashboard(tmp_path / "file", PAGE, None)

    def full(*ignored: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output, "write_whole", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_dashboard(tmp_path / "out", PAGE, None)
    assert list((tmp_path / "out").iterdir()) == []
