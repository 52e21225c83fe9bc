"""Readable on a telephone and on a desk, by day and by night, from a file and from a server."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser
WIDTHS = (400, 1280)
SMALLEST_PIXELS = 11


def open_details(page: Any) -> None:
    page.eval_on_selector_all("details", "all => all.forEach(e => { e.open = true; })")


@pytest.mark.parametrize("width", [320, *WIDTHS])
@pytest.mark.parametrize("days", [0, 9])
def test_nothing_is_cut_off_and_the_page_does_not_scroll_sideways(
    site: Any, open_page: Callable[..., Any], width: int, days: int
) -> None:
    page = open_page(site.file, width=width, clock=site.newest + timedelta(days=days))
    open_details(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # What is wider than the screen lies in a region of its own that scrolls.
    outside = page.eval_on_selector_all(
        "main *",
        """all => all.filter(e => !e.closest(".scroll, .word, .wide, .cards thead") && e.getClientRects().length)
          .filter(e => e.getBoundingClientRect().right > innerWidth + 0.5 || e.getBoundingClientRect().left < 0)
          .map(e => e.outerHTML.slice(0, 80))""",
    )
    assert outside == []


def test_no_text_is_too_small_on_a_telephone(site: Any, open_page: Callable[..., Any]) -> None:
    page = open_page(site.file, width=400)
    open_details(page)
    sizes = page.eval_on_selector_all("main *", "all => all.map(e => parseFloat(getComputedStyle(e).fontSize))")
    # Exponents and indices are smaller than their line.
    assert min(sizes) >= SMALLEST_PIXELS


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("days", [0, 9], ids=["fresh", "stale"])
def test_it_is_accessible_and_there_is_a_picture_to_look_at(
    site: Any, open_page: Callable[..., Any], width: int, scheme: str, days: int
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(site.file, width=width, color_scheme=scheme, clock=site.newest + timedelta(days=days))
    if folder := os.environ.get("VILLANI_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{width}-{scheme}-{'stale' if days else 'fresh'}.png", full_page=True)
    open_details(page)
    # axe waits for timers.
    page.clock.resume()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_tables_have_headers_and_drawings_have_words(site: Any, open_page: Callable[..., Any]) -> None:
    page = open_page(site.file)
    assert page.locator("table").count() >= 6
    assert page.locator("thead th:not([scope=col]), tbody th:not([scope=row])").count() == 0
    drawings = page.locator("svg")
    assert drawings.count() == 2
    for k in range(2):
        assert drawings.nth(k).get_attribute("role") == "img"
        assert "Probes a second, 40 commits from" in str(drawings.nth(k).get_attribute("aria-label"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_scheme_of_the_reader_is_kept(site: Any, open_page: Callable[..., Any], scheme: str) -> None:
    page = open_page(site.file, color_scheme=scheme)
    red = int(page.evaluate("getComputedStyle(document.body).backgroundColor").split("(")[1].split(",")[0])
    assert (red < 64) is (scheme == "dark")


def test_a_server_shows_the_same_page_as_a_file(site: Any, open_page: Callable[..., Any]) -> None:
    texts = [open_page(address).locator("main").inner_text() for address in (site.file, f"{site.server}/index.html")]
    assert texts[0] == texts[1]
    assert (
        "Needs attention: 1 of 15 verdicts is not as expected; 4 benchmarks have become slower or larger; 1 benchmark failed"
        in texts[0]
    )
