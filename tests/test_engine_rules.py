"""What rules do with records, in both formats that have a fast path and in one that has none."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from exporter.engine.rules import (
    Count,
    Drain,
    Event,
    Label,
    LogRule,
    LogRules,
    Observe,
    Set,
    Where,
)
from exporter.model import Family
from exporter.vocabulary import FAMILIES
from tests.support.hostile import NOW
from tests.support.oracle import Counted, Numbers, plan_of

pytestmark = pytest.mark.usefixtures("each_engine")

OWN = {
    family.name: family
    for family in (
        Family("jobs_total", "counter", "Jobs.", ("kind",)),
        Family("took_seconds", "histogram", "Took.", ("kind",), buckets=(0.1, 1.0, 10.0)),
        Family("size", "gauge", "Size."),
    )
}
KIND = {"kind": Label(field="kind")}
AT = "2026-11-20T23:59:30.000Z"


def _counted(*rules: LogRule, heartbeats: Mapping[str, float] | None = None) -> Counted:
    plan = plan_of(LogRules(rules, heartbeats), {**FAMILIES, **OWN})
    return Counted(plan, NOW)


def _keyvalue(fields: Mapping[str, object], time: str) -> bytes:
    pairs = " ".join(f'{key}="{value}"' for key, value in fields.items())
    return f"INFO {time} Job done {pairs}\n".encode()


def _json(fields: Mapping[str, object], time: str) -> bytes:
    return json.dumps({"level": 30, "time": time, "msg": "Job done", **fields}).encode() + b"\n"


def _prefixed(fields: Mapping[str, object], time: str) -> bytes:
    """JSON behind a name, which is read exactly."""
    return b"web_1 | " + _json(fields, time)


FORMS = {"keyvalue": _keyvalue, "json": _json, "prefixed": _prefixed}
ANY = pytest.mark.parametrize("form", FORMS)


def _after(counted: Counted, form: str, *fields: Mapping[str, object], time: str = AT) -> Numbers:
    """The numbers after these records; each comes often enough to be learned."""
    for _ in range(6):
        counted.feed([FORMS[form](each, time) for each in fields])
    return counted.numbers()


@ANY
def test_a_template_that_captures_a_service_is_asked_for_that_one(form: str) -> None:
    """Records are of the service "service"; the first word of their message is "Job"."""
    counted = _counted(
        LogRule(
            message="{service} {*}",
            where=(Where("service", values=("Job",)),),
            count=(Count("jobs_total", {"kind": Label(field="service")}),),
        ),
        LogRule(message="{service} {*}", count=(Count("jobs_total", KIND),)),
    )
    numbers = _after(counted, form, {"kind": "a"})
    assert (numbers["jobs_total", ("Job",)], numbers["jobs_total", ("a",)]) == ((6.0,), (6.0,))


@pytest.mark.parametrize("name", ['k"q', "k\\q", "k\tq"])
def test_a_field_may_have_a_name_that_json_escapes(name: str) -> None:
    label = Label(field=name, default="none")
    counted = _counted(LogRule(message="Job done", count=(Count("jobs_total", {"kind": label}),)))
    numbers = _after(counted, "json", {name: "v"}, {"kind": "a"})
    assert (numbers["jobs_total", ("v",)], numbers["jobs_total", ("none",)]) == ((6.0,), (6.0,))


@ANY
def test_the_service_is_no_number_whatever_a_field_of_this_name_says(form: str) -> None:
    one = Observe("took_seconds", "took", KIND, "ms", exemplar="service")
    other = Observe("took_seconds", "service", {"kind": Label(value="other")})
    counted = _counted(
        LogRule(message="Job done", observe=(one, other), count=(Count("jobs_total", KIND),)),
        LogRule(message="Job done", count=(Count("jobs_total", KIND, by="service"),)),
    )
    numbers = _after(counted, form, {"kind": "a", "took": 5, "service": 7})
    assert numbers["jobs_total", ("a",)] == (6.0,)
    assert numbers["took_seconds", ("a",)][-1] == pytest.approx(0.03)
    assert ("took_seconds", ("other",)) not in numbers
    assert {shown for _, shown, *_ in counted.exemplars().values()} == {"service"}


@ANY
@pytest.mark.parametrize(
    ("label", "spelled", "shown"),
    [
        (Label(field="kind"), "Mail", "Mail"),
        (Label(field="kind", lower=True), "Mail", "mail"),
        (Label(field="kind", default="none"), "", "none"),
        (Label(field="kind"), "", ""),
        (Label(field="other", default="none"), "Mail", "none"),
        (Label(field="other"), "Mail", None),
        (Label(value="constant"), "Mail", "constant"),
        (Label(field="kind", map={"Mail": "post", "*": "rest"}), "Mail", "post"),
        (Label(field="kind", map={"Ma*": "post"}), "Mail", "post"),
        (Label(field="kind", map={"mail": "post"}, lower=True), "Mail", "post"),
        (Label(field="kind", map={"x": "y"}, default="rest"), "Mail", "rest"),
        (Label(field="kind", map={"x": "y"}), "Mail", None),
        (Label(field="kind"), "x" * 1000, "x" * 256),
        (Label(field="message"), "Mail", "Job done"),
        (Label(field="level"), "Mail", "info"),
        (Label(field="service"), "Mail", "service"),
    ],
)
def test_labels(form: str, label: Label, spelled: str, shown: str | None) -> None:
    counted = _counted(LogRule("Job done", count=(Count("jobs_total", {"kind": label}),)))
    numbers = _after(counted, form, {"kind": spelled})
    found = {labels: value for (name, labels), value in numbers.items() if name == "jobs_total"}
    assert found == ({} if shown is None else {(shown,): (6.0,)})


@ANY
@pytest.mark.parametrize(
    ("where", "value", "holds"),
    [
        (Where("kind", values=("a", "b*")), "bc", True),
        (Where("kind", values=("a", "b*")), "ab", False),
        (Where("kind", none_of=("a", "b*")), "c", True),
        (Where("kind", none_of=("a", "b*")), "b", False),
        (Where("kind", min=1.0, max=2.0), "2", True),
        (Where("kind", min=1.0, max=2.0), "2.5", False),
        (Where("kind", min=1.0), "many", False),
        (Where("other", values=("a",)), "a", False),
        (Where("other", none_of=("a",)), "a", True),
        (Where("level", values=("info",)), "a", True),
        (Where("service", values=("other",)), "a", False),
    ],
)
def test_conditions(form: str, where: Where, value: str, holds: bool) -> None:  # noqa: FBT001  pytest passes by name
    label = {"kind": Label(value="x")}
    rule = LogRule("Job done", where=(where,), count=(Count("jobs_total", label),))
    numbers = _after(_counted(rule), form, {"kind": value})
    assert ("jobs_total", ("x",)) in numbers if holds else "jobs_total" not in dict(numbers.keys())


@ANY
@pytest.mark.parametrize(
    ("level", "form_asked", "holds"),
    [((), None, True), (("info", "error"), None, True), (("error",), None, False)],
)
def test_levels_and_formats(
    form: str,
    level: tuple[str, ...],
    form_asked: str | None,
    holds: bool,  # noqa: FBT001  pytest passes by name
) -> None:
    rule = LogRule("Job done", level=level, format=form_asked, count=(Count("jobs_total", KIND),))
    numbers = _after(_counted(rule), form, {"kind": "a"})
    assert numbers.get(("jobs_total", ("a",))) == ((6.0,) if holds else None)


@ANY
def test_durations_fall_into_buckets_with_their_exemplars(form: str) -> None:
    observe = Observe("took_seconds", "ms", KIND, unit="ms", exemplar="id")
    counted = _counted(LogRule("Job done", observe=(observe,)))
    records = [
        {"kind": "a", "ms": ms, "id": f"id-{ms}"}
        for ms in (100, 100.5, 1000, 99_999, -5, "many", "")
    ]
    numbers = _after(counted, form, *records)
    *buckets, total = numbers["took_seconds", ("a",)]
    assert buckets == [6, 12, 0, 6]
    assert total == pytest.approx(6 * 101.1995)
    exemplars = counted.registry.exemplars
    assert {(name, value) for name, value, _, _ in exemplars.values()} == {
        ("id", "id-100"),
        ("id", "id-1000"),
        ("id", "id-99999"),
    }
    assert {at for *_, at in exemplars.values()} == {NOW - 30}


@ANY
def test_a_record_that_cannot_be_counted_makes_no_series(form: str) -> None:
    counted = _counted(
        LogRule(
            "Job done",
            count=(Count("jobs_total", KIND, by="n"),),
            observe=(Observe("took_seconds", "ms", KIND),),
            set=(Set("size", "n", {}),),
        )
    )
    numbers = _after(counted, form, {"kind": "a", "n": -1, "ms": -1}, {"kind": "b", "n": "x"})
    assert not {name for name, _ in numbers} & {"jobs_total", "took_seconds"}
    assert numbers["size", ()] == (-1.0,)


@ANY
@pytest.mark.parametrize(
    ("aggregate", "value"), [("last", 2.0), ("min", 1.0), ("max", 5.0), ("sum", 48.0)]
)
def test_gauges_of_a_window(form: str, aggregate: str, value: float) -> None:
    one = Set("size", "n", {}, aggregate=aggregate, window=60.0)  # type: ignore[arg-type]  # by name
    counted = _counted(LogRule("Job done", set=(one,)))
    numbers = _after(counted, form, {"n": 1}, {"n": 5}, {"n": 2})
    assert numbers["size", ()] == (value,)
    counted.now += 100.0
    assert str(counted.numbers()["size", ()][0]) == "nan"


@ANY
def test_records_of_long_ago_set_no_gauge_and_are_counted(form: str) -> None:
    rule = LogRule("Job done", count=(Count("jobs_total", KIND),), set=(Set("size", "n", {}),))
    counted = _counted(rule)
    numbers = _after(counted, form, {"kind": "a", "n": 5}, time="2026-11-20T23:54:59.000Z")
    assert "size" not in {name for name, _ in numbers}
    assert numbers["sidewatch_late_records_total", ("service",)] == (6.0,)
    assert numbers["jobs_total", ("a",)] == (6.0,)
    numbers = _after(counted, form, {"kind": "a", "n": 5}, time="2026-11-20T23:55:01.000Z")
    assert numbers["size", ()] == (5.0,)


@ANY
def test_a_time_in_the_future_is_now(form: str) -> None:
    counted = _counted(LogRule("Job done", event=Event("done")))
    numbers = _after(counted, form, {"kind": "a"}, time="2027-01-01T00:00:00.000Z")
    labels = ("service", "done", "info")
    assert numbers["watched_events_total", labels] == (6.0,)
    assert numbers["watched_event_last_timestamp_seconds", labels] == (NOW,)


@ANY
def test_events_heartbeats_and_drains(form: str) -> None:
    drain = Drain("begin", grace="ms", unit="ms")
    rule = LogRule("Job done", event=Event("done", "ticket"), heartbeat="jobs", drain=drain)
    counted = _counted(rule, heartbeats={"jobs": 60.0})
    counted.feed([FORMS[form]({"ms": 5000}, AT)])
    numbers = counted.numbers()
    labels = ("service", "done", "ticket")
    assert numbers["watched_events_total", labels] == (1.0,)
    assert numbers["watched_event_read_timestamp_seconds", labels] == (NOW,)
    assert numbers["watched_event_last_timestamp_seconds", labels] == (NOW - 30,)
    assert numbers["watched_heartbeat_timestamp_seconds", ("jobs",)] == (NOW - 30,)
    assert counted.drains.services["service"].deadline == NOW - 25


@ANY
def test_a_stamp_never_goes_back(form: str) -> None:
    counted = _counted(LogRule("Job done", heartbeat="jobs"), heartbeats={"jobs": 60.0})
    counted.feed([FORMS[form]({}, AT), FORMS[form]({}, "2026-11-20T23:00:00.000Z")])
    assert counted.numbers()["watched_heartbeat_timestamp_seconds", ("jobs",)] == (NOW - 30,)


@ANY
def test_what_a_template_captures_are_fields(form: str) -> None:
    label = {"kind": Label(field="what")}
    counted = _counted(LogRule("Job {what}", count=(Count("jobs_total", label),)))
    assert _after(counted, form, {"kind": "a"})["jobs_total", ("done",)] == (6.0,)


@ANY
def test_every_rule_that_fits_moves_its_own(form: str) -> None:
    counted = _counted(
        LogRule("Job done", count=(Count("jobs_total", KIND),)),
        LogRule("{*} done", count=(Count("jobs_total", {"kind": Label(value="any done")}),)),
        LogRule(level=("info",), count=(Count("jobs_total", {"kind": Label(value="any")}),)),
        LogRule("Job begun", count=(Count("jobs_total", {"kind": Label(value="none")}),)),
    )
    numbers = _after(counted, form, {"kind": "a"})
    found = {
        labels[0]: value[0] for (name, labels), value in numbers.items() if name == "jobs_total"
    }
    assert found == {"a": 6.0, "any done": 6.0, "any": 6.0}


@pytest.mark.parametrize("form", ["json", "prefixed"])
def test_what_is_true_and_what_is_one_are_two_labels(form: str) -> None:
    counted = _counted(LogRule("Job done", count=(Count("jobs_total", KIND),)))
    records = [{"kind": kind} for kind in (True, 1, 1.0, "1", "true", False, 0, -0.0)]
    for _ in range(10):
        _after(counted, form, *records)
        records.reverse()
    numbers = counted.numbers()
    found = {
        labels[0]: value[0] for (name, labels), value in numbers.items() if name == "jobs_total"
    }
    assert found == {"true": 120.0, "1": 180.0, "false": 60.0, "0": 120.0}
