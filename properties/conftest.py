"""Which landscapes the properties look at unless options name another, and the Hypothesis profile."""

from __future__ import annotations

import pytest

from villani_verify.errors import RequestError
from villani_verify.pytest_plugin import chooses_landscape
from villani_verify.testing.profiles import load_profile

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
