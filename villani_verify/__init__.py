"""Check numerically whether a regularised loss landscape satisfies Villani's criteria.

>>> from villani_verify import Landscape, verify
>>> bowl = Landscape.from_function(lambda x: (x**2).sum(), 3, weight_decay=0.1)
>>> verify(bowl).verdict_as_expected
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from villani_verify.landscape import Landscape
    from villani_verify.measurement import psi
    from villani_verify.replaying import replay
    from villani_verify.verification import verify

__version__ = "0.1.0"
__all__ = ["Landscape", "psi", "replay", "verify"]

_HOMES = {"Landscape": "landscape", "psi": "measurement", "replay": "replaying", "verify": "verification"}


def __getattr__(name: str) -> Any:
    """Import public names when first used: `villani-verify --help` should not wait for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
