"""Rules that ask for everything a rule can ask for, of the fields that hostile lines have."""

from __future__ import annotations

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
from exporter.model import REQUEST_BUCKETS, Family

OWN = {
    family.name: family
    for family in (
        Family("jobs_total", "counter", "Jobs.", ("kind", "who", "service")),
        Family("bytes_total", "counter", "Bytes.", ("kind",)),
        Family("took_seconds", "histogram", "Took.", ("kind", "ok"), buckets=REQUEST_BUCKETS),
        Family("deep_total", "counter", "Deep.", ("one", "two", "three"), limit=20),
        Family("told_total", "counter", "Told.", ("message", "level", "n")),
        Family("size_last", "gauge", "Size.", ("kind",)),
        Family("size_min", "gauge", "Size.", ()),
        Family("size_max", "gauge", "Size.", ("stream",)),
        Family("size_sum", "gauge", "Size.", ()),
    )
}
KIND = {"kind": Label(field="kind")}


def _told(*fields: str) -> Count:
    """Show what these three fields hold, whether or not a line has them."""
    named = zip(("message", "level", "n"), fields, strict=True)
    return Count("told_total", {name: Label(field=field, default="none") for name, field in named})


RULES = LogRules(
    rules=(
        LogRule(
            message="Job done",
            count=(
                Count("jobs_total", {**KIND, "who": Label(field="who", default="nobody")}),
                Count("bytes_total", KIND, by="size"),
            ),
            observe=(
                Observe("took_seconds", "took", {**KIND, "ok": Label(field="ok")}, "ms", "who"),
            ),
            heartbeat="jobs",
        ),
        LogRule(
            message="Job {*}",
            where=(Where("kind", values=("a", "two*", "1")), Where("status", none_of=("x*",))),
            count=(Count("bytes_total", {"kind": Label(value="some")}),),
            set=(
                Set("size_last", "size", {"kind": Label(field="kind", lower=True)}),
                Set("size_sum", "size", {}, aggregate="sum", window=60.0, per_stream=True),
            ),
        ),
        LogRule(
            message="{*}",
            level=("error", "warning"),
            where=(Where("status", min=0.5, max=5.0),),
            event=Event("bad_status", "page"),
        ),
        LogRule(
            message="{*}",
            set=(
                Set("size_min", "size", {}, "ms", "min"),
                Set("size_max", "took", {"stream": Label(value="any")}, aggregate="max"),
            ),
        ),
        LogRule(message="{*}", set=(Set("size_last", "x", {"kind": Label(value="any")}),)),
        LogRule(
            message="Task ended",
            format="jsonlines",
            level=("info", "error"),
            count=(
                Count(
                    "deep_total",
                    {
                        "one": Label(field="a.b", default="none"),
                        "two": Label(field="x.b.c", map={"a": "A", "1*": "ones"}, default="rest"),
                        "three": Label(field="err.code", default="none"),
                    },
                ),
            ),
            drain=Drain("begin", grace="took"),
        ),
        LogRule(
            where=(Where("kind", values=("b", "true", "0")), Where("service", values=("service",))),
            observe=(
                Observe(
                    "took_seconds",
                    "a.b",
                    {"kind": Label(field="ok"), "ok": Label(field="status", default="-")},
                ),
            ),
        ),
        LogRule(
            message="Step {n:number}: {*}",
            count=(
                Count(
                    "told_total",
                    {
                        "message": Label(field="message"),
                        "level": Label(field="level", default="none"),
                        "n": Label(field="n"),
                    },
                ),
            ),
        ),
        LogRule(
            message="Cache",
            count=(
                _told("msg", "time", "a.c.d"),
            ),
            set=(Set("size_max", "size", {"stream": Label(field="stream")}, aggregate="max"),),
            drain=Drain("end"),
        ),
        LogRule(
            message="Request {*}",
            format="dotnet",
            where=(Where("event_id", none_of=("14",)),),
            count=(
                Count(
                    "told_total",
                    {
                        "message": Label(field="category"),
                        "level": Label(field="event_id", default="none"),
                        "n": Label(field="kind", default="none"),
                    },
                ),
            ),
            heartbeat="requests",
        ),
        LogRule(
            message="access",
            count=(
                _told("path", "status", "request"),
                _told("user_agent", "referer", "rest"),
                _told("client", "remote_addr", "remote_user"),
                _told("query", "method", "protocol"),
                Count("bytes_total", {"kind": Label(field="pid", default="none")}, by="size"),
            ),
            heartbeat="requests",
        ),
        LogRule(
            message="connect{*}",
            count=(
                _told("server", "upstream", "host"),
                _told("connection", "referrer", "subrequest"),
                _told("request", "client", "pid"),
            ),
            heartbeat="requests",
        ),
        LogRule(
            message="Job {*}",
            count=(
                Count(
                    "told_total",
                    {
                        "message": Label(field="logger"),
                        "level": Label(field="request_id", default="none"),
                        "n": Label(field="category", default="none"),
                    },
                ),
                Count("bytes_total", {"kind": Label(field="process")}),
            ),
            heartbeat="requests",
        ),
        LogRule(exception="ValueError: {*}", event=Event("value_error", "ticket")),
        LogRule(
            message="Job{*}", exception="{type}: {*}", where=(Where("kind", values=("a",)),),
            count=(Count("bytes_total", {"kind": Label(field="type")}),),
        ),
    ),
    heartbeats={"jobs": 60.0, "requests": 60.0},
)  # fmt: skip
