"""Probe a language model whose parameters stay in their files, and measure the memory this takes beyond the interpreter's own."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from villani_verify.curvature.second_order_taylor import SecondOrderTaylor
from villani_verify.environment import peak_memory_bytes
from villani_verify.landscapes.architectures import gpt_neo_125m
from villani_verify.landscapes.stored import stored_causal_lm


def main() -> None:
    """Save the model once, and measure in processes of their own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="directory of the model; default GPT-Neo-125M with random parameters")
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--probes", type=int, default=8)
    parser.add_argument("--child", choices=["nothing", "stored", "loaded"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        directory = options.model or scratch
        if not options.model:
            gpt_neo_125m().save_pretrained(scratch)
        found = {name: child(name, directory, options) for name in ("nothing", "stored", "loaded")}
    own = found["nothing"]["peak"]
    print(f"interpreter with torch and transformers: {own / 1e9:.2f} GB")
    for name in ("stored", "loaded"):
        row = found[name]
        print(f"{name}: {(row['peak'] - own) / 1e9:.2f} GB beyond that, {row['seconds']:.2f} s a probe, forms {row['forms'][:3]}")


def child(name: str, directory: str, options: argparse.Namespace) -> dict:
    """Measure in a fresh process."""
    command = [sys.executable, __file__, "--child", name, "--model", directory]
    command += ["--tokens", str(options.tokens), "--probes", str(options.probes)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def measure(options: argparse.Namespace) -> dict:
    """Return the peak, the forms and seconds a probe."""
    from transformers.models.gpt_neo import modeling_gpt_neo  # noqa: F401  what any use of the model imports

    torch.ones(64, 64) @ torch.ones(64, 64)
    forms: list[float] = []
    seconds = 0.0
    if options.child != "nothing":
        tokens = torch.randint(256, (1, options.tokens), generator=torch.Generator().manual_seed(0))
        landscape = stored_causal_lm(Path(options.model), tokens)
        point = landscape.initial if options.child == "stored" else dict(landscape.initial)
        started = time.perf_counter()
        forms = SecondOrderTaylor().quadratic_forms(landscape, point, seed=0, indices=range(options.probes))
        seconds = (time.perf_counter() - started) / options.probes
    return {"peak": peak_memory_bytes(torch.device("cpu")), "forms": forms, "seconds": seconds}


if __name__ == "__main__":
    main()
