"""The pytest plugin that this package installs: chooses the properties' landscape, prints how to replay failures, keeps statistics.

    pytest properties --villani-landscape gpt-neo-small
    pytest properties --villani-model path/to/model --villani-dataset ptb --villani-data-dir path/to/data
    pytest properties --villani-statistics statistics.json

Importing it is cheap: torch and the package's own modules are imported when a landscape is asked for.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from villani_verify.errors import VillaniError, one_line

if TYPE_CHECKING:
    from villani_verify.landscape import Landscape

# Option → (keyword of LandscapeRequest, conversion, help). Those that choose the subject come first.
_SUBJECT: Mapping[str, tuple[str, type, str]] = {
    "--villani-landscape": ("landscape", str, "a zoo name, or path/to/file.py:factory"),
    "--villani-model": ("model", str, "a Hugging Face causal language model: a name or a directory"),
    "--villani-dataset": ("dataset", str, "ptb, wikitext-2, wikitext-103, embedded, or a text file"),
    "--villani-data-dir": ("data_dir", str, "directory with the data sets, where the hub is not reachable"),
    "--villani-tokenizer": ("tokenizer", str, "tokenizer: a name or a directory"),
    "--villani-sequences": ("sequences", int, "number of sequences"),
    "--villani-sequence-length": ("sequence_length", int, "tokens in a sequence"),
    "--villani-weight-decay": ("weight_decay", float, "λ"),
}
_MACHINE: Mapping[str, tuple[str, type, str]] = {
    "--villani-device": ("device", str, "cpu, cuda, cuda:N or auto; with cuda each xdist worker takes a device of its own"),
    "--villani-dtype": ("dtype", str, "float64 or float32"),
}
_LANDSCAPE = pytest.StashKey["Landscape"]()
_RUNS = pytest.StashKey[list[Any]]()
_BEGAN = pytest.StashKey[float]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that say which landscape to test."""
    group = parser.getgroup("villani-verify", "Villani's criteria (villani-verify)")
    for option, (keyword, kind, text) in {**_SUBJECT, **_MACHINE}.items():
        group.addoption(option, dest=f"villani_{keyword}", type=kind, default=None, help=text)
    group.addoption(
        "--villani-no-decay", dest="villani_no_decay", action="append", default=[], metavar="PATTERN",
        help="parameters with λ = 0, such as '*.bias'; may be repeated",
    )  # fmt: skip
    group.addoption("--villani-seed", dest="villani_seed", type=int, default=0, help="seed of the probes (default 0)")
    group.addoption(
        "--villani-minutes", dest="villani_minutes", type=float, default=None, metavar="M",
        help="begin no test after M minutes, and begin with another test each day, so that each has its turn",
    )  # fmt: skip
    group.addoption(
        "--villani-statistics", dest="villani_statistics", type=Path, default=None, metavar="FILE",
        help="write examples, events and targets of each property to this JSON file",
    )  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Give each xdist worker a share of the cores and a device of its own, before anything can import torch."""
    workers = os.environ.get("PYTEST_XDIST_WORKER_COUNT")
    if workers is not None:
        # Threads of several workers that wait for each other's cores make small tensors forty times slower.
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(workers))))
    if getattr(early_config.known_args_namespace, "villani_device", None) != "cuda":
        return
    device = device_of_worker(os.environ.get("PYTEST_XDIST_WORKER"), visible_devices(os.environ, _number_of_devices()))
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers, and make the profiles known before Hypothesis looks for one."""
    config.addinivalue_line("markers", "gpu: needs a CUDA device; skipped, with the reason, where there is none")
    config.addinivalue_line("markers", "slow: takes more than a few seconds; leave out with -m 'not slow'")
    if config.getoption("--hypothesis-profile", None):
        from villani_verify.testing.profiles import register_profiles

        try:
            register_profiles()
        except VillaniError as error:
            raise pytest.UsageError(one_line(error)) from None
    minutes = config.getoption("villani_minutes")
    if minutes is not None and not minutes > 0:
        raise pytest.UsageError(f"--villani-minutes {minutes:g}: it is not a positive number; give one such as 10")
    path = config.getoption("villani_statistics")
    # Workers hand theirs to the controller, which writes.
    if path is not None and not hasattr(config, "workerinput"):
        from villani_verify.testing.statistics import check_writable

        try:
            check_writable(path)
        except VillaniError as error:
            raise pytest.UsageError(one_line(error)) from None
        config.pluginmanager.register(StatisticsFile(path), "villani-statistics")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Load the landscape that was asked for, so that a wrong request ends the run with one line and status 4."""
    config = session.config
    # A worker's controller has loaded it already: loading again in each worker can wait until a test wants it.
    if not chooses_landscape(config) or hasattr(config, "workerinput"):
        return
    try:
        landscape = load_landscape(config)
    except VillaniError as error:
        raise pytest.UsageError(one_line(error)) from None
    if config.getoption("dist", "no") == "no":
        config.stash[_LANDSCAPE] = landscape


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with another test each day where not all may have their time."""
    if config.getoption("villani_minutes") is not None and items:
        first = datetime.now(UTC).date().toordinal() % len(items)
        items[:] = [*items[first:], *items[:first]]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests marked `gpu` where there is no CUDA device, and all once the time is over."""
    minutes = item.config.getoption("villani_minutes")
    began = item.config.stash.setdefault(_BEGAN, time.monotonic())
    if minutes is not None and time.monotonic() - began > 60 * minutes:
        pytest.skip(f"--villani-minutes {minutes:g} are over; another day begins with another test")
    if item.get_closest_marker("gpu") is None:
        return
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device, and torch.cuda.is_available() is False here")


# Innermost, so that Hypothesis' own collector is known.
@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Collect the statistics of properties, and let `--hypothesis-show-statistics` print those that run in plain functions."""
    if "hypothesis" not in sys.modules:
        return (yield)
    from villani_verify.testing.statistics import collecting

    def show(description: str) -> None:
        # Where Hypothesis' plugin looks for what it prints.
        item.hypothesis_statistics = f"{item.nodeid}:\n\n{description}"  # type: ignore[attr-defined]

    with collecting(item.stash.setdefault(_RUNS, []).append, show):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Put the line that replays a counterexample into a section of its own, and hand the statistics over."""
    report = yield
    if report.when == "call" and item.stash.get(_RUNS, []) and item.config.getoption("villani_statistics") is not None:
        from villani_verify.testing.statistics import row

        # Plain values, which xdist carries from a worker to the controller.
        report.villani_statistics = [row(item.nodeid, report.outcome, run) for run in item.stash[_RUNS]]
    if call.excinfo is not None and report.when == "call" and report.failed:
        report.sections += [("replay this counterexample", line) for line in replay_lines(call.excinfo.value)]
    return report


class StatisticsFile:
    """Gathers the statistics of all properties, from all workers, and writes them at the end."""

    def __init__(self, path: Path) -> None:
        """Take the file."""
        self._path = path
        self._rows: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take those of one test."""
        self._rows += getattr(report, "villani_statistics", [])

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        from villani_verify.testing.statistics import write_statistics

        write_statistics(self._path, self._rows)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say where it is."""
        terminalreporter.write_line(f"statistics of {len(self._rows)} properties: {self._path}")


@pytest.fixture(scope="session")
def villani_landscape(request: pytest.FixtureRequest) -> Landscape:
    """The landscape of the `--villani-…` options; without them the default one, or the zoo entry of an indirect parameter."""
    config = request.config
    if _LANDSCAPE in config.stash:
        return config.stash[_LANDSCAPE]
    try:
        return load_landscape(config, name=getattr(request, "param", None))
    except VillaniError as error:
        pytest.fail(one_line(error), pytrace=False)


@pytest.fixture(scope="session")
def villani_seed(request: pytest.FixtureRequest) -> int:
    """The seed of `--villani-seed`, for probes; what Hypothesis draws follows `--hypothesis-seed`."""
    return int(request.config.getoption("villani_seed"))


def chooses_landscape(config: pytest.Config) -> bool:
    """Say whether the options name a subject, rather than only a device, a dtype or a seed for the usual ones."""
    chosen = [config.getoption(f"villani_{keyword}") for keyword, _, _ in _SUBJECT.values()]
    return any(value is not None for value in chosen) or bool(config.getoption("villani_no_decay"))


def load_landscape(config: pytest.Config, *, name: str | None = None) -> Landscape:
    """Load the landscape of the options.

    Args:
        config: with the options.
        name: zoo entry to take if the options name no subject.

    Raises:
        VillaniError: if it cannot be loaded.
    """
    from villani_verify.landscapes.request import LandscapeRequest

    wanted: dict[str, Any] = {"no_decay": tuple(config.getoption("villani_no_decay"))}
    for keyword, _, _ in (*_SUBJECT.values(), *_MACHINE.values()):
        value = config.getoption(f"villani_{keyword}")
        if value is not None:
            wanted[keyword] = value
    if name is not None and not chooses_landscape(config):
        wanted["landscape"] = name
    return LandscapeRequest(**wanted).load()


def visible_devices(environment: Mapping[str, str], installed: int) -> list[str]:
    """Return the CUDA devices that the caller may use, as CUDA_VISIBLE_DEVICES lists them; all if it is not set."""
    listed = environment.get("CUDA_VISIBLE_DEVICES")
    if listed is None:
        return [str(i) for i in range(installed)]
    entries: list[str] = []
    for entry in (e.strip() for e in listed.split(",")):
        # CUDA reads the list up to the first entry that is no device.
        if not entry or entry.startswith("-"):
            break
        entries.append(entry)
    return entries


def device_of_worker(worker: str | None, devices: Sequence[str]) -> str | None:
    """Return the entry of `devices` for the xdist worker "gwN", which is entry N modulo their number.

    None for the controller, outside xdist, and where there is no device.
    """
    match = re.fullmatch(r"gw(\d+)", worker or "")
    return devices[int(match[1]) % len(devices)] if match and devices else None


def replay_lines(error: BaseException) -> list[str]:
    """Return the lines that replay the counterexamples in an exception, also where several are grouped."""
    if isinstance(error, BaseExceptionGroup):
        return [line for part in error.exceptions for line in replay_lines(part)]
    line = getattr(error, "replay_line", None)
    return [line] if isinstance(line, str) else []


def _number_of_devices() -> int:
    # The driver's device files: counting with torch or NVML would initialise them for the wrong set.
    return len(list(Path("/dev").glob("nvidia[0-9]*")))
