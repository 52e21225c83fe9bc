"""From a counterexample to one line that anybody can paste to measure it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from villani_verify.landscape import Landscape
from villani_verify.verification import strict_json


class Counterexample(AssertionError):
    """A drawn example refutes what was to hold.

    The pytest plugin prints `replay_line` in a section of its own, where nothing is put before it.

    Attributes:
        replay_line: the line to paste.
    """

    def __init__(self, summary: str, replay_line: str) -> None:
        super().__init__(summary)
        self.replay_line = replay_line


def report_witness(witness: Mapping[str, Any], landscape: Landscape, summary: str) -> NoReturn:
    """Fail the running property with a counterexample that can be replayed.

    Args:
        witness: as `villani_verify.replay` takes it.
        landscape: on which it was found.
        summary: what was found, in a sentence with the numbers.

    Raises:
        Counterexample: always.
    """
    raise Counterexample(f"{landscape.name}: {summary}", replay_line(witness, landscape))


def replay_line(witness: Mapping[str, Any], landscape: Landscape) -> str:
    """Return `villani-verify replay '…'` with the witness and the request for its landscape as JSON.

    A landscape made in Python has no request; the line is then a Python expression in which the caller's own
    `landscape` stands.
    """
    from villani_verify.report.commands import replay_command

    if landscape.request is None:
        return f"villani_verify.replay({strict_json(_short(witness))!r}, landscape)"
    inline = _short(witness) | {"request": dict(landscape.request)}
    return replay_command(json.dumps(strict_json(inline)), landscape.request)


def _short(witness: Mapping[str, Any]) -> dict[str, Any]:
    """Keep of each claimed point only what a replay shows beside the new number, so that the line stays short."""
    short = dict(witness)
    if short.get("kind") == "bounded-family":
        short["claimed"] = [{"critical_temperature": {"value": p["critical_temperature"]["value"]}} for p in short["claimed"]]
    return short
