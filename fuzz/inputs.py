"""Inputs of a target without coverage: its seeds, and mutants of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from fuzz.mutate import mutant
from fuzz.target import Target


def mutants(target: Target, seeds: Sequence[bytes], seed: object) -> Iterator[bytes]:
    """Iterate over mutants without end, the same ones for the same `seed`."""
    random = Random(f"{target.name} {seed}")
    while True:
        yield mutant(
            random.choice(seeds), random, others=seeds, tokens=target.tokens, structured=target.structured, largest=target.largest
        )
