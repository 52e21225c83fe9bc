"""The process that runs a target: `python -m fuzz.child TARGET SECONDS SEED DIRECTORY`, started and watched by `fuzz.watch`.

It notes each input before it is read, so that the watcher has the one that kills it. Findings that are exceptions are kept,
and it goes on.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

SECONDS_OF_AN_INPUT = 10
MEMORY = 1 << 30
"""Bytes above what the process has once it has read its seeds."""

try:
    import atheris
except ImportError:
    atheris = None


def _target(name: str) -> Any:
    # Coverage is of this package; the libraries below it are taken as they are.
    with atheris.instrument_imports(include=["villani_verify"]) if atheris is not None else contextlib.nullcontext():
        return importlib.import_module("fuzz.targets").TARGETS[name]()


def main(name: str, seconds: float, seed: int, directory: Path) -> None:
    """Run a target for a while; counts go to `stats.json`, findings to files beside it."""
    # What is printed about a refusal is not looked at, and would fill the log.
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    target = _target(name)
    from fuzz.minimise import minimised
    from fuzz.mutate import mutant
    from fuzz.target import Hang, finding

    current, stats = directory / "current", {"executions": 0, "findings": 0, "peak_bytes": 0}
    known = {p.read_text(encoding="utf-8").splitlines()[0] for p in directory.glob("finding-*.txt")}
    seeds = target.seeds()
    for data in seeds:
        current.write_bytes(data)
        _note(finding(target, data), data, known, directory, lambda smaller, key: False, minimised)
    earlier = [path.read_bytes() for path in sorted((directory / "earlier").glob("*.bin"))]
    before = _peak()
    limited = contextlib.ExitStack()
    limited.enter_context(memory_limited(MEMORY))
    end = time.monotonic() + seconds

    def too_long(number: int, frame: FrameType | None) -> None:
        raise Hang(f"more than {SECONDS_OF_AN_INPUT} s")

    signal.signal(signal.SIGALRM, too_long)

    def timed(data: bytes) -> Any:
        signal.setitimer(signal.ITIMER_REAL, SECONDS_OF_AN_INPUT)
        try:
            return finding(target, data)
        except Hang:  # between the input's end and the timer's
            return None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def again(smaller: bytes, key: str) -> bool:
        current.write_bytes(smaller)
        found = timed(smaller)
        return found is not None and found.key == key

    def one(data: bytes) -> None:
        current.write_bytes(data)
        found = timed(data)
        stats["executions"] += 1
        stats["findings"] += _note(found, data, known, directory, again, minimised)
        stats["peak_bytes"] = _peak() - before
        if stats["executions"] % 20 == 0 or found is not None:
            (directory / "stats.json").write_text(json.dumps(stats))
        if time.monotonic() > end:
            (directory / "stats.json").write_text(json.dumps(stats))
            (directory / "finished").touch()
            os._exit(0)

    random = Random(f"{name} {seed}")

    def mutate(data: bytes, largest: int, drawn: int) -> bytes:
        own = Random(drawn)
        if atheris is not None and not target.structured and own.random() < 0.5:
            return bytes(atheris.Mutate(data, largest))
        return mutant(
            data, own, others=seeds, tokens=target.tokens, structured=target.structured, largest=min(largest, target.largest)
        )

    for data in earlier:
        one(data)
    if atheris is None:
        while True:
            one(mutate(random.choice(seeds), target.largest, random.getrandbits(32)))
    corpus = directory / "corpus"
    corpus.mkdir(exist_ok=True)
    for i, data in enumerate(seeds):
        (corpus / f"seed-{i}").write_bytes(data)
    # Time and memory are watched here, in the same way with and without atheris.
    options = [str(corpus), f"-seed={seed + 1}", f"-max_len={target.largest}", "-timeout=0", "-rss_limit_mb=0", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *options], one, custom_mutator=mutate)
    atheris.Fuzz()


def _note(
    found: Any, data: bytes, known: set[str], directory: Path, again: Callable[[bytes, str], bool], minimised: Callable[..., bytes]
) -> int:
    """Keep a finding that is new, and say whether it was."""
    if found is None or found.key in known:
        return 0
    known.add(found.key)
    path = directory / f"finding-{len(known)}.txt"
    path.write_text(f"{found.key}\n{found.text}", encoding="utf-8", errors="replace")
    path.with_suffix(".bin").write_bytes(data)
    path.with_suffix(".bin").write_bytes(minimised(data, lambda smaller: again(smaller, found.key), seconds=15))
    return 1


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextlib.contextmanager
def memory_limited(more: int) -> Iterator[None]:
    """Let this process have so many bytes more than it has; what asks for more fails."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
