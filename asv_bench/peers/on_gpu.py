"""The comparison on a GPU, quickly: several sizes and kinds of products in one process, with what each contender allocates.

python on_gpu.py --landscape gpt-neo-125m --sizes 1x128 4x256 --products-of float32 tf32 --out ../results/peers/NAME

A file NAME-SIZE-PRODUCTS.json for each, of the form that `compare.py` writes. Every contender is made anew, and called once before
it is timed. The engine `taylor` serves many probes in one pass and gets more of them a call than the others, to which the number
does not matter.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from compare import PRODUCTS, fastest_products, forms_in_float64, forward_operations, show, summary, timed_calls
from contenders import CONTENDERS
from subject import KINDS_OF_PRODUCTS, about, add_arguments, load, set_products

from villani_verify.environment import peak_memory_bytes
from villani_verify.errors import VillaniError, one_line
from villani_verify.files import write_whole
from villani_verify.landscape import Landscape

LEFT_OUT = ("taylor, sums of 8",)  # the one that is not a number for each probe
MANY_PROBES = ("forward pass", "taylor", "taylor, samples", "taylor, bfloat16")
ROUNDED = "taylor, bfloat16"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table for each size and kind of products, and keep every number."""
    options = parse(arguments)
    try:
        run(options)
    except (VillaniError, OSError) as error:
        print(f"on_gpu: error: {one_line(error)}", file=sys.stderr)
        return 2
    return 0


def run(options: argparse.Namespace) -> None:
    """Measure every size and kind of products.

    Raises:
        VillaniError: if the landscape cannot be had on the device.
        OSError: if a file cannot be written.
    """
    options.out.parent.mkdir(parents=True, exist_ok=True)
    for size in options.sizes:
        options.sequences, options.sequence_length = size
        landscape = load(options)
        reference = forms_in_float64(landscape, landscape.to(dtype=torch.float64), 2)
        for products in options.products_of:
            options.products = products
            set_products(products)
            found = measured(landscape, options, reference)
            show(found["table"], argparse.Namespace(**found["options"]))
            name = f"{options.out.name}-{size[0]}x{size[1]}-{products}.json"
            write_whole(options.out.with_name(name), json.dumps(found, indent=1) + "\n")
        del landscape


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.set_defaults(landscape="gpt-neo-125m", device="cuda")
    parser.add_argument("--sizes", nargs="+", type=_size, default=[(1, 128), (4, 256)], metavar="SEQUENCESxLENGTH")
    parser.add_argument(
        "--products-of", nargs="+", choices=list(KINDS_OF_PRODUCTS), default=list(KINDS_OF_PRODUCTS), help="float32 matrices"
    )
    parser.add_argument("--probes", type=_positive, default=256, help="of a timed call of `taylor` (default 256)")
    parser.add_argument("--peers-probes", type=_positive, default=8, help="of a timed call of the others (default 8)")
    parser.add_argument("--calls", type=_positive, default=2, help="timed calls, after one that is not (default 2)")
    parser.add_argument("--out", type=Path, required=True, metavar="NAME", help="beginning of the files")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    try:
        sequences, length = (_positive(part) for part in text.split("x"))
    except (ValueError, argparse.ArgumentTypeError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form 4x256") from error
    return sequences, length


def measured(landscape: Landscape, options: argparse.Namespace, reference: Sequence[float]) -> dict[str, Any]:
    """Return the comparison of all contenders on one landscape, as `compare.py` keeps it, with errors against the reference."""
    operations = PRODUCTS * forward_operations(landscape)
    ceilings = {kind: fastest_products(landscape.device, kind) for kind in (torch.float32, torch.bfloat16)}
    rows = {}
    for name in CONTENDERS:
        if name in LEFT_OUT:
            continue
        print(f"{options.sequences} x {options.sequence_length} tokens, {options.products}: {name}", file=sys.stderr, flush=True)
        row = timed(name, landscape, options.probes if name in MANY_PROBES else options.peers_probes, options.calls)
        if "error" not in row:
            ceiling = ceilings[torch.bfloat16 if name == ROUNDED else torch.float32]
            row["of_the_ceiling"] = operations / statistics.median(row["seconds"]) / ceiling
        rows[name] = [row]
    table = {name: summary(name, found, reference) for name, found in rows.items()}
    kept = {k: v for k, v in vars(options).items() if k not in ("out", "sizes", "products_of")}
    kept["ceilings"] = {str(kind).removeprefix("torch."): rate for kind, rate in ceilings.items()}
    return {"about": about(options), "options": kept, "table": table, "rows": rows}


def timed(name: str, landscape: Landscape, probes: int, calls: int) -> dict[str, Any]:
    """Time one contender, with the most that tensors held meanwhile."""
    gc.collect()
    if landscape.device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(landscape.device)
    try:
        seconds, found = timed_calls(CONTENDERS[name](landscape), range(probes), calls)
    except Exception as error:  # a peer may fail in any way, and the others are still to be measured
        return {"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
    return {"seconds": seconds, "forms": found, "peak_memory_bytes": peak_memory_bytes(landscape.device)}


if __name__ == "__main__":
    sys.exit(main())
