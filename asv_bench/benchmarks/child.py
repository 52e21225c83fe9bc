"""Runs a module of this package in a process of its own, which sees the very installation that is measured here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def run(*command: str) -> str:
    """Run the interpreter with these arguments and return what it prints.

    Raises:
        RuntimeError: if it fails; says how it ended and the end of what it wrote to standard error.
    """
    import villani_verify

    folder = Path(__file__).resolve().parents[1]
    # asv takes PYTHONPATH out of the environment.
    environment = os.environ | {"PYTHONPATH": str(Path(villani_verify.__file__).resolve().parents[1])}
    done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit status {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


def measured(module: str, *arguments: str) -> dict[str, Any]:
    """Return the JSON object that the module prints last."""
    return dict(json.loads(run("-m", f"{__package__}.{module}", *arguments).splitlines()[-1]))
