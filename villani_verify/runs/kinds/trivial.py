"""Units that cost nothing, with which the overhead of a campaign is measured."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from villani_verify.landscape import Landscape


def trivial(landscape: Landscape | None, parameters: Mapping[str, Any]) -> int:
    """Return the square of `number`, after `seconds` if they are given."""
    time.sleep(parameters.get("seconds", 0))
    return int(parameters["number"]) ** 2
