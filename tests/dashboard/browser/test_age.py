"""The page counts ages from when it is looked at, not from when it was made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from dashboard.age import age_in_words

pytestmark = pytest.mark.browser
NEWEST_AGE = ".facts [data-age-of] >> nth=0"


@pytest.mark.parametrize("hours", [-3, -0.5, 0, 0.9, 1, 1.99, 2, 47.9, 48, 71.9, 73, 24 * 400])
def test_the_browser_says_what_python_says(site: Any, open_page: Callable[..., Any], hours: float) -> None:
    later = site.newest + timedelta(hours=hours)
    page = open_page(site.file, clock=later)
    assert page.locator(NEWEST_AGE).inner_text() == age_in_words(site.newest, later)


@pytest.mark.parametrize(("days", "warns"), [(0, False), (2.99, False), (3.01, True), (30, True), (-1, True)])
def test_the_warning_shows_after_three_days_and_not_before(
    site: Any, open_page: Callable[..., Any], days: float, warns: bool
) -> None:
    page = open_page(site.file, clock=site.newest + timedelta(days=days))
    warning = page.locator(".banner >> nth=0")
    assert warning.is_visible() is warns
    assert page.locator(".headline.when-fresh").is_visible() is not warns
    assert page.locator(".headline.when-stale").is_visible() is warns
    if warns:
        assert "No benchmark has run in the last 3 days" in warning.inner_text()


def test_the_warning_comes_up_on_a_page_that_stays_open(site: Any, open_page: Callable[..., Any], browser: Any) -> None:
    page = open_page(site.file)
    page.clock.install(time=site.newest + timedelta(days=2, hours=23, minutes=59))
    page.reload()
    warning = page.locator(".banner >> nth=0")
    assert not warning.is_visible()
    page.clock.fast_forward(3 * 60 * 1000)
    assert warning.is_visible()


def test_without_scripts_the_page_says_how_old_it_was_when_it_was_made(site: Any, open_page: Callable[..., Any]) -> None:
    page = open_page(site.file, clock=site.newest + timedelta(days=9), java_script_enabled=False)
    assert page.locator(NEWEST_AGE).inner_text() == "less than an hour old when this page was made"
    assert page.locator(".headline.when-fresh").is_visible()
    assert not page.locator(".headline.when-stale").is_visible()
    assert not page.locator(".banner >> nth=0").is_visible()
