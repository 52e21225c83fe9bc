"""Landscapes whose verdicts are known: formulae with proofs, and small transformers.

`ZOO` maps names to entries; `zoo_entry` looks one up. Importing this is cheap: no model is built, and no model
library imported, before an entry's `make` is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

from villani_verify.errors import RequestError
from villani_verify.landscapes.zoo.analytic import ANALYTIC
from villani_verify.landscapes.zoo.entry import CRITERION_NAMES, ZooEntry
from villani_verify.landscapes.zoo.transformers import TRANSFORMER_ENTRIES

__all__ = ["CRITERION_NAMES", "ZOO", "ZooEntry", "zoo_entry"]

ZOO: Mapping[str, ZooEntry] = MappingProxyType({entry.name: entry for entry in (*ANALYTIC, *TRANSFORMER_ENTRIES)})


def zoo_entry(name: str) -> ZooEntry:
    """Return the entry called `name`.

    Args:
        name: one of the keys of `ZOO`, such as "double-well".

    Raises:
        RequestError: if there is none; the message names the nearest ones.
    """
    if name in ZOO:
        return ZOO[name]
    close = get_close_matches(name, ZOO, n=3, cutoff=0.5)
    remedy = f"did you mean {' or '.join(map(repr, close))}?" if close else "`villani-verify zoo` lists them all"
    raise RequestError(f"landscape {name!r}: the zoo has none of that name; {remedy}")
