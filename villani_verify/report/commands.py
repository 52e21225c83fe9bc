"""What to type to get the same results, or to measure a witness again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from villani_verify.landscapes.code import code_in

# Field of the stored request → option of the command line, in the order in which a person would type them.
_OPTIONS = {
    "landscape": "--landscape",
    "model": "--model",
    "dataset": "--dataset",
    "data_dir": "--data-dir",
    "tokenizer": "--tokenizer",
    "split": "--split",
    "sequences": "--sequences",
    "sequence_length": "--sequence-length",
    "weight_decay": "--weight-decay",
    "no_decay": "--no-decay",
    "device": "--device",
    "dtype": "--dtype",
}


def reproduce_command(results: Mapping[str, Any]) -> str:
    """Return a shell command that verifies the same landscape again, or Python where it was made in Python."""
    request = results["landscape"]["request"]
    if request is None:
        arguments = [f'budget="{results["budget"]}"', f"seed={results['seed']}", f'engine="{results["engine"]}"']
        if results["temperatures"]:
            arguments.append(f"temperatures={list(results['temperatures'])}")
        if len(results["criteria"]) < 5:
            arguments.append(f"criteria={list(results['criteria'])}")
        return f"from villani_verify import verify\n\nverify(landscape, {', '.join(arguments)})"
    words = ["villani-verify", "verify"]
    for field, option in _OPTIONS.items():
        value = request.get(field)
        for item in value if isinstance(value, list | tuple) else [value]:
            if item is not None:
                words += [option, str(item)]
    for s in results["temperatures"]:
        words += ["--temperature", repr(s)]
    words += ["--budget", str(results["budget"]), "--seed", str(results["seed"]), "--engine", str(results["engine"])]
    if len(results["criteria"]) < 5:
        words += ["--criteria", ",".join(results["criteria"])]
    return shlex.join(words)


def replay_command(source: str, request: Mapping[str, Any], criterion: str | None = None) -> str:
    """Return the shell command that measures a witness again; it names the Python file that it has to run, if any.

    Args:
        source: results, or a witness as JSON.
        request: for the landscape.
        criterion: which of the refuted ones is meant.
    """
    words = ["villani-verify", "replay", source]
    if criterion is not None:
        words += ["--criterion", criterion]
    if code_in(request.get("landscape")) is not None:
        words += ["--landscape", request["landscape"]]
    return shlex.join(words)


def replay_python(criterion: str) -> str:
    """Return the Python that does so for a landscape that only Python can make."""
    return (
        "import json\nfrom villani_verify.replaying import replay\n\n"
        f'witness = json.load(open("results.json"))["criteria"]["{criterion}"]["witness"]\nprint(replay(witness, landscape))'
    )


def witness_program(witness: Mapping[str, Any], request: Mapping[str, Any] | None) -> str | None:
    """Return a few lines of Python that build a counterexample's points and print s* there, exact up to 2,000 parameters.

    Args:
        witness: of a refuted criterion.
        request: for the landscape; None where only Python can make it, and the lines begin after that.

    Returns:
        None for a witness that is no family of points, or one whose points are listed one by one.
    """
    family = witness.get("family") if witness.get("kind") == "bounded-family" else None
    if family is None or family["type"] == "listed":
        return None
    if family["type"] == "ray":
        name = "Ray"
        made = f"Ray({family['kind']!r}, {family['seed']}, {family['index']}, {family['base']!r}, {family['tensor']!r})"
    else:
        name = "Scaling"
        settled = f", settled={family['settled']}" if family.get("settled") else ""
        made = f"Scaling({dict(family['exponents'])!r}, {tuple(family['zeroed'])!r}{settled})"
    radii = ", ".join(f"{r:g}" if float(f"{r:g}") == r else repr(r) for r in witness["parameters"])
    lines = ["from villani_verify import psi", f"from villani_verify.search.families import {name}"]
    if request is not None:
        lines.insert(1, "from villani_verify.landscapes.request import LandscapeRequest")
        lines.append(f"landscape, family = {_request_expression(request)}.load(), {made}")
    else:
        lines.append(f"family = {made}")
    points = "psi(landscape.at(family.points(landscape)(r))).points[0]"
    lines.append(f"for r in ({radii}): print(r, {points}.critical_temperature)")
    return "\n".join(lines)


def _request_expression(request: Mapping[str, Any]) -> str:
    from villani_verify.landscapes.request import LandscapeRequest

    given = {k: tuple(v) if isinstance(v, list) else v for k, v in request.items()}
    plain = LandscapeRequest()
    return f"LandscapeRequest({', '.join(f'{k}={v!r}' for k, v in given.items() if v != getattr(plain, k, None))})"
