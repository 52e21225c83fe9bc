"""asv's own pages, made to work without a network: they ask three servers for libraries, which are here in `vendor/`."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from villani_verify.errors import RequestError

VENDOR = Path(__file__).with_name("vendor")
_TAG = re.compile(r'(<(?:script|link)\b[^>]*?\b(?:src|href)=")https?://[^"]*/([^"/]+)"([^>]*>)')
# The copy need not be guarded against the server it came from.
_GUARDS = re.compile(r'\s+(?:integrity|crossorigin|referrerpolicy)="[^"]*"')


def are_graphs(folder: Path) -> bool:
    """Say whether a folder is what `asv publish` writes."""
    return all((folder / name).is_file() for name in ("index.html", "index.json", "info.json", "regressions.json"))


def copy_graphs(source: Path, target: Path) -> None:
    """Copy what `asv publish` wrote, with the libraries that it loads.

    Args:
        source: asv's `html_dir`.
        target: must not exist yet.

    Raises:
        RequestError: if the source is something else, or asks for a library that is not here.
        OSError: if it cannot be copied.
    """
    if not are_graphs(source):
        raise RequestError(f"--history {str(source)!r}: these are no pages of asv; run `asv publish` and give its html_dir")
    shutil.copytree(source, target)
    page = target / "index.html"
    page.write_text(without_servers(page.read_text(encoding="utf-8")), encoding="utf-8")
    shutil.copytree(VENDOR, target / VENDOR.name, dirs_exist_ok=True)


def without_servers(page: str) -> str:
    """Return asv's page with its libraries taken from `vendor/`.

    Raises:
        RequestError: if one is not there.
    """
    return _TAG.sub(lambda m: f'{m[1]}{VENDOR.name}/{_local(m[2])}"{_GUARDS.sub("", m[3])}', page)


def _local(name: str) -> str:
    # Where the registry has no minified copy, the readable one is here.
    for candidate in (name, name.replace(".min.", ".")):
        if (VENDOR / candidate).is_file():
            return candidate
    raise RequestError(
        f"asv's pages load {name!r}, which is not in {str(VENDOR)!r}; use the asv of pyproject.toml, or put it there"
    )
