"""The forms in which the simulated applications write: those of the real ones, byte by byte."""

from __future__ import annotations

import pytest

from exporter.demo.entries import Entry, keyvalue, pino, plain_json

# Lines of the project's seed samples (captured from the real formatters, but for the webhook's and
# kodiai's, which are built from their sources), and the entries that must give them.
AT = 1_795_219_172.457
SAMPLES = [
    (
        keyvalue,
        Entry(
            0,
            "a/b",
            keyvalue,
            "INFO",
            "Request",
            {
                "method": "POST",
                "path": "/webhooks/github/",
                "query": "",
                "status": 500,
                "duration_ms": 30004,
                "size": 25,
                "ip": "140.82.115.7",
                "user_agent": "GitHub-Hookshot/0cc5b77",
                "referer": "",
            },
        ),
        (
            '[INFO] Request method=POST path="/webhooks/github/" query="" status=500 '
            'duration_ms=30004 size=25 ip="140.82.115.7" user_agent="GitHub-Hookshot/0cc5b77" '
            'referer=""\n'
        ),
    ),
    (
        keyvalue,
        Entry(
            0,
            "a/b",
            keyvalue,
            "INFO",
            "Weird values",
            {
                "title": 'Fix "foo" bug',
                "none": None,
                "path": "C:\\temp\\x y",
                "lst": ["a", "b"],
                "f": 0.014,
                "eq": "a=b",
                "ok": "plain-token",
                "comma": "a,b",
                "kws": "x] y",
            },
        ),
        (
            '[INFO] Weird values title="Fix \\"foo\\" bug" none=None path="C:\\temp\\x y" '
            'lst="[\'a\', \'b\']" f="0.014" eq="a=b" ok=plain-token comma=a,b kws="x] y"\n'
        ),
    ),
    (
        keyvalue,
        Entry(0, "a/b", keyvalue, "ERROR", "Job failed", traceback="Traceback:\nE: x"),
        "[ERROR] Job failed \nTraceback:\nE: x\n",
    ),
    (
        plain_json,
        Entry(
            0,
            "a/b",
            plain_json,
            "INFO",
            "API response",
            {"status": 200, "from_cache": True, "limit": None, "title": "żółć"},
            "app",
        ),
        (
            '{"timestamp": "2026-11-20 23:59:32,457", "level": "INFO", "message": "API response", '
            '"logger": "app", "status": 200, "from_cache": true, "limit": null, "title": "żółć"}\n'
        ),
    ),
    (
        plain_json,
        Entry(0, "a/b", plain_json, "ERROR", "Job failed", {}, "plain.jobs", "T:\nE: x"),
        (
            '{"timestamp": "2026-11-20 23:59:32,457", "level": "ERROR", "message": "Job failed", '
            '"logger": "plain.jobs", "exception": "T:\\nE: x"}\nT:\nE: x\n'
        ),
    ),
    (
        pino,
        Entry(
            0,
            "a/b",
            pino,
            "ERROR",
            "Force exit after extended grace timeout, work abandoned",
            {"abandonedRequests": 0, "abandonedJobs": 1, "abandonedTotal": 1},
        ),
        (
            '{"level":50,"time":1795219172457,"pid":1,"hostname":"kodiai-demo",'
            '"abandonedRequests":0,"abandonedJobs":1,"abandonedTotal":1,'
            '"msg":"Force exit after extended grace timeout, work abandoned"}\n'
        ),
    ),
]


@pytest.mark.parametrize(("form", "entry", "line"), SAMPLES)
def test_a_form_is_the_real_one(form: object, entry: Entry, line: str) -> None:
    assert entry.form is form
    assert entry.text(AT) == line


def test_a_field_may_tell_the_time_of_writing() -> None:
    entry = Entry(0, "a/b", keyvalue, "INFO", "x", {"reset": lambda now: int(now) + 1})
    assert entry.text(1000.0) == "[INFO] x reset=1001\n"
