"""What to type to get the same results, or to measure a witness again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

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


def replay_command(criterion: str) -> str:
    """Return the shell command that measures the witness of a refuted criterion again."""
    return shlex.join(["villani-verify", "replay", "results.json", "--criterion", criterion])


def replay_python(criterion: str) -> str:
    """Return the Python that does so for a landscape that only Python can make."""
    return (
        "import json\nfrom villani_verify.replaying import replay\n\n"
        f'witness = json.load(open("results.json"))["criteria"]["{criterion}"]["witness"]\nprint(replay(witness, landscape))'
    )
