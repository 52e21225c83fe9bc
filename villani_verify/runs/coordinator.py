"""The loop that hands pending units to a pool and keeps results as they come, whatever happens to workers or to itself."""

from __future__ import annotations

import contextlib
import math
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass, field, replace

from villani_verify.errors import RequestError, VillaniError, one_line
from villani_verify.runs.executors import Pool
from villani_verify.runs.executors.serial import SerialExecutor
from villani_verify.runs.live import Live
from villani_verify.runs.store import Result, Store
from villani_verify.runs.time_left import TimeLeft, first_of_each, in_words
from villani_verify.runs.unit import Unit
from villani_verify.runs.worker import Answer, Task, compute

_LOOK = 0.2  # seconds between looks at a request to stop
_GRACE = 2.0  # seconds for units that are being computed when a request to stop comes
# Units handed out for each worker, so that none waits for the coordinator: as many as keep it busy for a moment.
_BUSY = 0.1
_LEAST_AHEAD, _MOST_AHEAD = 2, 32

Show = Callable[[str, int, int], None]
"""Called as show(what is being done, units done, units in all)."""


@dataclass(frozen=True)
class Computing:
    """How units are computed.

    Attributes:
        device: "cpu" or "cuda".
        threads: of the processor, for each unit.
        attempts: for a unit that dies, hangs or fails for a reason that may pass.
        part: (k, n): only every n-th unit, from the k-th on; another machine computes the others, and the stores are merged.
    """

    device: str = "cpu"
    threads: int = 1
    attempts: int = 3
    part: tuple[int, int] = (0, 1)


@dataclass
class Outcome:
    """What a run of the coordinator did.

    Attributes:
        computed: units that were finished by it.
        failures: what became of the units that have no result.
        stopped: whether it was asked to stop before the end.
    """

    computed: int = 0
    failures: list[Answer] = field(default_factory=list)
    stopped: bool = False

    @property
    def failed(self) -> int:
        """Units that have no result."""
        return len(self.failures)


def run(store: Store, pool: Pool, computing: Computing, *, live: Live, show: Show) -> Outcome:
    """Compute what is pending, and keep it.

    Args:
        store: open for writing.
        pool: where units are computed.
        computing: how.
        live: is told what happens, for whoever looks at the campaign's directory.
        show: is told how far the work is; if it raises KeyboardInterrupt the work is stopped.

    Returns:
        What was done; after a request to stop what was finished until then is kept.

    Raises:
        OutputError: if a result cannot be kept, for instance as the disk is full; those before it are.
        RequestError: if a unit had another result before, or the pool takes no more units.
    """
    loop = _Loop(store, pool, computing, live, show)
    try:
        loop.work()
    except KeyboardInterrupt:
        loop.outcome.stopped = True
        with contextlib.suppress(KeyboardInterrupt):
            loop.gather()
    except RequestError:
        # The pool is gone, but not what it had finished.
        loop.gather()
        raise
    live.summarise(store.counts(), loop.outcome.computed, None, at_once=True)
    return loop.outcome


@dataclass
class _Loop:
    store: Store
    pool: Pool
    computing: Computing
    live: Live
    show: Show
    outcome: Outcome = field(default_factory=Outcome)
    running: dict[Future[Answer], tuple[int, Unit]] = field(default_factory=dict)
    attempts: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        first, step = self.computing.part
        self.labels = {n: label for n, label in self.store.pending() if n % step == first}
        self.waiting = deque(first_of_each(self.labels))
        self.before = self.store.counts()
        self.left = TimeLeft(Counter(self.labels.values()))
        self.started = time.monotonic()

    def work(self) -> None:
        while self.waiting or self.running:
            self._hand_out()
            done, _ = wait(self.running, timeout=_LOOK, return_when=FIRST_COMPLETED)
            for future in done:
                self._take(future)
            self._tell()

    def gather(self) -> None:
        """Keep what is finished within the grace, and give up the rest."""
        end = time.monotonic() + _GRACE
        while self.running and time.monotonic() < end:
            done, _ = wait(self.running, timeout=_LOOK, return_when=FIRST_COMPLETED)
            for future in done:
                if future.cancelled() or future.exception() is not None:
                    del self.running[future]  # lost on account of the stop, perhaps: no reason to count it against the unit
                else:
                    self._take(future)
        for future in self.running:
            future.cancel()

    def _hand_out(self) -> None:
        most = self._most()
        while self.waiting and len(self.running) < most:
            number = self.waiting.popleft()
            unit = self.store.unit(number)
            task = Task(number, unit.text, str(self.store.path.parent), self.computing.device, self.computing.threads)
            try:
                future = self.pool.executor.submit(compute, task)
            except VillaniError:
                raise
            except Exception as e:
                raise RequestError(
                    f"executor: it takes no more units ({type(e).__name__}: {one_line(e, 120)}); what was finished is kept: see to "
                    "its workers, and use --resume"
                ) from e
            self.running[future] = number, unit

    def _most(self) -> int:
        """Return how many units may be handed out at the same time."""
        if isinstance(self.pool.executor, SerialExecutor):
            return 1
        seconds = self.left.mean_seconds
        ahead = _LEAST_AHEAD if seconds is None else math.ceil(_BUSY / max(seconds, 1e-9))
        return self.pool.workers * min(_MOST_AHEAD, max(_LEAST_AHEAD, ahead))

    def _take(self, future: Future[Answer]) -> None:
        self._keep(future, *self.running[future])
        # Only now: a request to stop that came in between finds it again.
        del self.running[future]

    def _keep(self, future: Future[Answer], number: int, unit: Unit) -> None:
        self.attempts[number] += 1
        try:
            answer = future.result()
        except Exception as e:  # the worker died, hung or was lost
            if isinstance(e, CancelledError):
                # By none of us: it is the pool that may have gone, which says so when it is asked.
                _ = self.pool.workers
            why = f"its worker was lost or took too long ({type(e).__name__}: {one_line(e, 200)})"
            self._failed(Answer(number, None, why, False, 0.0, "lost"))
            return
        if answer.error is not None:
            self._failed(answer)
            return
        result = Result(number, unit, answer.value, answer.seconds, answer.worker, answer.notes)
        try:
            self.outcome.computed += self.store.record(result)
        except (TypeError, ValueError) as e:
            self._failed(replace(answer, error=f"its result is no plain JSON ({one_line(e, 200)})", final=True))
            return
        self.left.finished(self.labels[number], answer.seconds)

    def _failed(self, answer: Answer) -> None:
        number, sentence = answer.number, str(answer.error)
        tries = self.attempts[number]
        final = answer.final or tries >= self.computing.attempts
        trace = {"traceback": answer.trace} if answer.trace else {}
        self.live.log("failed" if final else "tried", unit=number, attempt=tries, why=sentence, **trace)
        if final:
            self.store.fail(number, sentence, tries)
            self.outcome.failures.append(answer)
            self.left.dropped(self.labels[number])
        else:
            self.waiting.append(number)

    def _tell(self) -> None:
        left = self.left.range(time.monotonic() - self.started, self.pool.workers)
        done = self.before.finished + self.outcome.computed
        failed = f", {self.outcome.failed} failed" if self.outcome.failed else ""
        self.show(f"units{failed}, {in_words(left)}", done, self.before.units)
        self.live.summarise(self.before, self.outcome.computed, left, failed=self.outcome.failed)
