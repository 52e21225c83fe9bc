"""How old a result is, in words, and from when on that is a warning. `templates/age.js` says the same in the browser."""

from __future__ import annotations

from datetime import datetime, timedelta

LIMIT = timedelta(days=3)
"""A nightly job that works has a result younger than this, even after a night that failed."""
_AHEAD = timedelta(hours=1)
"""Clocks of machines differ; what is further ahead than this is no result of today."""


def is_old(then: datetime, now: datetime) -> bool:
    """Say whether a result is older than the limit, or is dated in the future, so that its age is unknown."""
    return not -_AHEAD <= now - then <= LIMIT


def age_in_words(then: datetime, now: datetime) -> str:
    """Return such as "5 hours old" or "4 days old"."""
    hours = (now - then) / timedelta(hours=1)
    if now - then < -_AHEAD:
        return "dated in the future: the clock of its machine is wrong"
    if hours < 1:
        return "less than an hour old"
    if hours < 48:
        return f"{int(hours)} hour{'s' if hours >= 2 else ''} old"
    return f"{int(hours / 24)} days old"
