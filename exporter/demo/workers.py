"""pullapprove's workers, simulated: two on one queue, which lies in the database.

They do what plain.jobs does: each process of a worker looks once a second for a job that is due and
takes the newest; each worker says once a minute that it lives, in a line and in a row, and looks
after the jobs of workers that do so no more. What one is killed at stays as it is.

The first logs in key-value form and the second already in JSON, as in the middle of a change;
nothing needs to be told of that.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from random import Random
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from exporter.demo import plainjobs
from exporter.demo.entries import Deed, Entry, Form, Happening, keyvalue, plain_json, uuid
from exporter.demo.plainjobs import Process, Request, Result
from exporter.demo.pullapprove import IN_A_JOB
from exporter.demo.scenes import SCRIPT, Scene, spans

WORKERS: tuple[tuple[str, Form], ...] = (
    ("pullapprove/worker-1", keyvalue),
    ("pullapprove/worker-2", plain_json),
)
JOBS_A_MINUTE = 10
STATS_SECONDS = 60.0
STALE_SECONDS = 300.0  # without a heartbeat: then a worker is dead to the others
PRUNE_SECONDS = 600.0
POLL_SECONDS = 1.0
RETRY_SECONDS = 60.0  # after the first failure, twice as long after the second
LITTLE = 0.02
PROCESSES = 2
SOURCE = "/app/app/webhooks/views.py:88"
LOW_QUOTA, PAUSE_SECONDS = 500, 600
INSIGHTS = "app.insights.jobs.InsightsSync"

Act = Callable[[float], Iterator[Happening]]


class Kind(Struct, frozen=True):
    """A class of jobs: its share, how long one usually takes, in seconds, and its retries."""

    share: int
    takes: float
    retries: int


JOBS = {
    "app.pullrequests.jobs.PullRequestProcessUpdates": Kind(6, 2.0, 1),
    "app.pullrequests.jobs.PullRequestReport": Kind(3, 0.8, 0),
    INSIGHTS: Kind(1, 12.0, 2),
}


def workers(script: Sequence[Scene], dice: Random) -> Iterator[Happening]:
    """What both workers say and write, in order, without end."""
    queue = Queue(dice)
    for span in spans(script):
        queue.enter(span.begin, span.scene)
        yield from queue.until(span.end)


class Worker(Struct, eq=False):
    """One worker; `seen` is its last heartbeat."""

    log: str
    form: Form
    id: str
    pid: int
    seen: float
    alive: bool = True

    def say(
        self,
        at: float,
        message: str,
        about: dict[str, Any],
        level: str = "INFO",
        logger: str = "plain.jobs",
        traceback: str = "",
    ) -> Entry:
        """One of its lines."""
        return Entry(at, self.log, self.form, level, message, about, logger, traceback)


class Queue(Struct):
    """The queue, its workers, and what each of them is about to do."""

    dice: Random
    scene: Scene = SCRIPT[0]
    waiting: list[Request] = msgspec.field(default_factory=list)
    claimed: list[Process] = msgspec.field(default_factory=list)
    failed: list[Result] = msgspec.field(default_factory=list)  # and not yet asked for again
    workers: list[Worker] = msgspec.field(default_factory=list)  # with those not yet buried
    _agenda: list[tuple[float, int, Act]] = msgspec.field(default_factory=list)
    _number: Iterator[int] = msgspec.field(default_factory=count)

    # -- time ---------------------------------------------------------------------------------

    def enter(self, at: float, scene: Scene) -> None:
        """A scene begins, and with it workers start or are killed."""
        self.scene = scene
        if not self._agenda:
            self._plan(at + self.dice.expovariate(JOBS_A_MINUTE / 60.0), self._asked)
            self._plan(at + PRUNE_SECONDS, self._prune)
        alive = [one for one in self.workers if one.alive]
        if scene.workers and not alive:
            self._plan(at, self._start)
        if alive and not scene.workers:
            for one in alive:
                one.alive = False
            if not self.claimed:
                self._plan(at, partial(self._claimed_last, alive[0]))

    def until(self, end: float) -> Iterator[Happening]:
        """All that happens before `end`, in order."""
        while self._agenda[0][0] < end:
            at, _, act = heapq.heappop(self._agenda)
            yield from act(at)

    def _plan(self, at: float, act: Act) -> None:
        heapq.heappush(self._agenda, (at, next(self._number), act))

    def _plan_of(self, worker: Worker, at: float, act: Act) -> None:
        """Plan what does not happen if the worker is killed before."""
        self._plan(at, lambda at: act(at) if worker.alive else iter(()))

    # -- jobs are asked for -------------------------------------------------------------------

    def _asked(self, at: float) -> Iterator[Happening]:
        names, kinds = list(JOBS), list(JOBS.values())
        name = self.dice.choices(names, [one.share for one in kinds])[0]
        yield self._ask(at, name)
        self._plan(at + self.dice.expovariate(JOBS_A_MINUTE / 60.0), self._asked)

    def _ask(self, at: float, name: str) -> Deed:
        request = Request(uuid(self.dice), name, at, SOURCE, retries=JOBS[name].retries)
        self.waiting.append(request)
        return plainjobs.enqueue(request)

    def again(self, at: float, result: Result, delay: float, attempt: int) -> Iterator[Happening]:
        """A job is asked for once more, to begin after a delay."""
        request = replace(
            result.request, uuid=uuid(self.dice), created=at, start=at + delay, attempt=attempt
        )
        self.waiting.append(request)
        yield from plainjobs.again(at, result, request)

    def _prune(self, at: float) -> Iterator[Happening]:
        yield plainjobs.prune(at)
        self._plan(at + PRUNE_SECONDS, self._prune)

    # -- a worker -----------------------------------------------------------------------------

    def _start(self, at: float) -> Iterator[Happening]:
        for pid, (log, form) in enumerate(WORKERS, start=7):
            worker = Worker(log, form, uuid(self.dice), pid, at)
            about = {
                "registered_jobs": list(JOBS),
                "queues": [plainjobs.QUEUE],
                "jobs_schedule": [],
                "stats_every": int(STATS_SECONDS),
                "max_processes": PROCESSES,
                "max_jobs_per_process": None,
                "max_pending_per_process": 1,
                "pid": pid,
                "worker_id": worker.id,
            }
            yield worker.say(at, "Starting Plain worker", about)
            yield plainjobs.register(at, worker.id, log.partition("/")[2], pid)
            yield self._stats(at, worker)
            self.workers.append(worker)
            self._plan_of(worker, at + STATS_SECONDS, self._ticks(worker))
            for number in range(PROCESSES):
                looks = self._looks(worker, 30 + number)
                self._plan_of(worker, at + self.dice.uniform(0.1, POLL_SECONDS), looks)

    def _claimed_last(self, worker: Worker, at: float) -> Iterator[Happening]:
        """A worker is killed just as it has claimed a job, so that there is one to be rescued."""
        yield self._ask(at, INSIGHTS)
        yield from self._looks(worker, 30)(at)

    def _ticks(self, worker: Worker) -> Act:
        def tick(at: float) -> Iterator[Happening]:
            worker.seen = at
            yield plainjobs.beat(at, worker.id)
            yield self._stats(at, worker)
            yield from self._rescue(at)
            self._plan_of(worker, at + STATS_SECONDS, tick)

        return tick

    def _stats(self, at: float, worker: Worker) -> Entry:
        """jobs_* are counted in the database, so both workers tell the same."""
        about = {
            "worker_processes": PROCESSES,
            "worker_queues": plainjobs.QUEUE,
            "jobs_requested": len(self.waiting),
            "jobs_processing": len(self.claimed),
            "worker_max_processes": PROCESSES,
            "worker_max_jobs_per_process": None,
        }
        return worker.say(at, "Job worker stats", about)

    def _rescue(self, at: float) -> Iterator[Happening]:
        """Bury dead workers, call their jobs lost, and ask once more for what failed."""
        for dead in [one for one in self.workers if at - one.seen > STALE_SECONDS]:
            self.workers.remove(dead)
            yield plainjobs.bury(at, dead.id)
            for process in [one for one in self.claimed if one.worker_id == dead.id]:
                _, deed = self.ended(at, process, "LOST")
                yield deed
        for result in self.failed:
            attempt = result.request.attempt + 1
            yield from self.again(at, result, RETRY_SECONDS * attempt, attempt)
        self.failed.clear()

    # -- jobs are claimed, and end ------------------------------------------------------------

    def _looks(self, worker: Worker, pid: int) -> Act:
        """A process of the worker: it looks for a job that is due, and runs it."""

        def look(at: float) -> Iterator[Happening]:
            due = [one for one in self.waiting if one.start is None or one.start <= at]
            if not due:
                self._plan_of(worker, at + POLL_SECONDS, look)
                return
            request = max(due, key=Request.order)
            process = Process(uuid(self.dice), request, worker.id)
            self.waiting.remove(request)
            self.claimed.append(process)
            yield plainjobs.claim(at, process)
            run = Run(self, worker, pid, process, at + LITTLE)
            self._plan_of(worker, run.began, run.begin)
            self._plan_of(worker, run.began + run.takes / 2, run.ask)
            self._plan_of(worker, run.began + run.takes, run.end)
            self._plan_of(worker, run.began + run.takes + LITTLE, look)

        return look

    def ended(
        self, at: float, process: Process, status: str, error: str = ""
    ) -> tuple[Result, Deed]:
        """A job's result, which is written down; one that failed is asked for again later."""
        self.claimed.remove(process)
        result = Result(uuid(self.dice), process.request)
        left = result.request.attempt < result.request.retries
        if status in {"ERRORED", "LOST"} and left:
            self.failed.append(result)
        return result, plainjobs.end(at, process, result, status, error)


