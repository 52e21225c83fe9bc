"""How many probes of Taylor arithmetic share a pass, and how much of the data."""

from __future__ import annotations

import torch
from torch import Tensor

from villani_verify.curvature.taylor.program import largest_value
from villani_verify.landscape import Landscape
from villani_verify.points import Point, StoredPoint, templates_of

# Numbers in the largest tensor of a pass, all probes together: a gigabyte in float32 for a language model's logits, with
# what is derived from them. Half as many would take 15 % more time.
_NUMBERS_PER_PASS = 1 << 26
# A GPU has more memory, and starting kernels for each part of a batch takes it longer than the products.
_NUMBERS_PER_PASS_ON_GPU = 1 << 29
# Where parameters stay in their files memory is short.
_NUMBERS_PER_PASS_STORED = 1 << 25
# Tensors of that size that a pass has at the same time: 2.3 were measured, and a captured pass has memory of its own besides.
_COPIES = 6
_MOST_PROBES_PER_PASS = 64
# A pass of a small model is the interpreter's work, for one probe as for many: so many times as many share it while what they
# need stays in the cache.
_MOST_TIMES_AS_MANY = 8
_NUMBERS_IN_CACHE = 1 << 20
# A GPU is not busy with fewer.
_MOST_PROBES_PER_PASS_ON_GPU = 256
# Sequences are cut into smaller batches until so many probes share a pass.
_FEWEST_PROBES_PER_PASS = 8


def pass_sizes(landscape: Landscape, point: Point) -> tuple[Landscape, int]:
    """Return the landscape, in smaller batches if need be, and the probes for which a pass has room.

    Raises:
        TaylorError: if the loss cannot be exported.
    """
    largest = largest_value(landscape.loss_function, point, landscape.batches)
    stored, on_gpu = isinstance(point, StoredPoint), landscape.device.type == "cuda"
    numbers = _NUMBERS_PER_PASS_STORED if stored else _NUMBERS_PER_PASS_ON_GPU if on_gpu else _NUMBERS_PER_PASS
    # By the same number on every GPU: samples of tied models change with the cut, and must not with its free memory.
    # Sequences of a language model do not see each other; what else a batch is may not be a mean over its rows.
    while numbers < _FEWEST_PROBES_PER_PASS * largest and all(isinstance(batch, Tensor) for batch in landscape.batches):
        smaller = landscape.halved()
        if smaller is None:
            break
        landscape, largest = smaller, -(-largest // 2)
    most = _MOST_PROBES_PER_PASS_ON_GPU if on_gpu else _most_probes(point, largest)
    return landscape, min(most, (numbers if stored else _room(landscape)) // largest)


def _most_probes(point: Point, largest: int) -> int:
    """Return how many probes share a pass of a processor at most."""
    numbers_of_a_probe = max(largest, *(t.numel() for t in templates_of(point).values()))
    times = _NUMBERS_IN_CACHE // (_MOST_PROBES_PER_PASS * numbers_of_a_probe)
    return _MOST_PROBES_PER_PASS * max(1, min(_MOST_TIMES_AS_MANY, times))


def _room(landscape: Landscape) -> int:
    """Return how many numbers the largest tensor of a pass may have: on a GPU as its free memory allows."""
    if landscape.device.type != "cuda":
        return _NUMBERS_PER_PASS
    free, _ = torch.cuda.mem_get_info(landscape.device)
    # What the allocator keeps for the process counts as used there, but is free for a pass.
    kept = torch.cuda.memory_reserved(landscape.device) - torch.cuda.memory_allocated(landscape.device)
    return max(_NUMBERS_PER_PASS, (free + kept) // (_COPIES * landscape.dtype.itemsize))
