"""Chains of a large model: what they hold at once, in units of one vector of d numbers."""

from __future__ import annotations

import subprocess
import sys

import pytest

_CHAINS = """
import torch
from villani_verify import Landscape
from villani_verify.theory.langevin.chains import run_chains
from villani_verify.theory.langevin.settings import ChainSettings
from villani_verify.theory.langevin.observables import Observables
d = 10_000_000  # above 32 MiB the C library gives memory back at once
def most():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
def run(size):
    landscape = Landscape.from_function(lambda x: x.square().sum(), size, weight_decay=0.1, initial=torch.ones(size))
    directions = torch.ones(1, size)
    run_chains(landscape, ChainSettings(1.0, 0.1, chains=4, steps=1), Observables(("F", "‖θ‖²", "sum"), directions))
run(10)
before = most()
run(d)
print((most() - before) * 1024 / (4 * d))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
def test_chains_hold_their_states_and_slopes_and_little_else() -> None:
    """The states and slopes of four chains are 8 vectors; θ₀, its copies and the direction make 12, the pass of a chain 14."""
    done = subprocess.run([sys.executable, "-c", _CHAINS], capture_output=True, text=True, check=True)
    assert 12 < float(done.stdout) < 16
