"""A dashboard with everything on it, and a headless Chromium that looks at it."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from dashboard.commits import Commits
from dashboard.history import read_history
from dashboard.nightly import read_nightly
from dashboard.output import write_dashboard
from dashboard.page import Inputs, render_page
from dashboard.peers import read_peers
from dashboard.verdicts import read_verdicts

NUM_NIGHTS, SLOWER_FROM = 40, 34


def chromium() -> tuple[str, Any]:
    """Return the program and its driver; skip, or fail where a browser is asked for, if one is missing."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    missing = None if program else "Chromium is missing: apt-get install chromium"
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing = missing or "playwright is missing: pip install -e '.[dev,browser]'"
    if missing:
        (pytest.fail if os.environ.get("VILLANI_NEEDS_BROWSER") else pytest.skip)(missing)
    return str(program), sync_playwright


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    program, start = chromium()
    # As root, as in most containers, Chromium starts only without its sandbox.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with start() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=arguments)
        yield found
        found.close()


class Site:
    """A written dashboard: where its inputs and its page are."""

    def __init__(self, folder: Path) -> None:
        self.results, self.nightly, self.peers = folder / "results", folder / "nightly", folder / "results" / "peers"
        self.repository, self.out = folder / "repository", folder / "out"
        self.newest = datetime.min
        self.server = ""

    @property
    def file(self) -> str:
        return (self.out / "index.html").as_uri()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest, now: datetime) -> Iterator[Site]:
    chromium()  # before the work of building it
    get = request.getfixturevalue
    site = Site(tmp_path_factory.mktemp("site"))
    hashes = get("make_repository")(site.repository, *(f"Commit {k} <of> many" for k in range(NUM_NIGHTS)))
    bench = get("bench_in")(site.results)
    for night, commit in enumerate(hashes):
        measure(bench, commit, night, now)
    site.newest = now
    smoothness = {
        "unexpected": ("refuted", "supported", False),
        "kinked": ("refuted", "refuted", True),
        "a-name-that-is-as-long-as-they-come-in-the-zoo": ("supported", "supported", True),
    }
    verdicts = {name: get("results_of")(name, smoothness=verdict) for name, verdict in smoothness.items()}
    get("write_nightly")(site.nightly, verdicts, commit=hashes[-1], finished=now.isoformat())
    site.peers.mkdir()
    (site.peers / "ci.json").write_text(json.dumps(get("real_comparison")))
    graphs = publish(site)
    commits = Commits(site.repository)
    inputs = Inputs(
        read_history(site.results, commits, aside=[site.peers]), commits, read_nightly(site.nightly),
        read_verdicts(site.nightly), read_peers(site.peers), has_graphs=True,
    )  # fmt: skip
    write_dashboard(site.out, render_page(inputs, now), graphs)
    with serve(site.out) as site.server:
        yield site


def measure(bench: Any, commit: str, night: int, now: datetime) -> None:
    """Two machines of which one becomes slower, and a benchmark that fails in the last night."""
    values = {}
    for landscape, seconds in (("gpt-neo-tiny", 0.0034567891), ("gpt-neo-small", 0.0123456789)):
        values[landscape, "taylor", "cpu"] = seconds * (1 if night < SLOWER_FROM else 1.4)
        values[landscape, "reverse", "cpu"] = 2.9 * seconds
    half = {choice: value / 2 for choice, value in values.items()}
    last = night == NUM_NIGHTS - 1
    measured = now - timedelta(days=NUM_NIGHTS - 1 - night)
    run = functools.partial(bench.run, commit=commit, days_ago=NUM_NIGHTS - 1 - night, measured=measured)
    probe = values | {("gpt-neo-small", "reverse", "cpu"): None} if last else values
    memory = dict.fromkeys(values, 4.5e8)
    ci = {"machine": "ci", "cpu": "AMD EPYC", "num_cpu": "2", "ram": str(2**34)}
    run({bench.probe: probe, bench.sample: half, bench.memory: memory}, **ci)
    run({bench.probe: {("gpt-neo-small", "taylor", "cpu"): 0.00234567891 * (1 if night < 20 else 0.8)}}, machine="workstation")


def publish(site: Site) -> Path:
    """Let asv write its own pages."""
    folder = site.out.parent
    config = {
        "version": 1, "project": "villani-verify", "repo": str(site.repository), "branches": ["main"],
        "environment_type": "existing",
        "results_dir": str(site.results), "html_dir": str(folder / "html"), "env_dir": str(folder / "env"),
    }  # fmt: skip
    (folder / "asv.conf.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "asv", "publish", "--config", str(folder / "asv.conf.json")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "html"


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder as `python -m http.server` does."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *ignored: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def open_page(browser: Any, now: datetime) -> Iterator[Callable[..., Any]]:
    """Open an address with the clock at `now`. Whatever the console says, and any request for elsewhere, fails the test."""
    contexts, complaints = [], []

    def elsewhere(route: Any) -> None:
        if urlsplit(route.request.url).hostname in (None, "127.0.0.1"):
            route.continue_()
        else:
            complaints.append(f"asked for {route.request.url}")
            route.abort()

    def open_page(address: str, *, width: int = 1280, clock: datetime = now, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        context.route("**/*", elsewhere)
        page = context.new_page()
        page.on("console", lambda m: complaints.append(f"{m.type}: {m.text}"))
        page.on("pageerror", lambda e: complaints.append(f"error: {e}"))
        page.on("requestfailed", lambda r: complaints.append(f"failed: {r.url}"))
        page.on("response", lambda r: complaints.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
        page.clock.set_fixed_time(clock)
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
