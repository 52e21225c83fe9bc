"""A results file, of which `report` makes a page; without evidence, so that no figure costs time."""

from __future__ import annotations

import json

from fuzz.place import place
from fuzz.target import Target
from fuzz.targets.verified import kink, verified
from villani_verify.cli.report import report


def seeds() -> list[bytes]:
    """Return results with witnesses of every kind, and of one."""
    found = []
    for results in (verified() | {"criteria": verified()["criteria"] | kink()["criteria"]}, kink()):
        bare = json.loads(json.dumps(results))
        for row in bare["criteria"].values():
            row["evidence"] = {}
        found.append(json.dumps(bare).encode())
    return found


def read(data: bytes) -> None:
    """Write the report again."""
    with place() as directory:
        path = directory / "results.json"
        path.write_bytes(data)
        report(path, directory / "out")


TARGET = Target("results", "results.json, for report", seeds, read, structured=True, largest=1 << 18)
