"""The landscape that all contenders look at, from the options that the commands of this folder share."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

import torch

from villani_verify.environment import describe_environment
from villani_verify.landscape import Landscape
from villani_verify.landscapes.request import LandscapeRequest

KINDS_OF_PRODUCTS = {"float32": "highest", "tf32": "high"}
"""How float32 matrices are multiplied → what torch calls it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose landscape, tokens, device and arithmetic."""
    parser.add_argument("--landscape", default="gpt-neo-small", help="of the zoo (default gpt-neo-small)")
    parser.add_argument("--sequences", type=int, default=1)
    parser.add_argument("--sequence-length", type=int, default=32)
    parser.add_argument("--text", default="embedded", metavar="FILE", help="UTF-8 file; default the embedded text")
    parser.add_argument("--tokenizer", help="directory of the tokenizer")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda with a GPU (default cpu)")
    parser.add_argument(
        "--products", choices=list(KINDS_OF_PRODUCTS), default="float32", help="of float32 matrices (default float32)"
    )
    parser.add_argument("--allocator", choices=["kept", "default"], default="kept", help="memory freed is kept, for all alike")


def forwarded(options: argparse.Namespace) -> list[str]:
    """Return these options as arguments, for another command of this folder."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    names = [action.dest for action in parser._actions if action.dest != "help"]
    return [f"--{name.replace('_', '-')}={getattr(options, name)}" for name in names if getattr(options, name) is not None]


def set_products(products: str) -> None:
    """Choose how float32 matrices are multiplied."""
    torch.set_float32_matmul_precision(KINDS_OF_PRODUCTS[products])


def load(options: argparse.Namespace, dtype: str | None = None) -> Landscape:
    """Return the landscape with one batch."""
    set_products(options.products)
    return LandscapeRequest(
        landscape=options.landscape, sequences=options.sequences, sequence_length=options.sequence_length,
        dataset=options.text, tokenizer=options.tokenizer, dtype=dtype, device=options.device,
    ).load()  # fmt: skip


def about(options: argparse.Namespace) -> dict[str, Any]:
    """Return the machine, the versions and the time, for the results."""
    measured = datetime.now(UTC).isoformat(timespec="seconds")
    return {**describe_environment(torch.device(options.device)), "torch": torch.__version__, "measured": measured}
