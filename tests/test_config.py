"""What a configuration means: values as they are written, profiles as they are merged."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.config import AppPlan, Plan, load, parse
from exporter.config.build import Builder
from exporter.config.nodes import At, Refused, Scalar
from exporter.engine.rules import Count, Drain, Event, Label, Observe, Set, Where
from exporter.errors import ConfigError
from exporter.model import Duration, Size
from exporter.sources.docker import Docker
from exporter.sources.docker.settings import Tls
from exporter.sources.files import Files
from exporter.sources.journald import Journald
from exporter.sources.stdin import Stdin

ROOT = Path(__file__).parents[1]

# From the project's design: this file must be enough, as it is.
DESIGN = """\
listen: 127.0.0.1:9877
state: ./state                       # everything that a restart needs
apps:
  - name: pullapprove                # the `app` label
    profile: pullapprove             # one of the five, or a path; none = generic formats
    logs:
      - files: ["/var/log/pullapprove/server*.log"]
        service: server
        from: end                    # or beginning; only without saved state
    postgres: {url: "postgresql://watcher@db/pullapprove", password_file: /run/secrets/pg}
    probes: {base: "http://server:8000"}
    containers: {project: pullapprove}
    files: {backups: {glob: "/backup/*.dump", every: 24h}}
    objectives: {queue_age: {default: 5m, queues: {mail: 30m}}}
"""


def read(text: str, environ: dict[str, str] | None = None) -> Plan:
    return parse(text, Path("/etc/sidewatch/sidewatch.yaml"), environ or {})


def app(text: str) -> AppPlan:
    """The plan of one application out of its settings, indented as they stand under `apps`."""
    return read(f"apps:\n  - name: shop\n{text}").apps[0]


# -- the file ------------------------------------------------------------------------------------


def test_the_file_of_the_design_is_enough() -> None:
    plan = read(DESIGN)
    assert plan.listen == "127.0.0.1:9877"
    assert plan.state == Path("/etc/sidewatch/state")
    (one,) = plan.apps
    assert (one.name, one.profile) == ("pullapprove", "pullapprove")
    (source,) = (placed.source for placed in one.logs)
    assert isinstance(source, Files)
    assert source.files == ("/var/log/pullapprove/server*.log",)
    assert (source.service, source.from_) == ("server", "end")
    assert one.postgres is not None
    assert one.postgres.database == "pullapprove"
    assert one.postgres.password_file == Path("/run/secrets/pg")


def test_the_file_of_the_design_has_nothing_to_be_noted() -> None:
    assert not read(DESIGN).notes


def test_every_kind_of_source_has_its_key() -> None:
    plan = read(
        "apps: [{name: shop, logs: [{docker: {project: shop}}, {stdin: true}, "
        "{journald: {unit: shop.service}}]}]"
    )
    kinds: list[type] = [Docker, Stdin, Journald]
    assert [type(placed.source) for placed in plan.apps[0].logs] == kinds


def test_the_files_that_secure_the_way_to_a_daemon_stand_beside_the_configuration() -> None:
    plan = read(
        "apps: [{name: shop, logs: [{docker: {project: shop, url: 'tcp://docker:2376',"
        " tls: {ca: ca.pem, cert: tls/cert.pem, key: /run/key.pem}}}]}]"
    )
    (placed,) = plan.apps[0].logs
    assert isinstance(placed.source, Docker)
    assert placed.source.name == "docker:tcp://docker:2376 shop"
    assert placed.source.docker.tls == Tls(
        Path("/etc/sidewatch/ca.pem"), Path("/etc/sidewatch/tls/cert.pem"), Path("/run/key.pem")
    )


def test_a_name_is_enough_and_the_rest_has_defaults() -> None:
    plan = read("apps: [{name: shop}]")
    assert (plan.listen, plan.log_level, plan.created) == ("127.0.0.1:9877", "info", False)
    assert plan.state == Path("/etc/sidewatch/state")
    (one,) = plan.apps
    assert (one.profile, one.rules.rules, one.rules.timezone) == ("generic", (), "UTC")
    assert [note.text for note in plan.notes] == ["no logs are named, so there is nothing to read"]


@pytest.mark.parametrize("own", ["true", "[]", "{level: info}"])
def test_forwarding_to_nobody_is_noted(tmp_path: Path, own: str) -> None:
    path = tmp_path / "sidewatch.yaml"
    path.write_text(f"apps: [{{name: a, forward: {own}, logs: [{{files: [/var/log/a.log]}}]}}]")
    notes = [note.text for note in load(path, {}).notes]
    assert "no destination is named, so nothing is forwarded" in notes


def test_values_are_what_they_look_like() -> None:
    """YAML 1.1 would read True, 8, 1.1, 45000, a date and a null here."""
    (one,) = read(
        "apps: [{name: 010, labels: {a: on, b: 1.10, c: 12:30:00, d: 2026-11-20, e: 'null'}}]"
    ).apps
    assert one.name == "010"
    assert one.labels == {"a": "on", "b": "1.10", "c": "12:30:00", "d": "2026-11-20", "e": "null"}


def test_one_text_stands_for_a_list_of_one() -> None:
    (placed,) = app("    logs: [{files: /var/log/shop.log}]\n").logs
    assert isinstance(placed.source, Files)
    assert placed.source.files == ("/var/log/shop.log",)


def test_relative_paths_start_at_the_file() -> None:
    plan = parse(
        "state: run\napps: [{name: shop, logs: [{files: [logs/*.log, /srv/*.log]}]}]",
        Path("/srv/a[b]/sidewatch.yaml"),
        {},
    )
    assert plan.state == Path("/srv/a[b]/run")
    (placed,) = plan.apps[0].logs
    assert isinstance(placed.source, Files)
    assert placed.source.files == ("/srv/a[[]b]/logs/*.log", "/srv/*.log")


def test_excluded_globs_and_journals_start_at_the_file_too() -> None:
    files, journal = app(
        """\
    logs:
      - {files: "*.log", exclude: [logs/old*, /srv/x*, old*]}
      - {journald: {unit: shop.service, directory: journal}}
