"""Healthy weeks of the five applications: their logs, and what else is seen of them, by minutes.

Logs are written in the real format and read by sidewatch. What databases, endpoints, containers and
files show is made here, by the names and labels of the vocabulary, as it moves where all is well:
ages breathe with the traffic, a deploy ends one container and starts another, a backup comes each
night, a certificate is renewed when it has 30 days left.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from exporter.app.assembly import assemble, declare
from exporter.clock import SetClock
from exporter.config import parse
from exporter.exposition import timeline
from exporter.history import SOURCE, Log, steps
from exporter.model import Cursor
from tests.support.firing import MINUTE, Story, story
from tests.support.voices import BEGIN, Said, Voice, forms, write

HOUR, DAY = 60 * MINUTE, 24 * 60 * MINUTE
MORNING = 10 * HOUR  # BEGIN is a Monday, at ten
# Whose words come with the users; the others speak whether anybody is there or not.
TRAFFIC = {"webhooks", "pages", "api", "jobs", "queued", "pushes", "builder", "proxy", "git"}
TRAFFIC |= {"writes"}
LOW, HIGH, REST = 1 / 30, 12.0, 0.5
BURSTS = (9, 13, 17)  # hours of the day, and they last
BURST = 20 * MINUTE
DEPLOY_HOUR, DEPLOY_DAY = 14, 2  # on Wednesdays, and on the first day where there is no other
DOWN, SETTLED = 2, 6  # minutes that a deploy lasts, and until its quiet window ends
SCRAPED = 2  # minutes between two numbers

# What kodiai says as it is replaced: seconds after the signal, fields, and the message.
FAREWELL = (
    (
        0.0,
        '"signal":"SIGTERM","graceMs":300000,"activeTotal":0,',
        "Shutdown signal received, starting graceful drain",
    ),
    (20.0, '"drainMs":20000,', "Graceful drain completed successfully"),
    (DOWN * MINUTE - 5, '"port":3000,', "Kodiai server started"),
)

Value = Callable[[float], float | None]  # of seconds since the beginning


@dataclass(frozen=True)
class Week:
    """An application and a kind of week (or of fewer days): how busy it is, and its deploy."""

    app: str
    kind: str
    days: int

    @property
    def name(self) -> str:
        """Told apart from all others."""
        return f"{self.app}-{self.kind}"

    @property
    def minutes(self) -> int:
        """How long it is."""
        return int(self.days * DAY / MINUTE)

    @property
    def deploy(self) -> float:
        """When the deploy begins; never, in most weeks."""
        if self.kind != "deploy":
            return math.inf
        day = DEPLOY_DAY if self.days > DEPLOY_DAY else 0
        return day * DAY + DEPLOY_HOUR * HOUR - MORNING

    def busy(self, at: float) -> float:
        """How much traffic there is, 1 on a usual day."""
        hour, within = divmod((at + MORNING) % DAY, HOUR)
        match self.kind:
            case "low":
                return LOW
            case "bursty":
                return HIGH if hour in BURSTS and within < BURST else REST
            case "nightly":
                return 0.0 if hour >= 22 or hour < 6 else 1.0
        return 1.0

    def down(self, at: float) -> bool:
        """Whether a deploy has stopped it."""
        return self.deploy <= at < self.deploy + DOWN * MINUTE

    def said(self) -> list[Said]:
        """All that its logs hold, in the order of time."""
        form = next(iter(forms(self.app).values()))
        said = [
            (at, voice)
            for name, voice in form.voices.items()
            for at in self._moments(name, voice)
            if not self.down(at)
        ]
        return sorted([*said, *self._farewell()], key=lambda one: one[0])

    def _moments(self, name: str, voice: Voice) -> Iterator[float]:
        """When a voice speaks: as often as ever, or as the traffic has it."""
        if name not in TRAFFIC or voice.every is None:
            yield from voice.moments(0.0, self.days * DAY)
            return
        step, come = voice.every / HIGH, 0.0
        for number in range(int(self.days * DAY / step)):
            at = voice.after + number * step
            come += self.busy(number * step) / HIGH
            if come >= 1.0:
                come -= 1.0
                yield at

    def _farewell(self) -> Iterator[Said]:
        """What kodiai says; the others end without a word that counts."""
        if self.app != "kodiai" or math.isinf(self.deploy):
            return
        head = '{"level":30,"time":$ms,"pid":1,"hostname":"4f1d2c9a7b3e",'
        for after, more, message in FAREWELL:
            line = f'{head}{more}"msg":"{message}"}}'
            yield self.deploy + after, Voice("kodiai", line)

    def story(self, folder: Path) -> Story:
        """Write the logs, let sidewatch read them, and put beside it what else it sees."""
        form = next(iter(forms(self.app).values()))
        paths = write(folder, form, self.said())
        text = f"apps: [{{name: {self.app}, profile: {self.app}, logs: [{{files: /var/log/*}}]}}]"
        (plan,) = parse(text, Path("sidewatch.yaml"), {}).apps
        clock = SetClock()
        shard = assemble(plan, clock)
        shard.uid = SOURCE
        declare(shard, plan)
        logs = [Log(Cursor(path.name, path.name, "file"), [path.read_bytes()]) for path in paths]
        until = BEGIN + self.days * DAY
        shown = timeline(steps(shard, clock, logs, SCRAPED * MINUTE, until=until))
        read = story(shown, self.app, BEGIN, self.minutes)
        return replace(read, series={**self._beside(), **read.series})

    def _beside(self) -> dict[str, Sequence[float | None]]:
        ats = [minute * MINUTE for minute in range(self.minutes + 1)]
        return {
            _spelled(name, {"app": self.app, **labels}): [value(at) for at in ats]
            for name, labels, value in seen(self)
        }


def _spelled(name: str, labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{pairs}}}"


# -- what is seen beside the logs -----------------------------------------------------------------

Seen = tuple[str, Mapping[str, str], Value]
SERVICES = {
    "agledger": "agledger-api",
    "kodiai": "kodiai",
    "paas": "api",
    "pullapprove": "server",
    "tripl": "app",
}


VERSIONS = ("1.4.0", "1.4.1")  # before the deploy, and after it
ENDS = {"completed": 1.0, "failed": 0.01, "lost": 0.0, "exhausted": 0.0, "cancelled": 0.0}


def seen(week: Week) -> Iterator[Seen]:
    """Every series that is not from logs: its name, its labels but `app`, its values."""
    yield from _database(week)
    yield from _queue(week)
    yield from _endpoint(week)
    yield from _quota(week)
    yield from _containers(week)
    yield from _files()
    yield from _itself()


def _always(value: float) -> Value:
    return lambda at: value if at >= 0 else None


def _ripple(at: float, period: float) -> float:
    """Between 0 and 1, and back."""
    return 0.5 + 0.5 * math.sin(2 * math.pi * at / period)


def _database(week: Week) -> Iterator[Seen]:
    of = {"database": week.app}
    yield "watched_postgres_up", of, _always(1)
    yield "watched_postgres_max_connections", of, _always(97)
    yield (
        "watched_postgres_server_connections",
        of,
        lambda at: 12 + round(2 * min(12.0, week.busy(at)) + 6 * _ripple(at, HOUR)),
    )
    yield "watched_postgres_blocks_hit_total", of, lambda at: round(250 * at)
    yield "watched_postgres_blocks_read_total", of, lambda at: round(3 * at)
    yield "watched_postgres_clock_skew_seconds", of, lambda at: 0.02 * _ripple(at, 3 * HOUR)
    # The nightly dump is one transaction of some minutes, and some wait for another at times.
    yield (
        "watched_postgres_longest_transaction_seconds",
        of,
        lambda at: (at + MORNING - 2 * HOUR) % DAY if (at + MORNING - 2 * HOUR) % DAY < 900 else 1,
    )
    yield "watched_postgres_longest_idle_transaction_seconds", of, lambda at: 4 * _ripple(at, HOUR)
    yield "watched_postgres_longest_blocked_seconds", of, lambda at: 2 * _ripple(at, HOUR)
    yield "watched_postgres_deadlocks_total", of, _always(3)
    yield "watched_postgres_xid_age", of, lambda at: 2e7 + 1.5e8 * _ripple(at, 5 * DAY)
    yield "watched_postgres_size_limit_bytes", of, _always(20e9)
    yield "watched_postgres_size_bytes", of, lambda at: round(4e9 + 90e6 * at / DAY)
    yield from _upkeep(week, of)


def _upkeep(week: Week, of: Mapping[str, str]) -> Iterator[Seen]:
    """Reads that end in a rollback, a purge each night that vacuum follows, a copy each night."""

    def purging(at: float) -> bool:
        return (at + MORNING - 3 * HOUR) % DAY < 40 * MINUTE

    for outcome, share in (("committed", 0.7), ("rolled_back", 0.3)):
        ended = _sum(week, lambda at: 5 * week.busy(at) + 2 * purging(at), share)
        yield "watched_postgres_transactions_total", {**of, "outcome": outcome}, ended
    yield "watched_postgres_dead_rows_worst_ratio", of, lambda at: 0.4 if purging(at) else 0.1
    # An index is made anew on Sundays, and one try of the archiver fails each day.
    yield "watched_postgres_invalid_indexes", of, lambda at: float(at % (7 * DAY) < 10 * MINUTE)
    yield "watched_postgres_archive_failing", of, lambda at: float(at % DAY < 6 * MINUTE)
    for slot, reads, written in (
        ("replica", _always(1), 2e6),
        ("nightly", lambda at: float(purging(at)), 80e6),
    ):
        of_slot = {**of, "slot": slot}
        yield "watched_postgres_slot_retained_bytes", of_slot, _kept(written)
        yield "watched_postgres_slot_active", of_slot, reads
        yield "watched_postgres_slot_lost", of_slot, _always(0)
    yield "watched_postgres_replicas", of, _always(1)
    yield "watched_postgres_replicas_objective", of, _always(1)


def _kept(most: float) -> Value:
    """What has been written since three in the morning, so much in a day."""
    return lambda at: most * ((at + MORNING - 3 * HOUR) % DAY) / DAY


def _sum(week: Week, rate: Callable[[float], float], share: float) -> Value:
    """A counter that rises by a share of so much a second, each minute of the week."""
    risen = [0.0]
    for minute in range(week.minutes + 1):
        risen.append(risen[-1] + MINUTE * rate(minute * MINUTE) * share)
    return lambda at: round(risen[int(at / MINUTE)])


def _quota(week: Week) -> Iterator[Seen]:
    """5,000 an hour: a sync in its first ten minutes takes a third, and users what they need."""
    of = {"quota": "calls", "scope": "all"}

    def left(at: float) -> float:
        within = at % HOUR
        return 5000 - round(min(within, 600) * 2.8 + min(2.0, week.busy(at)) * within / 3)

    yield "watched_quota_limit", of, _always(5000)
    yield "watched_quota_remaining", of, left
    yield "watched_quota_reset_timestamp_seconds", of, lambda at: at - at % HOUR + HOUR


def _queue(week: Week) -> Iterator[Seen]:
    """A burst, and a deploy, leave work that waits for some minutes."""
    of = {"queue": "default"}

    def late(at: float) -> float:
        if week.down(at):
            return at - week.deploy
        return (200 if week.busy(at) > 1 else 20) * _ripple(at, 17 * MINUTE)

    def due(at: float) -> float:
        return round(late(at) / 10)

    yield "watched_queue_oldest_age_seconds", {**of, "clock": "due"}, late
    yield "watched_queue_oldest_age_seconds", {**of, "clock": "progress"}, late
    for state in ("ready", "running", "scheduled", "retrying", "overdue", "failed", "dead"):
        value = due if state == "ready" else _always({"running": 1, "scheduled": 3}.get(state, 0))
        yield "watched_queue_jobs", {**of, "state": state}, value
    for window, minutes in (("15m", 15), ("1h", 60)):
        for outcome, share in ENDS.items():
            of_ends = {**of, "outcome": outcome, "window": window}
            yield "watched_queue_recent_jobs", of_ends, _ended(week, minutes * share)
    for reason in ("expired", "heartbeat", "timeout", "lease"):
        yield "watched_queue_stuck_jobs", {**of, "reason": reason}, _always(0)
    library = {"queue_library": "shop"}
    yield "watched_workers", {**library, "state": "live"}, lambda at: 0 if week.down(at) else 2
    yield "watched_workers", {**library, "state": "stale"}, _always(0)


def _ended(week: Week, usual: float) -> Value:
    return lambda at: round(usual * week.busy(at))


def _told(week: Week, version: str) -> Value:
    """1 while the endpoint tells that version."""
    wanted = version == VERSIONS[0]
    return lambda at: 1 if not week.down(at) and (at < week.deploy) == wanted else None


def _is(week: Week, value: float) -> Value:
    """What a container shows while there is one."""
    return lambda at: None if week.down(at) else value


def _endpoint(week: Week) -> Iterator[Seen]:
    for kind in ("liveness", "readiness"):
        of = {"probe": "web", "kind": kind}
        yield "watched_probe_success", of, lambda at: 0 if week.down(at) else 1
        for reason in ("connect", "redirect", "status", "timeout"):
            failing = {"connect": lambda at: 1 if week.down(at) else 0}
            yield (
                "watched_probe_failing",
                {**of, "reason": reason},
                failing.get(reason, _always(0)),
            )
        # Slow while a burst lasts, for some minutes at a time.
        for phase, most in (("resolve", 0.02), ("connect", 0.01), ("tls", 0.06), ("wait", 0.3)):
            yield "watched_probe_duration_seconds", {**of, "phase": phase}, _took(week, most)
    for version in VERSIONS:
        yield "watched_probe_info", {"probe": "web", "version": version}, _told(week, version)
    # It is issued for 90 days, and renewed when 30 are left, which is on the third day.
    ends = 32 * DAY
    yield (
        "watched_tls_not_after_timestamp_seconds",
        {"probe": "web", "file": "", "vhost": ""},
        lambda at: ends if at < 2 * DAY else ends + 60 * DAY,
    )


def _took(week: Week, usual: float) -> Value:
    """So long, and in traffic longer at times."""
    return lambda at: usual * (1 + min(6.0, week.busy(at)) * _ripple(at, HOUR / 6))


def _containers(week: Week) -> Iterator[Seen]:
    service = SERVICES[week.app]
    of = {"service": service}
    yield "watched_service_expected_replicas", of, _always(1)
    yield "watched_service_running_replicas", of, lambda at: 0 if week.down(at) else 1
    yield "watched_container_restarts_total", of, _always(0)
    for state in ("starting", "healthy", "unhealthy"):
        of_replica = {**of, "replica": "1", "state": state}
        yield "watched_container_health", of_replica, _is(week, float(state == "healthy"))
    stopped = {**of, "exit_code": "143", "reason": "stopped"}
    yield (
        "watched_container_last_exit_timestamp_seconds",
        stopped,
        lambda at: week.deploy if at >= week.deploy else None,
    )
    yield (
        "watched_quiet_window",
        of,
        lambda at: float(week.deploy <= at < week.deploy + SETTLED * MINUTE),
    )


def _files() -> Iterator[Seen]:
    """A backup each night at two, a bit larger each time, and a disk that is cleaned up weekly."""
    of = {"file": "backups"}

    def nights(at: float) -> int:
        return int((at + MORNING - 2 * HOUR) // DAY)

    yield "watched_file_interval_seconds", of, _always(DAY)
    yield "watched_file_count", of, _always(7)
    yield "watched_file_watched_since_timestamp_seconds", of, _always(-30 * DAY)
    yield (
        "watched_file_newest_timestamp_seconds",
        of,
        lambda at: nights(at) * DAY + 2 * HOUR - MORNING,
    )
    yield "watched_file_newest_bytes", of, lambda at: 5e8 + 1e6 * nights(at)
    yield "watched_file_previous_bytes", of, lambda at: 5e8 + 1e6 * (nights(at) - 1)
    disk = {"mount": "/"}
    yield "watched_filesystem_size_bytes", disk, _always(80e9)
    yield (
        "watched_filesystem_avail_bytes",
        disk,
        lambda at: round(40e9 - 3e8 * (at % (7 * DAY)) / DAY),
    )


def _itself() -> Iterator[Seen]:
    """sidewatch, which looks at all of it."""
    for source in ("containers", "files", "postgres", "probes"):
        of = {"source": source}
        yield "sidewatch_source_up", of, _always(1)
        yield "sidewatch_source_last_success_timestamp_seconds", of, lambda at: at - 7
        yield "sidewatch_source_interval_seconds", of, _always(15)
    query = {"query": "jobs"}
    yield "sidewatch_query_last_success_timestamp_seconds", query, lambda at: at - 9
    yield "sidewatch_query_interval_seconds", query, _always(15)
