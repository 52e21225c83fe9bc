"""The engines by name."""

from __future__ import annotations

from collections.abc import Callable

from villani_verify.curvature.engine_interface import Engine
from villani_verify.errors import unknown_name

ENGINES = ("auto", "taylor", "reverse", "forward-over-reverse")


def engine_for(name: str) -> Engine:
    """Return the engine called `name`; "auto" is "taylor", or a reverse one for a loss that it cannot expand.

    Raises:
        RequestError: if there is none of that name.
    """
    from villani_verify.curvature.double_backward import DoubleBackward
    from villani_verify.curvature.fallback import TaylorOrReverse
    from villani_verify.curvature.forward_over_reverse import ForwardOverReverse
    from villani_verify.curvature.second_order_taylor import SecondOrderTaylor

    if name not in ENGINES:
        raise unknown_name("engine", name, ENGINES)
    engines: dict[str, Callable[[], Engine]] = {
        "auto": TaylorOrReverse, "taylor": SecondOrderTaylor, "reverse": DoubleBackward, "forward-over-reverse": ForwardOverReverse
    }  # fmt: skip
    return engines[name]()
