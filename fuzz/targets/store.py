"""The file of a store, as SQLite has it."""

from __future__ import annotations

from fuzz.place import place
from fuzz.target import Target
from fuzz.targets.campaign import look_through, store_bytes, write_settings
from villani_verify.runs.store import FILE


def seeds() -> list[bytes]:
    """Return stores with no, some and all results."""
    return [store_bytes(n) for n in (0, 3, 100)]


def read(data: bytes) -> None:
    """Open it, read everything, and salvage it."""
    with place() as directory:
        (directory / FILE).write_bytes(data)
        write_settings(directory, None)
        look_through(directory)


TARGET = Target(
    "store", "the SQLite file of a campaign", seeds, read,
    tokens=(b"SQLite format 3\0", b"CREATE VIEW about AS SELECT 1", b"CREATE TABLE", b"results", b"units", b'["gradient"'),
)  # fmt: skip
