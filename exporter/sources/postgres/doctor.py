"""A database looked at once: what works, what does not, and what would help.

It asks every query once, as the collector would, in at most `WHOLE_SECONDS`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from msgspec import Struct, field

from exporter.clock import Clock
from exporter.errors import SourceError
from exporter.sources.postgres.budget import SHARE
from exporter.sources.postgres.counting import Counter, Form
from exporter.sources.postgres.introspect import Findings, introspect
from exporter.sources.postgres.query import Query, RowsError
from exporter.sources.postgres.session import CANCELED, LOCKED, QueryError, Session
from exporter.sources.postgres.settings import Postgres
from exporter.sources.report import Remark, Report
from exporter.sources.worker import Worker

WHOLE_SECONDS = 30.0
MUCH_SKEW = 1.0
SLOWEST_TOLD = 0.1  # what is quicker needs no name

ABOUT = """
SELECT split_part(current_setting('server_version'), ' ', 1)::text,
       CASE WHEN pg_is_in_recovery() THEN 'a replica' ELSE 'a primary' END,
       pg_backend_pid()::float8,
       extract(epoch FROM clock_timestamp())::float8,
       pg_has_role('pg_monitor', 'USAGE')::int::float8,
       (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)::int::float8
"""

# What would help, by the reason for which a database is not reached.
HELP = {
    "refused": "does the server run, and listen at this address and port?",
    "dns": "is the host's name right, and known in this container or machine?",
    "timeout": "does a firewall or a wrong address swallow the packets, or is the server hung?",
    "unreachable": "is there a way to this address from here?",
    "tls": "do sslmode, sslrootcert and the host's name fit the server's certificate?",
    "password": "is it this role's password? password_file, passfile or password gives it",
    "permission": "does pg_hba.conf (or the role, or CONNECT on the database) let this role in?",
    "too_many_connections": "the server or the role has none left; see CONNECTION LIMIT",
    "no_database": "is the database's name right?",
    "starting": "the server starts, stops or recovers; try again",
    "role": "name all hosts in the URL, or ask for less with target_session_attrs",
    "lost": "does a proxy stand here whose server is gone?",
}


async def examine(settings: Postgres, clock: Clock) -> Report:
    """Connect once and ask everything once."""
    worker = Worker(f"check {settings.name}")
    visit = _Visit(settings, Session(settings, worker), clock)
    try:
        async with asyncio.timeout(WHOLE_SECONDS):
            await visit.go()
    except TimeoutError:
        visit.say(f"not everything was asked within {WHOLE_SECONDS:g} s", fault=True)
    except QueryError as error:
        visit.say(f"its catalogs cannot be read: {error}", fault=True)
    except SourceError as error:
        help_ = HELP.get(error.reason)
        visit.say(f"{error.reason}: {error}" + (f" ({help_})" if help_ else ""), fault=True)
    finally:
        await visit.session.close()
        worker.close()
    return Report(visit.summary, tuple(visit.remarks))


class _Visit(Struct):
    """What is known so far."""

    settings: Postgres
    session: Session
    clock: Clock
    summary: str = "cannot be reached"
    remarks: list[Remark] = field(default_factory=list)
    took: dict[str, float] = field(default_factory=dict)

    def say(self, text: str, *, fault: bool = False) -> None:
        self.remarks.append(Remark(text, fault))

    async def go(self) -> None:
        """Raises SourceError, and QueryError of what is no query of the settings."""
        await self.session.connect()
        findings = await introspect(
            self.session, self.settings.queries, self.settings.statement_timeout
        )
        await self._about(findings)
        here = [one for one in self.settings.queries if findings.has(one)]
        for library, count in _libraries(here, findings):
            self.say(f"queue library {library}: {count} queries")
        self._obstacles(here, findings)
        for query in here:
            if findings.obstacle(query) is None:
                await self._try(query)
        self._costs()

    async def _about(self, findings: Findings) -> None:
        """Say what the server is, and how far its clock and its rights are from what is good."""
        limit = self.settings.statement_timeout
        (row,) = await self.session.ask(ABOUT, timeout=limit)
        version, state, backend, time, monitor, superuser = row
        ran_at = self.clock.now() - (asyncio.get_running_loop().time() - self.session.ran_at)
        pooled = "" if backend == self.session.backend else ", through a pooler"
        self.summary = (
            f"PostgreSQL {version}, {state}, as {findings.role}{pooled};"
            f" its clock is {_apart(time - ran_at)}"
        )
        if abs(time - ran_at) > MUCH_SKEW:
            self.say("ages are told by the server's clock; set both by NTP")
        if superuser:
            self.say(f"{findings.role} is a superuser; a role in pg_monitor is enough")
        elif not monitor:
            grant = f"GRANT pg_monitor TO {findings.who}"
            self.say(f"other roles' sessions are hidden, their state is 'other': {grant}")

    def _obstacles(self, here: list[Query], findings: Findings) -> None:
        """Say what keeps queries from running: once, with all whom it concerns."""
        told: dict[Remark, list[str]] = {}
        for query in here:
            obstacle = findings.obstacle(query)
            if obstacle is not None and obstacle.reason != "version":
                # The health of a database is asked for unasked.
                remark = Remark(obstacle.text, fault=not query.needs.roles)
                told.setdefault(remark, []).append(query.name)
        for remark, names in told.items():
            self.say(f"{_named(names)}: {remark.text}", fault=remark.fault)

    async def _try(self, query: Query) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        limit = query.timeout or self.settings.statement_timeout
        try:
            form = await self._answer(query, limit)
        except RowsError as error:
            self.say(f"query {query.name}: {error}", fault=True)
        except QueryError as error:
            self.say(f"query {query.name}: {_why(error, limit)}", fault=error.state != LOCKED)
        else:
            self.took[query.name] = loop.time() - began
            if form != "exact":
                self.say(f"query {query.name}: counting each job costs too much; {FORMS[form]}")

    async def _answer(self, query: Query, limit: float) -> Form:
        """Ask it; the form in which it will go on. Raises QueryError, RowsError, SourceError."""
        if query.counting is None:
            list(query.points(await self.session.ask(query.wrapped(), timeout=limit)))
            return "exact"
        counter = Counter(query, query.counting)
        while True:
            try:
                await counter.ask(self.session, (), limit)
            except QueryError as error:
                if not counter.yields(error.state):
                    raise
            else:
                return counter.form

    def _costs(self) -> None:
        """Say how many queries were answered, and which will run more seldom for what they cost."""
        intervals = {
            one.name: one.interval or self.settings.interval * one.spacing
            for one in self.settings.queries
        }
        slowest = max(self.took, key=self.took.__getitem__, default=None)
        text = f"{len(self.took)} queries answered"
        if slowest is not None and self.took[slowest] >= SLOWEST_TOLD:
            text += f", the slowest, {slowest}, in {self.took[slowest]:.1f} s"
        self.remarks.insert(0, Remark(text))
        for name, took in self.took.items():
            if took / SHARE > intervals[name]:
                rest = f"will rest {took / SHARE:.0f} s between two runs, not {intervals[name]:g} s"
                self.say(f"query {name} took {took:.1f} s: it {rest}; an index may help")


FORMS: dict[Form, str] = {
    "exact": "all jobs are counted",
    "capped": "it counts up to a limit, and says so",
    "estimated": "the planner's estimate is shown, and said to be one",
}


def _libraries(here: list[Query], findings: Findings) -> Iterator[tuple[str, int]]:
    """The queue libraries that are there, with how many queries are about them."""
    counts: dict[str, int] = {}
    for query in here:
        part = query.part
        if part is not None and query.subject == "queues" and part.group in findings.generations:
            title = f"{part.group} {part.title}".strip()
            counts[title] = counts.get(title, 0) + 1
    yield from counts.items()


def _why(error: QueryError, limit: float) -> str:
    if error.state == CANCELED:
        return f"took longer than {limit:g} s and was canceled; an index may help"
    if error.state == LOCKED:
        return f"waited in vain for a lock ({error}); who holds it?"
    return str(error)


def _apart(seconds: float) -> str:
    if abs(seconds) < 0.05:
        return "the same as ours"
    return f"{abs(seconds):.1f} s {'ahead of' if seconds > 0 else 'behind'} ours"


def _named(names: list[str]) -> str:
    return f"query {names[0]}" if len(names) == 1 else f"queries {', '.join(names)}"
