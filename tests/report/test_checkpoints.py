from __future__ import annotations

import pytest

from villani_verify.report.checkpoints import short_name


@pytest.mark.parametrize(
    ("checkpoint", "name"),
    [("step-1", "step-1"), ("run/step-1", "step-1"), ("/run/step-1/", "step-1"), (".", "."), ("/", "/"), ("..", "..")],
)
def test_a_checkpoint_is_called_by_the_last_part_of_its_path(checkpoint: str, name: str) -> None:
    assert short_name(checkpoint) == name
