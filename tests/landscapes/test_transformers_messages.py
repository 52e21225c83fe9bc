from __future__ import annotations

import pytest
from transformers.utils import logging

from villani_verify.landscapes.transformers_messages import quiet, reason


def test_quiet_for_a_while_only() -> None:
    before = logging.is_progress_bar_enabled(), logging.get_verbosity()
    with quiet():
        assert (logging.is_progress_bar_enabled(), logging.get_verbosity()) == (False, logging.CRITICAL)
    assert (logging.is_progress_bar_enabled(), logging.get_verbosity()) == before


@pytest.mark.parametrize(
    ("message", "local", "expected"),
    [
        ("loading it needs\n`trust_remote_code=True`", True, "it needs its author's own code, which is never run here"),
        ("The config is not a valid JSON file", True, "config.json is not valid JSON; copy it again"),
        ("The config is not a valid JSON file", False, "The config is not a valid JSON file; give a local directory instead"),
        ("We couldn't connect to the hub", False, "the Hugging Face hub is not reachable and the model is not cached"),
        ("hidden_size is\nnot divisible", True, "hidden_size is not divisible; mend the files"),
    ],
)
def test_reasons_are_one_line_of_ours(message: str, local: bool, expected: str) -> None:
    found = reason(ValueError(message), local)
    assert found.startswith(expected)
    assert "\n" not in found
