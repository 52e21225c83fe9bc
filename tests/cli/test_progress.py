from __future__ import annotations

import io

from villani_verify.cli.progress import PlainProgress, progress_display


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_lines_come_at_most_every_few_seconds():
    now = 0.0
    stream = io.StringIO()
    progress = PlainProgress(stream, every=5.0, clock=lambda: now)
    for step in range(100):
        now = step * 0.5
        progress("rays", step, 100)
    # 0, 5, …, 45 s of the 49.5 s.
    assert stream.getvalue().splitlines() == [f"[{t:4d} s] rays {2 * t}/100" for t in range(0, 50, 5)]


def test_steps_are_left_out_where_their_number_is_not_known():
    stream = io.StringIO()
    PlainProgress(stream, clock=lambda: 0.0)("measuring", 0, 0)
    assert stream.getvalue() == "[   0 s] measuring\n"


def test_a_stream_that_is_no_terminal_gets_plain_lines():
    stream = io.StringIO()
    with progress_display(stream) as progress:
        progress("rays", 1, 2)
    assert stream.getvalue() == "[   0 s] rays 1/2\n"


def test_a_terminal_gets_a_live_line_that_is_cleared(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    with progress_display(stream) as progress:
        progress("rays", 1, 2)
        progress("rays", 2, 2)
    shown = stream.getvalue()
    assert "rays" in shown
    assert "2/2" in shown
    assert shown.count("\x1b[2K") >= 1  # lines are erased
