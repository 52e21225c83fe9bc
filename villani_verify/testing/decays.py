"""The same landscape at another weight decay, with a request that rebuilds it so."""

from __future__ import annotations

from dataclasses import replace

from villani_verify.landscape import Landscape


def redecayed(landscape: Landscape, weight_decay: float) -> Landscape:
    """Return the landscape with λ = `weight_decay` on every tensor that is decayed; undecayed ones stay so.

    A landscape without any decay is returned as it is: giving it one would make it another landscape, whose expected
    verdicts are not the ones it knows.

    Args:
        landscape: `F`.
        weight_decay: λ > 0.
    """
    if not any(landscape.decay.values()):
        return landscape
    decay = {n: weight_decay if lam else 0.0 for n, lam in landscape.decay.items()}
    request = None if landscape.request is None else {**landscape.request, "weight_decay": weight_decay}
    return replace(landscape, decay=decay, request=request)
