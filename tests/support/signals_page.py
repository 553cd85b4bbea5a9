"""docs/signals.md out of tests/signals: `python -m tests.support.signals_page` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.support.faults import FAULTS, files, told

PAGE = Path(__file__).parents[2] / "docs/signals.md"

HEAD = """\
# Signals

Which alert tells of which fault, how urgently, and which test plays it. One set of rules serves
every application, so rows share alerts and are told apart by labels. Every alert carries `app`.

A profile owes its rows the names of these tables: events, heartbeats, routes, outcomes, queues,
entities with their states and phases. An event's impact decides its alert: `page` is
WatchedEventCritical (critical), `ticket` is WatchedEventTicket (warning), `info` alerts only as a
burst (WatchedEventBurst), and only under the names given here.

What is read from the database has a table of its own in each section. A limit given there is the
objective that the profile sets. Without objectives of its own a queue may be 5 minutes late, a
newly failed row and the third failure in a row alert, and a row may stay in any state for ever.

What is read from probes, containers and files has a third table. Files and mounts are watched where
the configuration names them, and `file` and `mount` are its names; probes and brokers are asked
where it says where these are, containers where it says which they are. A profile owes these rows
the names given here too: probes by whom they ask, components, fields, and what it declares of a
service (`watched_service_trait`: `oneshot`, `drains`, `volatile`).

Where a cause and its effect would both be told, Alertmanager holds the effect back
(`rules/alertmanager/alertmanager.yaml`): a service that does not work holds back what probes and
heartbeats say of its application, a database that is down the health checks that ask it.

- **critical**: users are hurt now, or data is lost. Someone gets up.
- **warning**: this week; or a cause whose effect pages by itself.

Each test plays its fault from what the application really emits (log lines, rows in a PostgreSQL,
answers over HTTP, containers of a Docker Engine, a RabbitMQ, files) through sidewatch and the rules
to what Alertmanager sends: nothing before, and one notification of the fault.

This page is made from `tests/signals.yaml` and `tests/signals/` by
`python -m tests.support.signals_page`.
"""

# What stands above the table of each kind of source; None under the application's own name.
TABLES = (
    (None, {"logs"}),
    ("from its own metrics", {"native"}),
    ("from the database", {"sql"}),
    ("from probes, containers and files", {"probe", "container", "file"}),
)
COLUMNS = "| signal | alert | told apart by | severity | because | fault | runbook | test |"
GUESSED = """
The names behind these are partly guesses. A table that is not there switches its query off, with
the reason; rows in a state that none of the names means are of the state `other`, and the first of
them is a WatchedRowsPresent.
"""

NATIVE = """
Prometheus scrapes them where they are, of the API and of the worker, and the targets' label `app`
is the application's name. A limit given here is AGLedger's own or ours; the objective `native` sets
another.
"""
FOOT = """
## Alerts without a signal

What no runbook names, and what holds for every application.

| alert | told apart by | severity | because |
| --- | --- | --- | --- |
| WatchedBudgetBurnsFast | `slo`, `subject` | critical | a fiftieth of a month's errors in an hour |
| WatchedBudgetBurns | `slo`, `subject` | warning | nothing is down, and too much fails |
| WatchedPostgresBlocked | `database` | warning | somebody waits; where all wait, the pool is \
exhausted |
| WatchedPostgresTransactionOpen | `database` | warning | it harms only if it goes on |
| WatchedPostgresDeadlocks | `database` | warning | the server has ended it; work may be lost |
| WatchedPostgresWraparound | `database` | critical | soon no write is taken, and mending takes \
hours |
| WatchedPostgresFreezeLate | `database` | warning | there is time left |
| WatchedPostgresReplicaLate | `database` | warning | what is read is old |
| WatchedPostgresSlotRetains | `database`, `slot` | warning | the disk fills up, and has alerts of \
its own |
| WatchedPostgresSlotUnread | `database`, `slot` | warning | the same, told sooner |
| WatchedPostgresSlotLost | `database`, `slot` | warning | what is behind it stands still; the \
database does not |
| WatchedPostgresReplicaGone | `database` | warning | the primary lives |
| WatchedPostgresArchiveFailing | `database` | warning | nothing is lost until the disk is |
| WatchedPostgresRollbacks | `database` | warning | what hurts users has alerts of its own |
| WatchedPostgresVacuumLate | `database` | warning | slower, day by day |
| WatchedPostgresIndexInvalid | `database` | warning | slow, not down |
| WatchedProbeSlow | `probe`, `phase` | warning | it answers |
| WatchedQuotaBurns | `quota`, `scope` | warning | there is something left |
| WatchedLogSilent | `service` | warning | who hangs has alerts of its own |
| TriplTaskFailures, TriplDeliveriesFailed | tripl's own metrics, where neither its log nor its \
database is read | warning | as tr-task-failures and tr-deliveries-failed |
| TriplSettingsUnreadable | tripl's own metrics | warning | it runs on the settings of its \
environment |

Those whose names begin with `Sidewatch` are about what sidewatch cannot see, those with `Pipeline`
about Prometheus and Alertmanager; `Watchdog` is for the dead-man's switch.
"""


def page() -> str:
    """The whole page."""
    apps = dict.fromkeys(one["app"] for one in FAULTS.values())
    return HEAD + "".join(f"\n## {app}\n{''.join(_tables(app))}" for app in apps) + FOOT


def _tables(app: str) -> Iterator[str]:
    for title, sources in TABLES:
        rows = [
            _row(signal)
            for signal, one in FAULTS.items()
            if one["app"] == app and one["from"] in sources and signal in files()
        ]
        if not rows:
            continue
        if title is not None:
            yield f"\n### {app}, {title}\n"
        if sources == {"native"}:
            yield NATIVE
        yield f"\n{COLUMNS}\n|{' --- |' * 8}\n{''.join(rows)}"
        if app == "paas" and sources == {"sql"}:
            yield GUESSED


def _row(signal: str) -> str:
    one = told(signal)
    runbooks = ", ".join(f"[{alert}](runbooks/{alert}.md)" for alert in one["alerts"])
    test = f"tests/signals/{signal}.yaml"
    cells = (
        signal,
        ", ".join(one["alerts"]),
        one["apart"],
        one["severity"],
        one["because"],
        FAULTS[signal]["fault"].replace("|", "\\|"),
        runbooks,
        f"[{signal}.yaml](../{test})",
    )
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    PAGE.write_text(page())
