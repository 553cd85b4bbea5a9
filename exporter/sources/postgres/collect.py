"""Asks one database its questions in turn, and shows what is known: no more, and not for longer.

There is one loop and one connection, so never two queries at once. Those that failed last wait for
those that did not: a locked table delays another query by one budget at most.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from exporter.clock import Clock
from exporter.errors import SourceError
from exporter.model import Board
from exporter.sources.postgres.budget import OPENS_AFTER, Backoff, Many
from exporter.sources.postgres.introspect import Findings, Obstacle, introspect
from exporter.sources.postgres.known import Known
from exporter.sources.postgres.lanes import Key, Lane, Shown, Telling, new_lane
from exporter.sources.postgres.query import Point, RowsError
from exporter.sources.postgres.session import CANCELED, LOCKED, QueryError, Session
from exporter.sources.postgres.settings import Postgres
from exporter.sources.worker import Worker

INTROSPECT_SECONDS = 180.0
STEP_SECONDS = 1.0  # the loop wakes this often, to drop what has become old
SCHEMA_CLASS = "42"  # the tables are not as they were found, or may not be read any more

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Collector:
    """The state of one source at work. `now` is a clock that never goes back."""

    settings: Postgres
    board: Board
    clock: Clock
    now: Callable[[], float] = field(default_factory=lambda: asyncio.get_running_loop().time)
    _worker: Worker = field(init=False, repr=False)
    _session: Session = field(init=False)
    _lanes: list[Lane] = field(init=False)
    _shown: Shown = field(init=False)
    _telling: Telling = field(init=False)
    _known: defaultdict[str, Known] = field(default_factory=lambda: defaultdict(Known))
    _backoff: Backoff = field(default_factory=Backoff)
    _connect_at: float = -math.inf
    _introspect_at: float = -math.inf
    _ping_at: float = -math.inf
    _up: bool | None = None

    def __post_init__(self) -> None:
        self._worker = Worker(self.settings.name)
        self._session = Session(self.settings, self._worker)
        self._lanes = [new_lane(query, self.settings.interval) for query in self.settings.queries]
        self._shown = Shown(self.board)
        self._telling = Telling(self.board, self.clock)

    # -- the loop -----------------------------------------------------------------------------

    async def run(self) -> None:
        """Ask until cancelled; a lost connection is opened anew."""
        self._tell_limits()
        self._tell_up(up=False)
        for lane in self._lanes:
            if lane.here:
                self._telling.clock_of(lane)
        try:
            while True:
                try:
                    await self._step()
                except SourceError as error:
                    self._disconnected(error)
                self._expire()
        except Exception:
            self._unsay()
            raise
        finally:
            self._worker.close(lambda: None)
            await self._session.close()

    async def _step(self) -> None:
        """Do the one thing that is due now, or rest a little."""
        now = self.now()
        if not self._session.connected:
            await self._connect(now)
        elif now >= self._introspect_at:
            await self._introspect()
        elif (lane := self._next(now)) is not None:
            await self._ask(lane)
        elif now >= self._ping_at:
            await self._ping()
        else:
            await self._rest(min((one.pace.due for one in self._lanes), default=math.inf))

    async def _rest(self, until: float) -> None:
        await asyncio.sleep(min(max(0.0, until - self.now()), STEP_SECONDS))

    def _next(self, now: float) -> Lane | None:
        """The query that runs now: of those that are due, first those that did not fail."""
        due = [one for one in self._lanes if one.pace.due <= now]
        return min(due, key=lambda one: (one.pace.failures > 0, one.pace.due), default=None)

    # -- the connection -----------------------------------------------------------------------

    async def _connect(self, now: float) -> None:
        if now < self._connect_at:
            await self._rest(self._connect_at)
            return
        await self._session.connect()
        self._introspect_at = -math.inf

    def _disconnected(self, error: SourceError) -> None:
        pause = self._backoff.next()
        self._connect_at = self.now() + pause
        self._tell_up(up=False, failure=error.reason)
        log.warning("%s: %s; again in %.1f s", self.settings.name, error, pause)

    def _tell_up(self, *, up: bool, failure: str | None = None) -> None:
        """Say whether the database answers; said again it costs nothing, but a failure counts."""
        if up != self._up or failure is not None:
            self.board.source_state(self.settings.name, up=up, failure=failure)
            if up:
                log.info("%s: answers", self.settings.name)
        if up or failure is not None:  # before the first attempt nothing is known
            self._put("watched_postgres_up", float(up))
        self._up = up

    def _tell_limits(self) -> None:
        """Show what the configuration says: it is known without asking."""
        self.board.put(
            "sidewatch_source_interval_seconds",
            {"source": self.settings.name},
            self.settings.interval,
        )
        if self.settings.pool_limit is not None:
            self._put("watched_postgres_pool_limit", self.settings.pool_limit)
        if self.settings.size_limit is not None:
            self._put("watched_postgres_size_limit_bytes", self.settings.size_limit)

    def _put(self, metric: str, value: float) -> None:
        self.board.put(metric, {"database": self.settings.database}, value)

    # -- what there is ------------------------------------------------------------------------

    async def _introspect(self) -> None:
        """Look at the tables, columns and rights, and let each query run or not by them."""
        limit = self.settings.statement_timeout
        try:
            queries = [lane.query for lane in self._lanes]
            findings = await introspect(self._session, queries, limit)
        except QueryError as error:
            self._introspect_at = self.now() + self.settings.interval
            self._telling.failure("introspection", error.state)
            log.warning("%s: introspection failed: %s", self.settings.name, error)
            return
        self._answered()
        self._introspect_at = self.now() + INTROSPECT_SECONDS
        # The queries of two generations have one name: first those go that are not here any more.
        for lane in self._lanes:
            if lane.here and not findings.has(lane.query):
                self._leave(lane)
        for lane in self._lanes:
            if findings.has(lane.query):
                self._judge(lane, findings)

    def _judge(self, lane: Lane, findings: Findings) -> None:
        """Let it run, or say what is in its way."""
        before, lane.obstacle = lane.obstacle, findings.obstacle(lane.query)
        if not lane.here:
            lane.here = True
            lane.pace.resume(self.now())
            self._telling.clock_of(lane)
        if lane.obstacle is None:
            if before is not None:
                lane.pace.resume(self.now())
        else:
            if lane.obstacle != before:
                text = lane.obstacle.text
                level = logging.DEBUG if lane.obstacle.reason == "version" else logging.WARNING
                log.log(level, "%s: query %s: %s", self.settings.name, lane.query.name, text)
            lane.pace.due = math.inf
        self._telling.disabled(lane)

    def _leave(self, lane: Lane) -> None:
        """What it asked about is not in this database, or not any more."""
        lane.here, lane.obstacle, lane.trouble = False, None, None
        lane.pace.due = math.inf
        self._show(lane, set())
        self._telling.disabled(lane)
        self._telling.gone(lane)

    async def _ping(self) -> None:
        """See whether it still answers, where nothing else was to be asked."""
        self._ping_at = self.now() + self.settings.interval
        try:
            await self._session.ask("SELECT 1.0::float8", timeout=self.settings.statement_timeout)
        except QueryError as error:
            raise SourceError("unresponsive", str(error)) from None
        self._answered()

    def _answered(self) -> None:
        self._ping_at = self.now() + 2 * self.settings.interval
        self._backoff.reset()
        self._tell_up(up=True)
        self.board.looked(self.settings.name)

    # -- one query ----------------------------------------------------------------------------

    async def _ask(self, lane: Lane) -> None:
        began = self.now()
        timeout = lane.query.timeout or self.settings.statement_timeout
        try:
            points = await self._answer(lane, timeout)
        except QueryError as error:
            self._failed(lane, error.state, str(error))
        except RowsError as error:
            self._failed(lane, "rows", str(error))
        except SourceError as error:  # perhaps it is this query that kills its backend
            self._failed(lane, "lost", str(error))
            raise
        else:
            self._succeeded(lane, points, self.now() - began)

    async def _answer(
        self,
        lane: Lane,
        timeout: float,  # noqa: ASYNC109 - the server's time-out
    ) -> list[Point]:
        """What the query says, with the zeros of all that is known."""
        query, fill = lane.query, lane.query.fill
        if lane.counter is not None and fill is not None:
            known = self._known[fill.group]
            points = await lane.counter.ask(self._session, known.names(), timeout)
            known.many = Many(lane.counter.pass_seconds) if lane.counter.many else None
        else:
            points = list(query.points(await self._session.ask(query.wrapped(), timeout=timeout)))
        if fill is not None:
            points = list(self._known[fill.group].told(fill, points, self.now()))
        if query.skew:
            ran_at = self.clock.now() - (self.now() - self._session.ran_at)
            points = [replace(point, value=point.value - ran_at) for point in points]
        return points

    def _succeeded(self, lane: Lane, points: list[Point], took: float) -> None:
        lane.pace.succeeded(self.now(), took, self._slack(lane, took))
        lane.trouble = None
        self._answered()
        self._show(lane, {self._write(lane, point) for point in points})
        self._telling.disabled(lane)
        self._telling.took(lane, took)
        self._telling.clock_of(lane)

    def _slack(self, lane: Lane, took: float) -> float:
        """Where jobs are many, what is asked about them rests longer: it changes slowly."""
        fill = lane.query.fill
        if fill is None or (many := self._known[fill.group].many) is None:
            return 1
        counts = lane.counter is not None
        return many.slack(took, lane.pace.interval, lane.query.spacing, counts=counts)

    def _show(self, lane: Lane, shown: set[Key]) -> None:
        """Drop what the query showed and says no more."""
        for key in lane.shown - shown:
            self._shown.drop(key, lane.query.name)
        lane.shown = shown

    def _write(self, lane: Lane, point: Point) -> Key:
        labels = {**point.labels, "database": self.settings.database}
        key = point.metric, tuple(sorted(labels.items()))
        if point.metric.endswith("_total"):
            self.board.count(point.metric, labels, point.value, point.epoch)
        else:
            value = self.clock.now() - point.value if point.age else point.value
            if lane.query.fill is None:
                self.board.put(point.metric, labels, value)
            else:
                self._shown.put(key, lane.query.name, value)
        return key

    def _unsay(self) -> None:
        """Leave nothing behind that another, who takes over, does not know to be ours."""
        for lane in self._lanes:
            self._show(lane, set())
            lane.obstacle = lane.trouble = None
            self._telling.disabled(lane)

    def _expire(self) -> None:
        """Drop what could not be refreshed: three intervals old is unknown."""
        now = self.now()
        for lane in self._lanes:
            if lane.shown and now >= lane.pace.fresh_until:
                self._show(lane, set())

    def _failed(self, lane: Lane, state: str, text: str) -> None:
        """Count the failure; where the tables are not as they were, look at them again."""
        now, name = self.now(), lane.query.name
        self._telling.failure(name, state)
        if lane.counter is not None and lane.counter.yields(state):
            lane.pace.due = now  # in a cheaper form, but after all others
            return
        lane.pace.failed(now)
        if state == "lost" and not lane.pace.open:
            lane.pace.due = now  # once is the server's doing: again, but after all others
        if state.startswith(SCHEMA_CLASS):
            self._introspect_at = min(self._introspect_at, now)
        if lane.pace.open:
            level = logging.WARNING if lane.pace.failures == OPENS_AFTER else logging.DEBUG
            log.log(level, "%s: query %s rests: %s", self.settings.name, name, text)
            if state != LOCKED:  # that query is sound, and its silence is told by its age
                lane.trouble = Obstacle("slow" if state == CANCELED else "broken", text)
        self._telling.disabled(lane)
