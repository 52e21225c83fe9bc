"""Trains the zoo's small GPT-Neo on the embedded text and writes its config.json and safetensors.

    OMP_NUM_THREADS=1 python scripts/train_gpt_neo_small.py

One thread and addressed random numbers make the run repeatable on one machine; another processor may round
differently. AdamW with decoupled weight decay 0.1 on every tensor, as the landscape decays every tensor.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from villani_verify.corpora import load_tokenizer
from villani_verify.corpora.embedded import embedded_entropy_rate, embedded_text
from villani_verify.landscapes.architectures import gpt_neo_small
from villani_verify.landscapes.models import quiet
from villani_verify.losses import next_token_loss

TARGET = Path(__file__).resolve().parents[1] / "villani_verify" / "landscapes" / "weights" / "gpt-neo-small"
# Seed of the training text; the zoo's landscape and the held-out loss use others.
TRAINING_SEED, HELD_OUT_SEED = 1, 2
LENGTH = 256


def main() -> None:
    """Train, report the held-out loss beside the entropy rate of the text, and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--rows", type=int, default=8, help="rows of 256 bytes in a step")
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--out", type=Path, default=TARGET)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    model: Any = gpt_neo_small().train()
    tokens = load_tokenizer("bytes").encode(embedded_text(60_000, seed=TRAINING_SEED))
    held_out = load_tokenizer("bytes").encode(embedded_text(2_000, seed=HELD_OUT_SEED))
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.learning_rate, betas=(0.9, 0.98), weight_decay=0.1)
    starts = np.random.Generator(np.random.Philox(key=[TRAINING_SEED, 0]))
    began = time.monotonic()
    for step in range(options.steps):
        for group in optimizer.param_groups:
            group["lr"] = options.learning_rate * schedule(step, options.steps)
        rows = starts.integers(0, len(tokens) - LENGTH, options.rows)
        batch = torch.stack([tokens[i : i + LENGTH] for i in rows.tolist()])
        loss = next_token_loss(model(batch, use_cache=False).logits, batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 0 or step == options.steps - 1:
            print(f"step {step:5d}  loss {loss.item():.4f}  {time.monotonic() - began:.0f} s", flush=True)
    model.eval()
    print(
        f"held-out loss {evaluate(model, held_out):.4f} nats a byte on rows of {LENGTH};"
        f" entropy rate of the text {embedded_entropy_rate():.4f}"
    )
    with quiet():
        model.save_pretrained(options.out)
    (options.out / "model.safetensors").chmod(0o644)  # the library writes it for its owner only
    (options.out / "generation_config.json").unlink(missing_ok=True)  # sampling plays no part here


def schedule(step: int, steps: int, *, warm_up: int = 50) -> float:
    """Return the share of the learning rate at `step`: a linear rise, then a half cosine down to zero."""
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (steps - warm_up)))


@torch.no_grad()
def evaluate(model: torch.nn.Module, tokens: Tensor) -> float:
    """Return the mean next-byte loss over consecutive rows."""
    rows = tokens[: len(tokens) // LENGTH * LENGTH].reshape(-1, LENGTH).split(16)
    losses = [(float(next_token_loss(model(r, use_cache=False).logits, r)), len(r)) for r in rows]
    return math.fsum(x * n for x, n in losses) / sum(n for _, n in losses)


if __name__ == "__main__":
    main()
