from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.runs.faults.site import Site


@pytest.fixture(autouse=True)
def _only_where_processes_can_be_killed() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("kills processes that it finds in /proc")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the fingerprint of a campaign of 40 units that nothing happened to."""
    site = Site(tmp_path_factory.mktemp("undisturbed"))
    process = site.fork()
    process.join()
    assert process.exitcode == 0, site.output()
    assert site.ended() == 40
    return site.fingerprint()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)
