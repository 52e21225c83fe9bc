"""Mutants of inputs, all drawn from one generator, so that a seed gives the same ones everywhere."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Sequence
from random import Random
from typing import Any

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_NUMBERS = (
    b"0", b"-1", b"1", b"2", b"255", b"65536", b"2147483648", b"-9223372036854775809", b"18446744073709551616", b"1e308", b"1e-320",
    b"1e999", b"nan", b"inf", b"-inf", b"-0.0", b"1" + b"0" * 400, b"9" * 5000, b"1000000000000",
)  # fmt: skip
_DEEP: list[Any] = []
for _ in range(60):
    _DEEP = [_DEEP]
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 3, 7.5, -0.0, 1e308, -1e308, 5e-324, float("nan"), float("inf"), 10**12, -(10**12), 2**63, 10**400,
    "", "x", "Infinity", "-Infinity", "NaN", "1e999", "../../etc/passwd", "a\nb", "a\0b", "\ud800", "<script>", "٣", "x" * 5000,
    [], {}, [None], [[]], [1, 2], [0.0] * 50, {"": None}, {"type": "ray"}, _DEEP,
)  # fmt: skip


def mutant(
    data: bytes, random: Random, *, others: Sequence[bytes], tokens: Sequence[bytes], structured: bool, largest: int
) -> bytes:
    """Return a mutant of an input.

    Args:
        data: the input.
        random: draws the mutation.
        others: inputs from which pieces may come.
        tokens: that may be put in.
        structured: whether inputs are JSON; half of the mutants are JSON then.
        largest: number of bytes.
    """
    if structured and random.random() < 0.75:
        changed = _json_mutant(data, random)
        if changed is not None:
            return changed[:largest]
    for _ in range(random.choice((1, 1, 1, 2, 4, 8))):
        data = _bytes_mutant(data, random, others, tokens)
    return data[:largest]


def _bytes_mutant(data: bytes, random: Random, others: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
    at = random.randrange(len(data) + 1)
    end = min(len(data), at + random.choice((1, 2, 4, 8, 64, 1024)))
    match random.randrange(9):
        case 0 if data:
            at = min(at, len(data) - 1)
            return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]
        case 1:
            return data[:at] + bytes([random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))]) + data[at + 1 :]
        case 2:
            return data[:at] + data[end:]
        case 3:
            return data[:end] + data[at:end] * random.choice((1, 2, 50)) + data[end:]
        case 4:
            return data[:at]
        case 5 if tokens:
            return data[:at] + random.choice(tokens) + data[random.choice((at, end)) :]
        case 6:
            other = random.choice(others)
            start = random.randrange(len(other) + 1)
            return data[:at] + other[start : start + random.choice((4, 64, 4096))] + data[end:]
        case 7:
            numbers = list(_NUMBER.finditer(data[:20_000]))
            if numbers:
                found = random.choice(numbers)
                return data[: found.start()] + random.choice(_NUMBERS) + data[found.end() :]
            return data + b"\0"
        case _:
            width = random.choice((2, 4, 8))
            value = random.choice((0, 1, 0xFF, 1 << (8 * width - 1), (1 << (8 * width)) - 1, random.randrange(1 << (8 * width))))
            return data[:at] + value.to_bytes(width, random.choice(("little", "big"))) + data[at + width :]


def _json_mutant(data: bytes, random: Random) -> bytes | None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    for _ in range(random.choice((1, 1, 2, 4))):
        places = list(_places(value))
        if not places:
            break
        holder, key = random.choice(places)
        match random.randrange(8):
            case 0 if isinstance(holder, dict):
                del holder[key]
            case 1 if isinstance(holder, list):
                del holder[key]
            case 2:
                holder[key] = copy.deepcopy(random.choice([h[k] for h, k in places]))
            case 3:
                holder[key] = [holder[key]] * random.choice((1, 2, 40))
            case 4 if isinstance(holder[key], int | float):
                holder[key] = random.choice((-holder[key], str(holder[key]), float(min(max(holder[key], -1e300), 1e300)) * 1e6))
            case 5 if isinstance(holder, dict):
                holder[random.choice(("x", "", "type", "kind", "__class__"))] = holder.pop(key)
            case _:
                holder[key] = copy.deepcopy(random.choice(_VALUES))
    try:
        return json.dumps(value).encode()
    except (ValueError, RecursionError):
        return None


def _places(value: Any) -> Any:
    """Iterate over (holder, key) of everything inside a JSON value."""
    stack = [value]
    while stack:
        holder = stack.pop()
        for key, inner in list(
            holder.items() if isinstance(holder, dict) else enumerate(holder) if isinstance(holder, list) else ()
        ):
            yield holder, key
            if isinstance(inner, dict | list):
                stack.append(inner)
