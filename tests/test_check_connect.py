"""`sidewatch check --connect` on real servers: what works, what does not, and what would help."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.__main__ import main
from exporter.sources.postgres import reach
from tests.support.parts import Parts
from tests.support.pg import Server, pooler
from tests.support.proxy import proxy
from tests.support.shop import locked, opened
from tests.support.waiting import free_port

SECRET = "correct-horse"  # a password that must be seen nowhere
METRICS = "metrics: {shop_orders: {type: gauge, help: Orders., labels: [state]}}"
QUERY = """\
        - name: orders
          sql: SELECT state, count(*) AS n FROM orders GROUP BY state
          labels: [state]
          metrics: {shop_orders: n}
          needs: {tables: {orders: [state]}}
"""

ERRANDS = Path(__file__).parent / "queues" / "errands"

Check = Callable[..., tuple[int, str]]


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    """Run it on databases given as YAML, one application each: its exit code and what it said."""

    def run(*databases: str) -> tuple[int, str]:
        apps = "".join(
            f"  - name: app{n}\n    {METRICS}\n    postgres:\n{database}"
            for n, database in enumerate(databases)
        )
        config = tmp_path / "sidewatch.yaml"
        config.write_text(f"apps:\n{apps}")
        code = main(["check", "--config", str(config), "--connect"])
        output = capsys.readouterr()
        assert output.err == ""
        assert SECRET not in output.out
        _, _, said = output.out.partition("\napp0: ")
        assert said, output.out
        return code, f"app0: {said}"

    return run


@pytest.fixture
def shop(postgres: Server) -> str:
    return opened(postgres)


def database(url: str, *rest: str, password: str = "first", queries: str = QUERY) -> str:
    lines = [f'url: "{url}"', f"password: {password}", *rest, "queries:"]
    return "".join(f"      {line}\n" for line in lines) + queries


def test_a_database_that_is_as_it_should_be(each_postgres: Server, check: Check) -> None:
    shop = opened(each_postgres)
    code, said = check(database(each_postgres.url("watcher", shop)))
    first, answered, *rest = said.splitlines()
    version = each_postgres.version()
    assert first == (
        f"app0: database {shop}: PostgreSQL {version}, a primary, as watcher;"
        " its clock is the same as ours"
    )
    assert re.fullmatch(r"  \d+ queries answered(, the slowest, \w+, in \d\.\d s)?", answered)
    assert (rest, code) == ([], 0)
    assert each_postgres.backends(shop) == 0


def test_what_may_not_be_read_comes_with_the_grant_that_helps(
    postgres: Server, check: Check, shop: str
) -> None:
    url = postgres.url("stranger", shop)
    code, said = check(database(url))
    grant = 'GRANT SELECT (state) ON orders TO "stranger"'
    assert f"\n  fault: query orders: may not be read: {grant}\n" in said
    assert "\n  other roles' sessions are hidden" in said  # said, and no fault
    assert 'GRANT pg_monitor TO "stranger"' in said
    assert 'GRANT pg_read_all_stats TO "stranger"' in said
    assert code == 1
    postgres.psql('GRANT SELECT (state) ON orders TO "stranger"', shop)
    code, said = check(database(url))
    assert "fault" not in said
    assert code == 0


def test_what_is_not_there_is_a_fault(postgres: Server, check: Check, shop: str) -> None:
    postgres.psql("ALTER TABLE orders RENAME COLUMN state TO status", shop)
    url = postgres.url("watcher", shop)
    code, said = check(database(url))
    assert "\n  fault: query orders: orders has no column state\n" in f"{said}\n"
    assert code == 1


def test_a_queue_library_is_recognised_and_missed_where_it_was_asked_for(
    postgres: Server, check: Check, shop: str
) -> None:
    queues = f"queues: {{errands: {{file: {ERRANDS}.yaml}}}}"

    def errands(user: str) -> tuple[int, str]:
        return check(database(postgres.url(user, shop), queues))

    code, said = errands("watcher")
    assert "no errands is here: there is no table public.errand" in said
    assert code == 1
    postgres.psql(Path(f"{ERRANDS}.sql").read_text(), shop)
    code, said = errands("watcher")
    assert re.search(r"^  queue library errands 2: \d+ queries$", said, re.MULTILINE)
    assert code == 0
    postgres.psql("REVOKE SELECT ON errand FROM watcher", shop)
    code, said = errands("watcher")
    assert re.search(
        r"^  fault: quer.*errands_jobs.*: may not be read: GRANT SELECT \(", said, re.MULTILINE
    )
    assert ') ON public.errand TO "watcher"' in said
    assert code == 1


@pytest.mark.alone(reason="it asserts the time of a query")
def test_queries_that_do_not_work_are_told_and_the_others_are_asked(
    postgres: Server, check: Check, shop: str
) -> None:
    queries = QUERY
    for name, sql in (
        ("slow", "SELECT 'a' AS state, 1 AS n FROM pg_sleep(9)"),
        ("costly", "SELECT 'b' AS state, 1 AS n FROM pg_sleep(0.2)"),
        ("wrong", "SELECT 'c' AS state, 1 / 0 AS n"),
        ("many", "SELECT 'd' AS state, i AS n FROM generate_series(1, 2) AS i"),
    ):
        queries += (
            f"        - {{name: {name}, timeout: 300ms, interval: 1s, labels: [state],\n"
            f'           metrics: {{shop_orders: n}}, sql: "{sql}"}}\n'
        )
    code, said = check(database(postgres.url("watcher", shop), queries=queries))
    assert "fault: query slow: took longer than 0.3 s and was canceled; an index may help" in said
    # At least 0.2 s, and by as much more as the machine is busy; twenty times that is the rest.
    assert re.search(r"\n  query costly took 0\.[23] s: it will rest [4-6] s .*, not 1 s;", said)
    assert "fault: query wrong: division by zero" in said
    assert "fault: query many: two rows have the same labels" in said
    assert "query orders" not in said
    assert code == 1


def test_a_locked_table_is_told_and_is_no_fault_of_the_configuration(
    postgres: Server, check: Check, shop: str
) -> None:
    with locked(postgres, shop, "orders"):
        code, said = check(database(postgres.url("watcher", shop)))
    assert "\n  query orders: waited in vain for a lock" in said
    assert code == 0


@pytest.mark.alone(reason="it asserts how long a look takes")
def test_databases_are_looked_at_together_and_none_waits_for_another(
    postgres: Server, check: Check, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "CONNECT_SECONDS", 2.0)
    nobody = free_port()
    with proxy(postgres.port) as one, proxy(postgres.port) as two:
        one.swallow()
        two.swallow()
        began = time.monotonic()
        code, said = check(
            database(postgres.url("watcher", shop)),
            database(postgres.url("watcher", shop, one.port)),
            database(postgres.url("watcher", shop, two.port)),
            database(f"postgresql://watcher@127.0.0.1:{nobody}/{shop}"),
            database(postgres.url("watcher", shop), password=SECRET),
            database(
                postgres.url(f"watcher:{SECRET}", shop), "statement_timeout: 1s", password="''"
            ),
            database(postgres.url("watcher", "nowhere")),
            database(f"postgresql://watcher@host.invalid/{shop}"),
            database(postgres.url("watcher", shop).replace("disable", "require")),
        )
        took = time.monotonic() - began
    assert took < 2 * 2.0  # one time-out, not two
    reasons = re.findall(r"^app(\d): .* cannot be reached\n  fault: (\w+): ", said, re.MULTILINE)
    assert dict(reasons) == {
        "1": "timeout",
        "2": "timeout",
        "3": "refused",
        "4": "password",
        "5": "password",
        "6": "no_database",
        "7": "dns",
        "8": "tls",
    }
    assert re.search(r"^app0: .*PostgreSQL", said)
    assert "does the server run, and listen at this address and port?" in said
    assert code == 1


def test_a_pooler_is_seen(parts: Parts, postgres: Server, check: Check, shop: str) -> None:
    parts.need("pgbouncer")
    with pooler(postgres, {}) as (port, _):
        code, said = check(database(postgres.url("watcher", shop, port)))
    assert "as watcher, through a pooler; its clock is the same as ours" in said
    assert code == 0


def test_a_superuser_is_more_than_is_needed(postgres: Server, check: Check, shop: str) -> None:
    postgres.psql("CREATE ROLE boss LOGIN SUPERUSER PASSWORD 'first'")
    code, said = check(database(postgres.url("boss", shop)))
    assert "\n  boss is a superuser; a role in pg_monitor is enough" in said
    assert code == 0
