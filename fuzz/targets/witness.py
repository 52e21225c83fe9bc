"""A witness, and results with one, which `replay` measures again."""

from __future__ import annotations

import dataclasses
import json

from fuzz.place import place
from fuzz.target import Target
from fuzz.targets.verified import SUBJECT, kink, verified
from villani_verify.cli.options import LandscapeOptions
from villani_verify.cli.replay import replay

# The landscape is always this one: a request may ask for any amount of work, or for a file of code, which is then run.
_OPTIONS = {f.name: f.default for f in dataclasses.fields(LandscapeOptions)} | {"landscape": SUBJECT}


def seeds() -> list[bytes]:
    """Return each witness alone, and results with all of them but little else."""
    rows = {name: row for name, row in verified()["criteria"].items() if row["witness"] is not None}
    alone = [json.dumps(row["witness"]).encode() for row in rows.values()]
    alone.append(json.dumps(kink()["criteria"]["smoothness"]["witness"]).encode())
    small = verified() | {"criteria": {name: {"witness": row["witness"]} for name, row in rows.items()}}
    ray = {"type": "ray", "kind": "sparse", "seed": 0, "index": 1, "base": "initial", "tensor": None}
    slow = {
        "kind": "slow-growth", "criterion": "quadratic_growth", "sentence": "s", "family": ray, "level": 0.99,
        "parameters": [1.0, 10.0, 100.0], "claimed": [{"radius": 1.0, "value": 1.0}], "tube_seed": 3,
    }  # fmt: skip
    return [*alone, json.dumps(slow).encode(), json.dumps(small).encode()]


def read(data: bytes) -> None:
    """Measure it again, on a landscape of two parameters."""
    with place() as directory:
        path = directory / "results.json"
        path.write_bytes(data)
        replay(source=str(path), criterion=None, seed=1, engine="auto", json_target=None, **_OPTIONS)


TARGET = Target("witness", "a witness, for replay", seeds, read, structured=True)
