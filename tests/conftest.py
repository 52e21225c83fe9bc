"""What holds for all tests, wherever and however they are started."""

from __future__ import annotations

import signal

from hypothesis import settings

# A shell has jobs in the background, and all that they start, ignore Ctrl-C, which tests send to programs.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline. Speed is measured by benchmarks; a loaded machine is not a failure.
settings.register_profile("tests", parent=settings.get_profile("default"), deadline=None)
settings.load_profile("tests")
