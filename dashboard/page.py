"""From what was read to the page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from dashboard import words
from dashboard.age import LIMIT, age_in_words, is_old
from dashboard.commits import Commits
from dashboard.history import History
from dashboard.nightly import Nightly
from dashboard.peers import Comparison
from dashboard.regressions import FALSE_ALARMS, LONG_ENOUGH, Regressions, find_regressions
from dashboard.sparkline import HEIGHT, WIDTH, Sparkline, sparkline
from dashboard.speed import Speed, headlines, per_second, speeds
from dashboard.summary import Summary, summarise
from dashboard.verdicts import Row, count_as_expected
from villani_verify.criteria import CRITERION_NAMES
from villani_verify.report.numbers import counted, show
from villani_verify.report.typeset import typeset
from villani_verify.report.words import STATUS_SYMBOLS, STATUS_WORDS, TITLES

GPU = "cuda"


@dataclass(frozen=True)
class Inputs:
    """All that the page speaks of.

    Attributes:
        history: what asv measured.
        commits: of the repository that was measured.
        nightly: the last nightly run; None if there is none.
        verdicts: its verdict table.
        comparisons: with other packages.
        has_graphs: whether asv's own pages lie in `history/` beside the page.
    """

    history: History
    commits: Commits
    nightly: Nightly | None = None
    verdicts: tuple[Row, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    has_graphs: bool = False

    @cached_property
    def regressions(self) -> Regressions:
        """What became slower or larger."""
        return find_regressions(self.history)

    @property
    def summary(self) -> Summary:
        """The answer in one sentence."""
        return summarise(self.history, self.regressions, self.nightly, self.verdicts)


def render_page(inputs: Inputs, now: datetime) -> str:
    """Return the page. It holds its styles, its script and its drawings itself, so it needs no network and no server.

    Args:
        inputs: what to show.
        now: with its offset from UTC. What depends on it is computed again by the browser that shows the page, except which commit
            of thirty days ago the speeds are compared with.
    """
    loader = ChoiceLoader([PackageLoader("dashboard"), PackageLoader("villani_verify.report")])
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["typeset"] = typeset
    found = speeds(inputs.history, now)
    first = headlines(found)
    return environment.get_template("dashboard.html").render(
        inputs=inputs,
        now=now,
        words=words,
        summary=inputs.summary,
        newest=inputs.history.newest,
        speeds=[(s, _line(s)) for s in first],
        other_speeds=[s for s in found if s not in first],
        has_gpu=any(s.device == GPU for s in found),
        failed=[s for s in inputs.history.series if s.failed],
        regressions=inputs.regressions,
        long_enough=LONG_ENOUGH,
        false_alarms=FALSE_ALARMS,
        counts=_counts(inputs.verdicts),
        as_expected=count_as_expected(inputs.verdicts),
        criteria=CRITERION_NAMES,
        titles=TITLES,
        status_words=STATUS_WORDS,
        status_symbols=STATUS_SYMBOLS,
        limit_days=LIMIT.days,
        is_old=is_old,
        age_in_words=age_in_words,
        per_second=per_second,
        show=show,
        counted=counted,
        spark_size=(WIDTH, HEIGHT),
    )


def _line(speed: Speed) -> Sparkline:
    return sparkline([(p.committed, per_second(p)) for p in speed.series.measured])


def _counts(rows: tuple[Row, ...]) -> dict[str, dict[str, int]]:
    """Return criterion → status, or "unexpected" → number of landscapes."""
    counts = {}
    for name in CRITERION_NAMES:
        verdicts = [r.verdicts[name] for r in rows if name in r.verdicts]
        counts[name] = {status: sum(v.status == status for v in verdicts) for status in STATUS_WORDS}
        counts[name]["unexpected"] = sum(not v.as_expected for v in verdicts)
    return counts
