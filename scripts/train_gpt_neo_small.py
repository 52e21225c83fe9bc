"""Trains the zoo's small GPT-Neo on the embedded text and writes its config.json and safetensors.

    OMP_NUM_THREADS=1 python scripts/train_gpt_neo_small.py
    OMP_NUM_THREADS=1 python scripts/train_gpt_neo_small.py --save-at 0 100 300 1000 3000 --out training

One thread and addressed random numbers make the run repeatable on one machine; another processor may round
differently. AdamW with decoupled weight decay 0.1 on every tensor, as the landscape decays every tensor.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import torch

from villani_verify.corpora import load_tokenizer
from villani_verify.corpora.embedded import embedded_entropy_rate, embedded_text
from villani_verify.landscapes.architectures import gpt_neo_small
from villani_verify.landscapes.transformers_messages import quiet
from villani_verify.theory.weight_decay.training import Decay, Schedule, mean_loss, train

TARGET = Path(__file__).resolve().parents[1] / "villani_verify" / "landscapes" / "weights" / "gpt-neo-small"
# Seed of the training text; the zoo's landscape and the held-out loss use others.
TRAINING_SEED, HELD_OUT_SEED = 1, 2
LENGTH = 256


def main() -> None:
    """Train, report the held-out loss beside the entropy rate of the text, and save: the end, or the steps asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--rows", type=int, default=8, help="rows of 256 bytes in a step")
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--out", type=Path, default=TARGET)
    parser.add_argument("--save-at", type=int, nargs="+", default=[], metavar="STEP", help="save at these steps, in OUT/step-STEP")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    model: Any = gpt_neo_small()
    tokens = load_tokenizer("bytes").encode(embedded_text(60_000, seed=TRAINING_SEED))
    held_out = load_tokenizer("bytes").encode(embedded_text(2_000, seed=HELD_OUT_SEED))
    schedule = Schedule(options.steps, options.rows, LENGTH, options.learning_rate)
    began = time.monotonic()

    def tell(done: int, total: int) -> None:
        if done % 100 == 0 or done == total:
            print(f"step {done:5d} of {total}  {time.monotonic() - began:.0f} s", flush=True)
        if done in options.save_at:
            save(model, options.out / f"step-{done}")

    if 0 in options.save_at:
        save(model, options.out / "step-0")
    train(model, tokens, weight_decay=0.1, decay=Decay.DECOUPLED, schedule=schedule, seed=TRAINING_SEED, progress=tell)
    rows = held_out[: len(held_out) // LENGTH * LENGTH].reshape(-1, LENGTH)
    print(
        f"held-out loss {mean_loss(model, rows):.4f} nats a byte on rows of {LENGTH};"
        f" entropy rate of the text {embedded_entropy_rate():.4f}"
    )
    if not options.save_at:
        save(model, options.out)


def save(model: Any, out: Path) -> None:
    """Write config.json and the weights."""
    with quiet():
        model.save_pretrained(out)
    (out / "model.safetensors").chmod(0o644)  # the library writes it for its owner only
    (out / "generation_config.json").unlink(missing_ok=True)  # sampling plays no part here


if __name__ == "__main__":
    main()