"""
    ).logs
    assert isinstance(files.source, Files)
    assert files.source.exclude == ("/etc/sidewatch/logs/old*", "/srv/x*", "old*")
    assert isinstance(journal.source, Journald)
    assert journal.source.journald.directory == "/etc/sidewatch/journal"


def test_a_source_has_one_name_however_the_file_is_spelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Saved cursors are found by it."""
    monkeypatch.chdir(tmp_path)
    text = "apps: [{name: shop, logs: [{files: a.log}]}]"
    short, long = (parse(text, folder / "x.yaml", {}) for folder in (Path(), tmp_path))
    assert short.apps[0].logs[0].source.name == long.apps[0].logs[0].source.name
    assert short.state == long.state


def test_variables_are_filled_in() -> None:
    plan = read(
        "listen: ${HOST}:${PORT}\napps: [{name: shop, labels: {env: '${ENV}', raw: '$${ENV}'}}]",
        {"HOST": "localhost", "PORT": "9000", "ENV": ""},
    )
    assert plan.listen == "localhost:9000"
    assert plan.apps[0].labels == {"env": "", "raw": "${ENV}"}


def test_the_environment_overrides_the_address() -> None:
    text = "listen: :1\napps: [{name: shop}]"
    assert read(text, {"SIDEWATCH_LISTEN": "[::1]:9000"}).listen == "[::1]:9000"
    assert read(text, {"SIDEWATCH_LISTEN": ""}).listen == ":1"
    with pytest.raises(ConfigError, match="SIDEWATCH_LISTEN: 'nowhere' is not an address like"):
        read(text, {"SIDEWATCH_LISTEN": "nowhere"})


