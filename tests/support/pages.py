"""Status pages to look at: one of a busy day, and one on which everything is hostile."""

from __future__ import annotations

import math

from exporter.page.view import (
    App,
    Destination,
    Off,
    Probe,
    Query,
    Queue,
    Service,
    Source,
    View,
)
from exporter.samples import ErrorGroup, Unparsed

NOW = 1795219200.0
HOUR = tuple(
    None if 20 <= minute < 24 else 0.02 + 0.015 * math.sin(minute / 4) + 0.2 * (minute == 40)
    for minute in range(60)
)


def busy() -> View:
    """Three applications: one well, one with all that can be wrong, one that has just begun."""
    return View(
        version="0.1.0",
        at=NOW,
        began=NOW - 3 * 3600,
        open=True,
        complaints="sidewatch.yaml:7: apps[0].logs[0].form: no such key; did you mean from?",
        waiting=("paas: files:/var/log/paas/*.log: 81920 bytes behind",),
        degraded=False,
        apps=(_well(), _ill(), _new()),
    )


def _well() -> App:
    return App(
        name="pullapprove",
        profile="pullapprove",
        problems=(),
        sources=(
            Source(
                "files:/var/log/pullapprove/server*.log",
                "files",
                "good",
                "read to its end",
                0.0,
                0.0,
                NOW - 1,
            ),
            Source("postgres:pullapprove", "database", "good", "answers", None, None, NOW - 4),
        ),
        services=(
            Service("server", NOW - 3, 812_345.0, 0.0),
            Service("worker", NOW - 60, 93.0, 2.0),
        ),
        queries=(Query("connections", NOW - 4, late=False), Query("locks", NOW - 9, late=False)),
        queues=(
            Queue("default", (("ready", 12.0), ("running", 3.0), ("failed", 0.0)), 41.0, "due"),
            Queue("mail", (("ready", 0.0),), 0.0, "due"),
        ),
        probes=(Probe("server", "liveness", "good", "answers", 0.021, HOUR),),
        destinations=(
            Destination(
                "collector", "good", "takes what it is sent", 0.4, 812.0, NOW - 1, 9e5, 0.0
            ),
        ),
        exceptions=(),
        off=(Off("query checkpoints", "it is not for this server"),),
        errors=(),
        unparsed=(),
    )


def _ill() -> App:
    traceback = (
        "2026-11-20 23:58:49,976 ERROR shop.jobs [-] Job 17 failed\n"
        "Traceback (most recent call last):\n"
        '  File "/srv/shop/jobs.py", line 7, in run\n'
        "    connect(url)\n"
        "shop.errors.Refused: postgresql://shop:[redacted-url]@db/shop"
    )
    return App(
        name="tripl",
        profile="tripl",
        problems=(
            "postgres:tripl: cannot be read (3 times refused)",
            "probe api (readiness): fails (status)",
        ),
        sources=(
            Source(
                "docker:tripl",
                "docker",
                "watch",
                "catching up, 4 min behind",
                240.0,
                3.2e6,
                NOW - 2,
            ),
            Source(
                "postgres:tripl",
                "database",
                "bad",
                "cannot be read (3 times refused)",
                None,
                None,
                NOW - 300,
            ),
        ),
        services=(Service("api", NOW - 240, 5_312_345.0, 17.0),),
        queries=(Query("locks", NOW - 300, late=True),),
        queues=(Queue("celery", (), None, ""),),
        probes=(
            Probe("api", "readiness", "bad", "fails (status)", None, HOUR),
            Probe("api", "liveness", "good", "answers", 0.004, (None,) * 59 + (0.004,)),
            Probe("web", "page", "off", "not asked yet", None, (None,) * 60),
        ),
        destinations=(Destination("siem", "bad", "2.1 h behind", 7560.0, 4.1e8, None, 0.0, 512.0),),
        exceptions=(("api", "shop.errors.Refused", 41.0), ("api", "KeyError", 3.0)),
        off=(),
        errors=(
            ErrorGroup(
                "api",
                "error",
                "shop.errors.Refused: Job 17 failed",
                traceback,
                NOW - 600,
                NOW - 5,
                12,
            ),
            ErrorGroup(
                "api",
                "critical",
                "out of file handles",
                "out of file handles",
                NOW - 900,
                NOW - 900,
            ),
        ),
        unparsed=(Unparsed("api", "** what is this", "no known format", NOW - 30),),
    )


def _new() -> App:
    source = Source(
        "files:/var/log/paas/*.log", "files", "off", "not looked at yet", None, None, None
    )
    return App("paas", "paas", (), (source,), (), (), (), (), (), (), (), (), ())


def hostile(text: str) -> View:
    """Every text on the page is this one."""
    at = (NOW, NOW)
    app = App(
        text,
        text,
        (text,),
        (Source(text, text, "bad", text, 1.0, 1.0, NOW),),
        (Service(text, NOW, 1.0, 1.0),),
        (Query(text, NOW, late=True),),
        (Queue(text, ((text, 1.0),), 1.0, text),),
        (Probe(text, text, "bad", text, 1.0, HOUR),),
        (Destination(text, "bad", text, 1.0, 1.0, NOW, 1.0, 1.0),),
        ((text, text, 1.0),),
        (Off(text, text),),
        (ErrorGroup(text, text, text, text, *at),),
        (Unparsed(text, text, text, NOW),),
    )
    return View(text, NOW, NOW, True, text, (text,), True, (app, app))
