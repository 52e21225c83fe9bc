"""One Hypothesis setting for all tests: no deadline. Speed is measured by benchmarks; a loaded machine is not a failure."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("tests", parent=settings.get_profile("default"), deadline=None)
settings.load_profile("tests")
