"""asv's own pages, beside the dashboard, work from a server on a machine without a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser


def test_the_link_leads_to_the_grid_of_benchmarks(site: Any, open_page: Callable[..., Any]) -> None:
    page = open_page(f"{site.server}/index.html")
    page.clock.resume()
    page.get_by_role("link", name="Graphs of every benchmark").click()
    page.wait_for_selector("#summarygrid-display canvas")
    assert "track_seconds_per_probe" in page.locator("#summarygrid-display").inner_text()


def test_a_graph_is_drawn(site: Any, open_page: Callable[..., Any]) -> None:
    page = open_page(f"{site.server}/history/index.html#hutchinson.HutchinsonTime.track_seconds_per_probe")
    page.clock.resume()
    page.wait_for_selector("#main-graph canvas")
    assert page.locator("#main-graph .flot-text").inner_text().strip()


def test_the_regressions_are_listed_and_can_be_sorted(site: Any, open_page: Callable[..., Any]) -> None:
    page = open_page(f"{site.server}/history/index.html#regressions")
    page.clock.resume()
    page.wait_for_selector("#regressions-body tbody tr")
    assert page.locator("#regressions-body tbody tr").count() == 4
    names = page.locator("#regressions-body tbody tr td:first-child")
    orders = []
    for direction in ("asc", "desc"):
        page.locator("#regressions-body thead th").first.click()
        page.wait_for_selector(f"#regressions-body thead th:first-child.{direction}")
        orders.append(names.all_inner_texts())
    assert orders == [sorted(orders[0]), sorted(orders[0], reverse=True)]
    assert len(set(orders[0])) == 4
