"""The TOML file of a campaign."""

from __future__ import annotations

import contextlib
import itertools

from fuzz.place import place
from fuzz.target import Target
from villani_verify.runs.plan import read_plan, settings_of, units_of
from villani_verify.runs.unit import canonical

_SMALL = b"""landscape = ["double-well", "gpt-neo-tiny"]
weight_decay = [0.01, 0.1]
temperature = 1.0
directions = ["isotropic", "sign"]
rays = 3
base = "initial"
radii = {from = 1, to = 100.0, count = 5}
probes = 64
probes_per_unit = 16
engine = "taylor"
seed = 7
level = 0.99
"""
_TABLES = b"""radii = [1, 10.0, 1e2]
criteria = ["smoothness", "gaussian_tails"]
budget = "standard"
seeds = [0, 1]
threads = 2
device = "cpu"

[[landscape]]
model = "some/model"
dataset = "text.txt"
no_decay = ["*.bias"]
sequences = 4
sequence_length = 32
dtype = "float32"
"""


def seeds() -> list[bytes]:
    """Return plans with every entry."""
    return [_SMALL, _TABLES]


def read(data: bytes) -> None:
    """Read it, and count what follows."""
    with place() as directory:
        path = directory / "plan.toml"
        path.write_bytes(data)
        plan = read_plan(path)
    described = settings_of(plan, ())
    canonical(described)
    plan.exact(10**6)
    list(itertools.islice(plan.ranges(), 100))
    if plan.count() <= 10_000:
        with contextlib.suppress(StopIteration):
            next(units_of(described))


TARGET = Target(
    "plan", "the TOML file of a campaign", seeds, read,
    tokens=(b"[[landscape]]\n", b"probes = ", b"radii = ", b"{from = 1, to = 2, count = 3}", b"9" * 400,
        b"1979-05-27", b"nan", b"\"\"\""),
    largest=262_144,
)  # fmt: skip
