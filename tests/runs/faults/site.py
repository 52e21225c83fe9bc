"""A directory with a plan and orders, where campaigns are started, killed and looked at."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.runs.faults import faulty
from villani_verify.runs.campaign import open_directory
from villani_verify.runs.store import FILE

REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass
class Site:
    """Where a campaign of `units` units runs. Two units a radius: a gradient and an exact Laplacian."""

    root: Path
    units: int = 40
    out: Path = field(init=False)

    def __post_init__(self) -> None:
        self.root.mkdir(exist_ok=True)
        self.out = self.root / "out"
        self.plan = self.root / "plan.toml"
        self.plan.write_text(
            f'landscape = ["isotropic-bowl"]\nradii = {{from = 1.0, to = 100.0, count = {self.units // 2}}}\n', encoding="utf-8"
        )
        self.orders_file = self.root / "orders.json"
        self.order()

    def order(self, **orders: Any) -> None:
        """Say what units do, as `faulty.compute` reads it."""
        new = self.orders_file.with_suffix(".new")
        new.write_text(json.dumps(orders), encoding="utf-8")
        new.replace(self.orders_file)  # a unit may be reading them

    def arguments(self, *more: str) -> list[str]:
        """Return the arguments of the command that begins the campaign, or goes on with it."""
        return ["campaign", str(self.plan), "--out", str(self.out), "--resume", *more]

    def start(self, *more: str) -> subprocess.Popen[str]:
        """Start the command line in an interpreter of its own."""
        environment = os.environ | {faulty.ORDERS: str(self.orders_file), "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [sys.executable, "-m", "tests.runs.faults.faulty", *self.arguments(*more)],
            cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip

    def fork(self, *more: str, first: Callable[[], object] | None = None) -> BaseProcess:
        """Start the command line in a fork of this process, which has imported everything; its output goes to a file."""

        def child() -> None:
            os.environ[faulty.ORDERS] = str(self.orders_file)
            file = os.open(self.root / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(file, 1)
            os.dup2(file, 2)
            sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False, buffering=1)
            if first is not None:
                first()
            sys.exit(faulty.main(self.arguments(*more)))

        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        return process

    def output(self) -> str:
        """Return what the last fork printed."""
        return (self.root / "output").read_text(encoding="utf-8")

    def trace(self) -> list[tuple[str, int, int]]:
        """Return (event, number of the unit, process), in order."""
        file = faulty.trace_of(self.orders_file)
        if not file.exists():
            return []
        rows = (line.split() for line in file.read_text().splitlines())
        return [(event, int(number), int(process)) for event, number, process in rows]

    def ended(self) -> int:
        """Return how often a unit was computed to its end."""
        return sum(event == "ended" for event, _, _ in self.trace())

    def kept(self) -> dict[int, Any]:
        """Return the results that are kept, by number."""
        if not (self.out / FILE).exists():
            return {}
        with open_directory(self.out) as store:
            return {r.number: r.value for r in store.results()}

    def fingerprint(self) -> str:
        """Return the fingerprint of the store."""
        with open_directory(self.out) as store:
            return store.fingerprint()

    def log(self) -> list[dict[str, Any]]:
        """Return what the campaign logged."""
        return [json.loads(line) for line in (self.out / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def until(condition: Callable[[], object], seconds: float = 120.0) -> None:
    """Wait until something is the case; fail if it is not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


def workers_of(coordinator: int) -> list[int]:
    """Return the processes that compute for a coordinator, by Linux's /proc."""
    tasks = Path(f"/proc/{coordinator}/task").glob("*/children")
    children = [int(child) for file in tasks for child in file.read_text().split()]
    return [child for child in children if b"spawn_main" in command_of(child)]


def command_of(process: int) -> bytes:
    """Return the command of a process; nothing where there is none, or it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""