@dataclass(slots=True)
class Run:
    """A job at work; what becomes of it is decided as it begins."""

    queue: Queue
    worker: Worker
    pid: int
    process: Process
    began: float
    takes: float = field(init=False)
    fails: bool = field(init=False)
    left: int = field(init=False)  # of the provider's quota

    def __post_init__(self) -> None:
        dice, scene = self.queue.dice, self.queue.scene
        usual = JOBS[self.process.request.job_class].takes
        self.takes = round(usual * dice.lognormvariate(0.0, 0.5), 6)
        self.fails = dice.random() < scene.broken
        self.left = dice.randint(*scene.quota)

    def begin(self, at: float) -> Iterator[Happening]:
        """It is run."""
        yield plainjobs.start(at, self.process)
        about = {
            "worker_pid": self.pid,
            "job_class": self.process.request.job_class,
            "job_request_uuid": self.process.request.uuid,
            **self._job(),
        }
        yield self.worker.say(at, "Executing job", about)

    def ask(self, at: float) -> Iterator[Happening]:
        """It asks the provider."""
        work = {
            "job_request_uuid": self.process.request.uuid,
            "job_process_uuid": self.process.uuid,
        }
        if self._pauses():
            low = {**work, "rate_limit_remaining": self.left, "org": 'acme "prod"'}
            text = "Rate limit below threshold, pausing background sync"
            yield self.worker.say(at, text, low, "WARNING", "app")
        about = {**work, **self._answer()}
        yield self.worker.say(at, "API response", about, logger="app")

    def end(self, at: float) -> Iterator[Happening]:
        """It ends; the last line is the same for all ends."""
        if self.fails:
            yield self.worker.say(at, "Job failed", {}, "ERROR", traceback=IN_A_JOB)
            frames = "\n".join(IN_A_JOB.splitlines()[1:-1])
            result, deed = self.queue.ended(at, self.process, "ERRORED", frames)
            yield deed
        elif self._pauses():
            yield self.worker.say(at, "Job deferred", self._pause())
            result, deed = self.queue.ended(at, self.process, "DEFERRED")
            yield deed
            yield from self.queue.again(at, result, PAUSE_SECONDS, self.process.request.attempt)
        else:
            result, deed = self.queue.ended(at, self.process, "SUCCESSFUL")
            yield deed
        yield self.worker.say(at, "Completed job", self._done(result))

    def _pauses(self) -> bool:
        """Syncs in the background wait for a better quota."""
        return self.left < LOW_QUOTA and self.process.request.job_class == INSIGHTS

    def _pause(self) -> dict[str, Any]:
        return {
            "delay": PAUSE_SECONDS,
            "increment_retries": False,
            "job_class": self.process.request.job_class,
            "job_process_uuid": self.process.uuid,
        }

    def _job(self) -> dict[str, Any]:
        return {
            "job_priority": plainjobs.PRIORITY,
            "job_source": self.process.request.source,
            "job_queue": plainjobs.QUEUE,
        }

    def _done(self, result: Result) -> dict[str, Any]:
        return {
            "worker_pid": self.pid,
            "job_class": result.request.job_class,
            "job_process_uuid": self.process.uuid,
            "job_request_uuid": result.request.uuid,
            "job_result_uuid": result.uuid,
            **self._job(),
            "job_duration": self.takes,
            "job_queue_time": round(self.began - result.request.created, 6),
        }

    def _answer(self) -> dict[str, Any]:
        """An answer out of the cache costs nothing, and does not tell what is left."""
        dice = self.queue.dice
        url = f"https://api.github.com/repos/acme/web/pulls/{dice.randrange(700, 900)}"
        if dice.random() < 0.4:
            return {"status": 200, "from_cache": True, "url": url}
        return {
            "status": 200,
            "from_cache": False,
            "rate_limit_remaining": self.left,
            "rate_limit_reset": lambda now: int(now) // 3600 * 3600 + 3600,
            "url": url,
        }
