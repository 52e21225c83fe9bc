"""Which landscapes the properties look at unless options name another, and the Hypothesis profile."""

from __future__ import annotations

import pytest

from villani_verify.criteria.smooth_line import widened
from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.pytest_plugin import chooses_landscape
from villani_verify.testing.profiles import load_profile
from villani_verify.testing.tolerances import Tolerance, tolerance_for

# A transformer, and formulae on which all holds, one criterion fails, or all but one do.
SUBJECTS = ("gpt-neo-tiny", "double-well", "balanced-logits", "c2-not-c3", "linear-growth")


def pytest_configure(config: pytest.Config) -> None:
    """Load the profile "dev", or the environment's, unless `--hypothesis-profile` names one."""
    if config.getoption("--hypothesis-profile") is None:
        try:
            load_profile()
        except RequestError as error:
            raise pytest.UsageError(str(error)) from None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every property on every subject."""
    if "villani_landscape" in metafunc.fixturenames and not chooses_landscape(metafunc.config):
        metafunc.parametrize("villani_landscape", SUBJECTS, indirect=True, scope="session")


@pytest.fixture(scope="session")
def precise(villani_landscape: Landscape) -> Landscape:
    """The landscape in float64 where the device has it: at wild points float32's rounding would hide what is compared."""
    return widened(villani_landscape)


@pytest.fixture(scope="session")
def tolerance(villani_landscape: Landscape) -> Tolerance:
    """How closely numbers must agree: that of the dtype asked for, as a model may cast to it inside."""
    return tolerance_for(villani_landscape.dtype)
