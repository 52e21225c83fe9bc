"""Hypothesis profiles, with every setting explicit.

Under CI=true Hypothesis loads a profile of its own that derandomises and saves nothing, and a profile registered
without a parent inherits from it: a nightly run would replay one frozen set of examples for ever. So these
profiles inherit from Hypothesis' "default" and leave nothing to inherit.

    pytest properties                                  # dev
    pytest properties --hypothesis-profile=nightly
    pytest properties --hypothesis-profile=reuse       # what failed before, here or where VILLANI_SHARED_EXAMPLES says
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, settings

from villani_verify.errors import RequestError
from villani_verify.testing.examples import example_database

DEFAULT_PROFILE = "dev"
ENVIRONMENT_VARIABLE = "VILLANI_HYPOTHESIS_PROFILE"

_SEARCH = (Phase.explicit, Phase.reuse, Phase.generate, Phase.target)
# Phase.explain re-runs a failing example dozens of times to guess at causes; replaying the witness says more.
_SEARCH_AND_SHRINK = (*_SEARCH, Phase.shrink)
_NIGHTLY_EXAMPLES = 300

_SHARED: Mapping[str, Any] = MappingProxyType(
    {
        # The first call on a device compiles and allocates, and takes any time.
        "deadline": None,
        "verbosity": Verbosity.normal,
        "stateful_step_count": 20,
        # One failure at a time: each prints its own line to replay it.
        "report_multiple_bugs": False,
        # too_slow: a drawn point is cheap, but a network's first evaluation is not.
        "suppress_health_check": (HealthCheck.too_slow,),
        "print_blob": True,
        "backend": "hypothesis",
    }
)

PROFILES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        # New examples each run, remembered in .hypothesis/: small enough to run while writing code.
        "dev": {"max_examples": 12, "derandomize": False, "phases": _SEARCH_AND_SHRINK},
        # The same examples each run, so that a pull request fails only by its own doing.
        "pr": {"max_examples": 25, "derandomize": True, "phases": _SEARCH_AND_SHRINK},
        # New examples every night; the database keeps those that failed.
        "nightly": {"max_examples": _NIGHTLY_EXAMPLES, "derandomize": False, "phases": _SEARCH_AND_SHRINK},
        # Large models: shrinking can take minutes for each failure, so none; shrink on a small twin.
        "gpu": {"max_examples": 25, "derandomize": False, "phases": _SEARCH},
        # The same on a processor, where one example can take a minute.
        "large": {"max_examples": 2, "derandomize": False, "phases": _SEARCH},
        # What failed before and nothing new, at the nightly's levels: they depend on the number of examples.
        "reuse": {"max_examples": _NIGHTLY_EXAMPLES, "derandomize": False, "phases": (Phase.explicit, Phase.reuse)},
    }
)
"""Name → settings that differ between the profiles; the rest is shared."""


def register_profiles() -> None:
    """Register the profiles with Hypothesis; to be called before pytest reads `--hypothesis-profile`.

    Raises:
        RequestError: if VILLANI_SHARED_EXAMPLES names nothing that can be read.
    """
    for name in PROFILES:
        settings.register_profile(name, parent=settings.get_profile("default"), **explicit_settings(name))


def load_profile(name: str | None = None) -> None:
    """Load the profile `name`, or the one that VILLANI_HYPOTHESIS_PROFILE names, or "dev".

    Args:
        name: what the command line says; None if it says nothing.

    Raises:
        RequestError: if VILLANI_HYPOTHESIS_PROFILE names no profile, or VILLANI_SHARED_EXAMPLES nothing that can be read.
    """
    chosen = name or os.environ.get(ENVIRONMENT_VARIABLE) or DEFAULT_PROFILE
    register_profiles()
    if name is None and chosen not in PROFILES:
        close = get_close_matches(chosen, PROFILES, n=1) or [DEFAULT_PROFILE]
        raise RequestError(
            f"{ENVIRONMENT_VARIABLE}={chosen!r}: no such profile; choose one of {', '.join(PROFILES)} (did you mean {close[0]!r}?)"
        )
    settings.load_profile(chosen)


def explicit_settings(name: str) -> dict[str, Any]:
    """Return every setting of the profile `name`, as keyword arguments of `hypothesis.settings`.

    Raises:
        RequestError: if VILLANI_SHARED_EXAMPLES names nothing that can be read.
    """
    own = PROFILES[name]
    # Hypothesis has no database where it derandomises.
    database = None if own["derandomize"] else example_database()
    return {**_SHARED, **own, "database": database}
