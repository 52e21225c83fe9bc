"""Measure how the cost of a sample of ΔL grows with the number of tokens and of layers: slopes of log seconds."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence

import numpy as np
import torch
from transformers import AutoModelForCausalLM

from villani_verify.cli.allocator import keep_freed_memory
from villani_verify.curvature.second_order_taylor import SecondOrderTaylor
from villani_verify.landscape import Landscape
from villani_verify.landscapes.architectures import gpt_neo_config

VOCABULARY = 256  # so small that the head's cost, which no layer adds to, hardly counts


def main() -> None:
    """Print seconds a sample for each size and the slopes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, nargs="+", default=[64, 128, 256, 640])
    parser.add_argument("--layers", type=int, nargs="+", default=[2, 4, 8, 20])
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--probes", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    keep_freed_memory()
    depth, length = 4, 128
    report("tokens", options.tokens, [landscape(depth, n, options.width) for n in options.tokens], options)
    report("layers", options.layers, [landscape(n, length, options.width) for n in options.layers], options)


def landscape(layers: int, tokens: int, width: int) -> Landscape:
    """Return a GPT-Neo of random initialisation on random tokens."""
    torch.manual_seed(0)
    config = gpt_neo_config(
        vocab_size=VOCABULARY, hidden_size=width, num_heads=width // 64, pairs=layers // 2, window=256, positions=max(tokens, 128)
    )
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    return Landscape.causal_lm(model, torch.randint(VOCABULARY, (1, tokens)))


def report(what: str, sizes: Sequence[int], landscapes: Sequence[Landscape], options: argparse.Namespace) -> None:
    """Time the landscapes in turn and print medians and the slope."""
    engine = SecondOrderTaylor()
    seconds: list[list[float]] = [[] for _ in sizes]
    for turn in range(options.rounds + 1):
        for i, subject in enumerate(landscapes):
            started = time.perf_counter()
            engine.laplacian_samples(subject, subject.initial, seed=turn, indices=range(options.probes))
            if turn:  # the first call exports and touches memory
                seconds[i].append((time.perf_counter() - started) / options.probes)
    medians = [statistics.median(row) for row in seconds]
    for size, median in zip(sizes, medians, strict=True):
        print(f"{size:5} {what}: {median:.4f} s a sample")
    slope = float(np.polyfit(np.log(sizes), np.log(medians), 1)[0])
    print(f"slope of log seconds in log {what}, {sizes[0]} to {sizes[-1]}: {slope:.2f}")


if __name__ == "__main__":
    main()