def test_an_anchor_writes_a_value_once() -> None:
    (one,) = read("apps: [{name: shop, labels: {a: &x same, b: *x}}]").apps
    assert one.labels == {"a": "same", "b": "same"}


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    path = tmp_path / "sidewatch.yaml"
    path.write_text("apps: [{name: shop}]", encoding="utf-8-sig")
    assert load(path, {}).apps[0].name == "shop"


def test_labels_of_the_file_and_of_the_application_add_up() -> None:
    plan = read("labels: {env: test, zone: a}\napps: [{name: shop, labels: {zone: b}}]")
    assert plan.apps[0].labels == {"env": "test", "zone": "b"}


def test_the_labels_that_the_documentation_offers_are_free() -> None:
    (one,) = read("labels: {env: test, cluster: eu, host: box1}\napps: [{name: shop}]").apps
    assert one.labels == {"env": "test", "cluster": "eu", "host": "box1"}


def test_equal_text_gives_equal_plans_wherever_it_stands() -> None:
    """A reload compares plans: what only moved down a line goes on undisturbed."""
    assert read(DESIGN).apps == read("# moved\n\n" + DESIGN).apps
    assert read(DESIGN).apps != read(DESIGN.replace("from: end", "from: beginning")).apps


# -- scalars -------------------------------------------------------------------------------------

SPELLINGS = [
    (Duration, "250ms", 0.25),
    (Duration, "30s", 30.0),
    (Duration, "1h30m", 5400.0),
    (Duration, "1.5h", 5400.0),
    (Duration, "1w2d", 777600.0),
    (Duration, "90", 90.0),
    (Size, "0", 0),
    (Size, "64KiB", 65536),
    (Size, "1.5 GiB", 1610612736),
    (Size, "10MB", 10000000),
    (int, "010", 10),
    (int, "-3", -3),
    (float, "1e3", 1000.0),
    (float, ".5", 0.5),
    (bool, "on", True),
    (bool, "No", False),
]
MISSPELLINGS = [
    (Duration, ["", "5 minutes", "-5m", "m", "5m-", "1e400", "nan", "inf", "5M", "1:30", "٣s"]),
    (Size, ["", "1 gig", "-1", "1e3", "1Gib", "9999999TiB"]),
    (int, ["", "1.0", "1e3", "0x10", "1_000", "٣", "9" * 30]),
    (float, ["", "nan", "inf", "1_0", "1e999", "1,5", "."]),
    (bool, ["", "1", "truth", "y"]),
]


@pytest.mark.parametrize(("hint", "text", "value"), SPELLINGS)
def test_a_scalar_is_read_as_its_type_wants(hint: object, text: str, value: float) -> None:
    found = Builder().convert(hint, Scalar(text, 1, text), At("x.yaml"))
    assert type(found) is type(value)
    assert math.isclose(found, value)


@pytest.mark.parametrize(("hint", "text"), [(h, t) for h, texts in MISSPELLINGS for t in texts])
def test_a_misspelled_scalar_is_refused(hint: object, text: str) -> None:
    at = At("x.yaml", "key")
    with pytest.raises(Refused):
        Builder().convert(hint, Scalar(text, 7, text, quoted=True), at)
    (complaint,) = at.complaints
    assert str(complaint).startswith(f"x.yaml:7: key: {text!r} is not ")


def test_a_type_that_no_setting_can_have_is_a_mistake_of_ours() -> None:
    for hint in (set[str], int | str, complex):
        with pytest.raises(TypeError, match="a setting cannot be of the type"):
            Builder().convert(hint, Scalar("1", 1, "1"), At("x.yaml"))


# -- rules ---------------------------------------------------------------------------------------


