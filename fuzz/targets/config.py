"""The config.json of a model."""

from __future__ import annotations

from fuzz.target import Target
from fuzz.targets.models import files, load, other_config


def seeds() -> list[bytes]:
    """Return configurations of two architectures."""
    return [files()[0], other_config()]


def read(data: bytes) -> None:
    """Load a model with this configuration; the weights are those of the first seed."""
    load(data, files()[1])


TARGET = Target(
    "config", "config.json", seeds, read, structured=True,
    tokens=(b'"auto_map": {"AutoConfig": "code.Config"}', b'"model_type": "gpt2"', b'"quantization_config": {}',
        b'"dtype": "float16"'),
)  # fmt: skip
