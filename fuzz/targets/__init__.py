"""The targets, one parser a file; a target is imported only when it is run, under coverage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from fuzz.target import Target

_NAMES = ("store", "rows", "plan", "results", "figures", "witness", "text", "tokenizer", "safetensors", "config", "checkpoint")


def _loader(name: str) -> Callable[[], Target]:
    def load() -> Target:
        target: Target = import_module(f"fuzz.targets.{name}").TARGET
        return target

    return load


TARGETS: Mapping[str, Callable[[], Target]] = {name: _loader(name) for name in _NAMES}
"""Name → how to get it."""
