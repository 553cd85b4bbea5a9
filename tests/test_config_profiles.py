"""Profiles: found, merged with what an application says for itself, and whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.config import AppPlan, Plan, built_in, load_profile, parse
from exporter.config.nodes import At, compose
from exporter.errors import ConfigError


def read(text: str) -> Plan:
    return parse(text, Path("/etc/sidewatch/sidewatch.yaml"), {})


@pytest.mark.parametrize("name", sorted(built_in()))
def test_a_built_in_profile_loads(name: str) -> None:
    one = load_profile(name)
    assert (one.name, one.profile) == (name, name)
    assert one.rules.rules
    assert load_profile(name, "other").name == "other"


def test_the_five_applications_are_built_in() -> None:
    assert set(built_in()) >= {"agledger", "kodiai", "paas", "pullapprove", "tripl"}


SHIPPED = sorted(
    path
    for folder in ("profiles", "queries", "queues")
    for path in (Path(__file__).parents[1] / "exporter" / folder).glob("**/*.yaml")
)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_quick_parser_reads_what_is_shipped_as_the_strict_one_does(path: Path) -> None:
    text = path.read_text()
    assert repr(compose(text, At("x"), shipped=True)) == repr(compose(text, At("x")))


def test_an_unknown_profile_is_told_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match="--profile: no profile 'xyz'; there are agledger, kodi"):
        load_profile("xyz")


def test_a_faulty_profile_alone_is_told_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("profile: p\nlogs: {rules: [{message: x}]}")
    with pytest.raises(ConfigError, match=r"p\.yaml:2: logs\.rules\[0\]: moves nothing"):
        load_profile("p.yaml", base=tmp_path)


PROFILE = """\
profile: bakery
timezone: Europe/Berlin
heartbeats: {oven: 60s, shop: 24h}
routes: {"/api/*": api, "/a*": a}
objectives:
  job_duration: {default: 10m, job_classes: {Bread: 1h, Cake: 2h}}
  job_wait: 5m
declare: {watched_jobs_started_total: [{queue: oven, job_class: Bread}]}
limits: {watched_exceptions_total: 5}
logs:
  rules:
    - message: Request
      count:
        watched_http_requests_total:
          {route: {field: path, map: routes}, method: {value: GET}, status: status}
"""


def bakery(tmp_path: Path, more: str) -> AppPlan:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles/bakery.yaml").write_text(PROFILE)
    text = f"apps:\n  - name: shop\n    profile: profiles/bakery.yaml\n{more}"
    return parse(text, tmp_path / "sidewatch.yaml", {}).apps[0]


def test_a_profile_of_ones_own_is_found_beside_the_file(tmp_path: Path) -> None:
    one = bakery(tmp_path, "")
    assert (one.profile, one.rules.timezone, len(one.rules.rules)) == ("bakery", "Europe/Berlin", 1)
    assert one.objectives["job_wait"].of("any") == 300.0


def test_an_application_differs_from_its_profile_where_it_says_so(tmp_path: Path) -> None:
    one = bakery(
        tmp_path,
        """\
    timezone: UTC
    heartbeats: {shop: 2h}
    routes: {"/a*": mine}
    objectives: {job_duration: {job_classes: {Cake: 3h}}, job_wait: {default: 1m}}
    declare: {watched_jobs_started_total: [{queue: oven, job_class: Cake}]}
    limits: {watched_exceptions_total: 6}
    rules: [{message: Closed, event: closed}]
    idle_hosts: [old.example.org]
""",
    )
    assert one.rules.timezone == "UTC"
    assert one.rules.heartbeats == {"oven": 60.0, "shop": 7200.0}
    assert [rule.message for rule in one.rules.rules] == ["Request", "Closed"]
    route = one.rules.rules[0].count[0].labels["route"]
    assert list((route.map or {}).items()) == [("/a*", "mine"), ("/api/*", "api")]
    assert one.rules.declare is not None
    assert [row["job_class"] for row in one.rules.declare["watched_jobs_started_total"]] == [
        "Bread",
        "Cake",
    ]
    duration = one.objectives["job_duration"]
    assert [duration.of(name) for name in ("Bread", "Cake", "Pie")] == [3600.0, 10800.0, 600.0]
    assert one.objectives["job_wait"].of("any") == 60.0
    assert one.families["watched_exceptions_total"].limit == 6
    assert one.idle_hosts == ("old.example.org",)


def test_every_objective_is_a_bound_of_its_histogram(tmp_path: Path) -> None:
    one = bakery(tmp_path, "    objectives: {job_duration: {job_classes: {Pie: 42m}}}\n")
    bounds = one.families["watched_job_duration_seconds"].buckets
    assert list(bounds) == sorted(bounds)
    assert {600.0, 3600.0, 7200.0, 2520.0} <= set(bounds)
    assert 2520.0 not in one.families["watched_job_wait_seconds"].buckets


def test_what_was_read_is_known_for_a_reload(tmp_path: Path) -> None:
    bakery(tmp_path, "")
    text = "apps: [{name: a, profile: ./profiles/bakery.yaml}]"
    plan = parse(text, tmp_path / "sidewatch.yaml", {})
    assert plan.read == (tmp_path / "sidewatch.yaml", tmp_path / "profiles/bakery.yaml")


def test_variables_stay_out_of_profiles(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "profile: p\nlogs: {rules: [{message: 'a ${{HOME}}', event: x}]}"
    )
    assert load_profile("p.yaml", base=tmp_path).rules.rules[0].message == "a ${{HOME}}"