def test_a_rule_in_full() -> None:
    (rule,) = app(
        """\
    heartbeats: {worker: 60s}
    routes: {"/webhooks/*": webhooks}
    rules:
      - message: "Took {ms:number} ms"
        format: jsonlines
        level: error
        where: {status: [500, 502], path: {none_of: "/up*"}, ms: {min: 100, max: 1e6}}
        count:
          watched_jobs_finished_total:
            queue: lane
            job_class: {field: jobType, default: none, lower: true}
            outcome: {value: completed}
          watched_api_responses_total:
            labels:
              api: {value: github}
              status: status
              from_cache: {field: cache, map: {"h*": hit}}
            by: calls
        observe:
          watched_http_request_duration_seconds:
            {value: ms, unit: ms, labels: {route: {field: path, map: routes}}, exemplar: id}
        set:
          watched_quota_remaining:
            value: left
            aggregate: min
            window: 1m
            labels: {quota: {value: github}, scope: {value: core}}
          watched_jobs_running: running
        event: {name: slow, impact: ticket}
        heartbeat: worker
        drain: {step: begin, grace: graceMs, unit: ms}
"""
    ).rules.rules
    assert rule.message == "Took {ms:number} ms"
    assert (rule.format, rule.level) == ("jsonlines", ("error",))
    assert rule.where == (
        Where("status", ("500", "502")),
        Where("path", none_of=("/up*",)),
        Where("ms", min=100.0, max=1e6),
    )
    outcome = Label(value="completed")
    job = Label("jobType", default="none", lower=True)
    cache = Label("cache", map={"h*": "hit"})
    github = Label(value="github")
    assert rule.count == (
        Count(
            "watched_jobs_finished_total",
            {"queue": Label("lane"), "job_class": job, "outcome": outcome},
        ),
        Count(
            "watched_api_responses_total",
            {"api": github, "status": Label("status"), "from_cache": cache},
            by="calls",
        ),
    )
    route = Label("path", map={"/webhooks/*": "webhooks"})
    metric = "watched_http_request_duration_seconds"
    assert rule.observe == (Observe(metric, "ms", {"route": route}, "ms", "id"),)
    labels = {"quota": github, "scope": Label(value="core")}
    assert rule.set == (
        Set("watched_quota_remaining", "left", labels, aggregate="min", window=60.0),
        Set("watched_jobs_running", "running", {}),
    )
    assert (rule.event, rule.heartbeat) == (Event("slow", "ticket"), "worker")
    assert rule.drain == Drain("begin", "graceMs", "ms")


def test_one_word_is_enough_for_an_event_and_a_drain() -> None:
    (rule,) = app("    rules: [{message: Bye, event: left, drain: end}]\n").rules.rules
    assert (rule.event, rule.drain) == (Event("left", "info"), Drain("end"))


def test_a_metric_of_ones_own_joins_the_vocabulary() -> None:
    one = app(
        """\
    metrics:
      orders_total: {type: counter, help: Orders taken., labels: [country]}
      baking_seconds: {type: histogram, help: Baking., buckets: [500ms, 1m]}
      baking_hours: {type: histogram, help: Baking.}
    rules: [{message: Ordered, count: {orders_total: {country: c}}, observe: {baking_seconds: s}}]
    declare: {orders_total: [{country: de}, {country: fr}]}
    limits: {orders_total: 20, watched_exceptions_total: 50}
"""
    )
    orders = one.families["orders_total"]
    assert (orders.kind, orders.labels, orders.limit) == ("counter", ("country",), 20)
    assert one.families["baking_seconds"].buckets == (0.5, 60.0)
    assert one.families["baking_hours"].buckets[-1] == 7200.0
    assert one.families["watched_exceptions_total"].limit == 50
    assert one.rules.declare == {"orders_total": ({"country": "de"}, {"country": "fr"})}


def test_sidewatchs_own_metrics_are_not_to_be_moved() -> None:
    with pytest.raises(ConfigError, match="sidewatch_scrapes_total: no such metric"):
        app("    rules: [{message: x, count: {sidewatch_scrapes_total: {}}}]\n")


# -- cost ----------------------------------------------------------------------------------------


def test_reading_a_configuration_loads_no_library_of_a_source() -> None:
    heavy = "{'aiohttp', 'asyncpg', 'docker', 'opentelemetry', 'zstandard'}"
    code = f"import sys, exporter.config; print(*sorted({heavy} & set(sys.modules)))"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == ""
