from __future__ import annotations

import re
from pathlib import Path

import asv
import pytest

from dashboard.graphs import VENDOR, are_graphs, copy_graphs, without_servers
from villani_verify.errors import RequestError

WWW = Path(asv.__file__).with_name("www")


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """What marks a folder that asv published."""
    folder = tmp_path / "html"
    folder.mkdir()
    (folder / "index.html").write_text((WWW / "index.html").read_text())
    for name in ("index.json", "info.json", "regressions.json"):
        (folder / name).write_text("{}")
    return folder


def test_the_page_of_the_installed_asv_loads_nothing_from_a_server() -> None:
    before = (WWW / "index.html").read_text()
    after = without_servers(before)
    loaded = re.findall(r'<(?:script|link)\b[^>]*?(?:src|href)="([^"]+)"', after)
    assert loaded
    assert not [name for name in loaded if "//" in name]
    vendored = [name for name in loaded if name.startswith(f"{VENDOR.name}/")]
    assert len(vendored) == len(re.findall(r'(?:src|href)="https://\S+\.(?:js|css)"', before)) == 10
    assert all((VENDOR.parent / name).is_file() for name in vendored)
    assert "integrity=" not in after
    assert after.count("js_load_failure()") == before.count("js_load_failure()")


def test_the_libraries_are_those_that_asv_asks_for() -> None:
    import base64
    import hashlib

    page = (WWW / "index.html").read_text()
    same = set()
    for path in VENDOR.iterdir():
        for name in ("sha256", "sha512"):
            digest = base64.b64encode(hashlib.new(name, path.read_bytes()).digest()).decode()
            if f'integrity="{name}-{digest}"' in page:
                same.add(path.name)
    # flot is not minified here, and stupidtable is a later version: LICENCES.md says so.
    assert same == {"bootstrap.min.css", "bootstrap.min.js", "jquery-3.3.1.min.js", "jquery.flot.orderBars.js", "md5.min.js"}


def test_a_library_that_is_not_here_is_an_error() -> None:
    with pytest.raises(RequestError, match=r"asv's pages load 'new\.min\.js', which is not in"):
        without_servers('<script src="https://example.org/new.min.js"></script>')


def test_links_for_readers_stay() -> None:
    link = '<a href="https://github.com/airspeed-velocity/asv/">asv</a>'
    assert without_servers(link) == link


def test_a_copy_has_its_libraries_and_leaves_the_source_alone(published: Path, tmp_path: Path) -> None:
    before = (published / "index.html").read_text()
    copy_graphs(published, tmp_path / "copy")
    assert are_graphs(tmp_path / "copy")
    assert (tmp_path / "copy" / "vendor" / "md5.min.js").read_bytes() == (VENDOR / "md5.min.js").read_bytes()
    assert "https://code.jquery.com" not in (tmp_path / "copy" / "index.html").read_text()
    assert (published / "index.html").read_text() == before
    copy_graphs(tmp_path / "copy", tmp_path / "again")
    assert are_graphs(tmp_path / "again")


def test_another_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no pages of asv; run `asv publish`"):
        copy_graphs(tmp_path, tmp_path / "copy")
