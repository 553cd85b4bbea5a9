"""The status page as HTML: what it says, and that nothing it is told can become markup."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exporter.model import Family
from exporter.page.gather import Facts, gather, latencies
from exporter.page.history import History
from exporter.page.render import POLICY, render
from exporter.page.words import ago, number, size, span
from exporter.redact import Redaction, redactor
from exporter.registry import Registry
from exporter.samples import ErrorGroup, Samples, Unparsed
from exporter.vocabulary import FAMILIES
from tests.support.pages import NOW, busy, hostile

ALLOWED = (
    "html head meta title style body header h1 p time span noscript button nav ul li a main section"
    " h2 h3 pre div table caption thead tbody tr th td svg line polyline circle details summary"
    " code dl dt dd footer script"
)
ATTACKS = (
    "<script>alert(1)</script>",
    "</pre></script></style><script>alert(1)</script>",
    '" onmouseover="alert(1)" x="',
    "' autofocus onfocus=alert(1) '",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "javascript:alert(1)",
    "<!--", "]]>", "<![CDATA[", "&lt;script&gt;", "&#60;script>", "\x00\x1b[31m\u202e\u2028\ud800",
)  # fmt: skip


class Reading(HTMLParser):
    """What a browser would see: elements with attributes, scripts and styles, all other text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text: list[str] = []
        self._within = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._within = tag

    def handle_data(self, data: str) -> None:
        (self.scripts if self._within in ("script", "style") else self.text).append(data)
        self._within = "" if self._within in ("script", "style") else self._within


@pytest.mark.parametrize("attack", ATTACKS, ids=ascii)
def test_no_text_becomes_markup(attack: str) -> None:
    calm, seen = Reading(render(hostile("calm"))), Reading(render(hostile(attack)))
    assert [tag for tag, _ in seen.elements] == [tag for tag, _ in calm.elements]
    assert [set(given) for _, given in seen.elements] == [set(given) for _, given in calm.elements]
    assert seen.scripts == calm.scripts
    assert {tag for tag, _ in seen.elements} <= set(ALLOWED.split())


@given(st.text(min_size=1))
@settings(max_examples=50)
def test_whatever_the_text_the_page_is_the_same_but_for_it(text: str) -> None:
    calm, seen = Reading(render(hostile("calm"))), Reading(render(hostile(text)))
    assert [tag for tag, _ in seen.elements] == [tag for tag, _ in calm.elements]
    assert seen.scripts == calm.scripts


def test_nothing_that_a_browser_obeys_is_left() -> None:
    page = render(hostile("a\x00b\x1bc\u202ed\u2028e\ud800f"))
    assert "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf" in page
    page.encode()


def test_the_policy_names_our_style_and_script_and_nothing_else() -> None:
    page = render(busy())
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    for kind, text in (("style", style), ("script", script)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}';" in POLICY
    assert POLICY.startswith("default-src 'none';")
    assert "unsafe" not in POLICY
    for tag, attributes in Reading(page).elements:
        assert not {"style", "src", "srcset", "onclick"} & set(attributes), tag
        assert (attributes.get("href") or "/").startswith(("/", "#"))


def test_a_busy_day_is_told_in_words() -> None:
    told = " ".join(Reading(render(busy())).text)
    for words in (
        "3 things need a look",
        "no such key; did you mean from?",
        "catching up, 4 min behind",
        "3.2 MB, 4 min",
        "12 ready, 3 running",
        "41 s since due",
        "shop.errors.Refused: Job 17 failed",
        "seen 12 times or more, last 5 s ago",
        "no known format, 30 s ago",
        "it is not for this server",
        "410 MB, 2.1 h",
        "no answer in the last hour",
    ):
        assert words in told
    label = re.search('aria-label="(latency.*?)"', render(busy()))
    assert label is not None
    assert label[1] == "latency of the last hour: 5 ms to 212 ms, now 32 ms"


def test_an_empty_page_says_so() -> None:
    quiet = replace(busy(), apps=(), waiting=(), complaints="")
    assert "Nothing is watched yet" in render(quiet)


# -- from series ----------------------------------------------------------------------------------


def shop(**series: dict[tuple[str, ...], float]) -> Registry:
    registry = Registry((("app", "shop"),))
    for name, values in series.items():
        family: Family = FAMILIES[name]
        for labels, value in values.items():
            if family.kind == "counter":
                registry.inc(family, labels, NOW - 100, value)
            else:
                registry.put(family, labels, NOW - 100, value)
    return registry


def facts(*sources: tuple[str, str]) -> Facts:
    samples = Samples(lambda: redactor(Redaction()), lambda _: 0.0)
    samples.errors[("web", "", "x")] = ErrorGroup("web", "error", "x", "x", NOW, NOW)
    samples.lines.append(Unparsed("web", "y", "no known format", NOW))
    return Facts("shop", "generic", sources, samples)


def test_sources_and_probes_are_judged() -> None:
    registry = shop(
        sidewatch_source_up={("a",): 1.0, ("b",): 0.0, ("c",): 1.0, ("d",): 1.0},
        sidewatch_source_last_success_timestamp_seconds={
            ("a",): NOW - 1, ("b",): NOW - 1, ("c",): NOW - 2, ("d",): NOW - 700,
        },
        sidewatch_source_interval_seconds={("d",): 60.0},
        sidewatch_source_failures_total={("b", "refused"): 3.0},
        sidewatch_source_lag_bytes={("a",): 0.0, ("c",): 5000.0},
        sidewatch_source_lag_seconds={("a",): 0.0, ("c",): 90.0},
        sidewatch_source_catching_up={("c",): 1.0},
        watched_probe_success={("api", "liveness"): 0.0, ("api", "readiness"): 1.0},
        watched_probe_failing={("api", "liveness", "status"): 1.0},
        watched_probe_duration_seconds={
            ("api", "readiness", "connect"): 0.01, ("api", "readiness", "processing"): 0.03,
        },
    )  # fmt: skip
    snapshot, history = registry.snapshot(NOW, final=True), History()
    assert dict(latencies(snapshot)) == {
        ("shop", "api", "liveness"): None,
        ("shop", "api", "readiness"): pytest.approx(0.04),
    }
    history.note(("shop", "api", "readiness"), 0.04, NOW)
    known = facts(*((name, "files") for name in "abcde"))
    (app,) = gather([known], [snapshot], history, NOW)
    assert [(one.name, one.tone, one.state) for one in app.sources] == [
        ("a", "good", "read to its end"),
        ("b", "bad", "cannot be read (3 times refused)"),
        ("c", "watch", "catching up, 1.5 min behind"),
        ("d", "bad", "silent for 12 min"),
        ("e", "off", "not looked at yet"),
    ]
    assert [(one.kind, one.tone, one.state) for one in app.probes] == [
        ("liveness", "bad", "fails (status)"),
        ("readiness", "good", "answers"),
    ]
    assert app.probes[1].hour[-1] == 0.04
    assert len(app.problems) == 4
    assert [one.title for one in app.errors] == ["x"]


def test_queues_queries_and_what_is_off() -> None:
    registry = shop(
        watched_queue_jobs={("mail", "ready"): 4.0, ("mail", "running"): 0.0},
        watched_queue_oldest_age_seconds={("mail", "enqueued"): 30.0, ("mail", "due"): 20.0},
        sidewatch_query_last_success_timestamp_seconds={("locks",): NOW - 500},
        sidewatch_query_interval_seconds={("locks",): 15.0},
        sidewatch_query_disabled={("xid", "privilege"): 1.0, ("wal", "missing"): 0.0},
    )
    (app,) = gather([facts()], [registry.snapshot(NOW, final=True)], History(), NOW)
    (queue,) = app.queues
    assert (queue.age, queue.clock) == (20.0, "due")
    assert dict(queue.states) == {"ready": 4.0, "running": 0.0}
    assert [one.late for one in app.queries] == [True]
    assert [(one.name, one.why) for one in app.off] == [
        ("query xid", "the role may not read what it needs")
    ]


def test_forwarding_is_judged_by_its_objective() -> None:
    registry = shop(
        sidewatch_forward_up={("quick",): 1.0, ("slow",): 1.0, ("gone",): 0.0},
        sidewatch_forward_lag_seconds={
            ("slow", "a"): 700.0,
            ("slow", "b"): 5.0,
            ("gone", "a"): 9.0,
        },
        sidewatch_forward_lag_bytes={("slow", "a"): 70.0, ("slow", "b"): 30.0},
        sidewatch_forward_lag_objective_seconds={("slow",): 300.0, ("gone",): 300.0},
        sidewatch_forward_lost_bytes_total={("gone", "a", "rotated"): 4.0},
    )
    (app,) = gather([facts()], [registry.snapshot(NOW, final=True)], History(), NOW)
    assert [(one.name, one.tone, one.lag_bytes, one.lost) for one in app.destinations] == [
        ("quick", "good", 0.0, 0.0),
        ("slow", "bad", 100.0, 0.0),
        ("gone", "watch", 0.0, 4.0),
    ]
    assert app.problems == ("forwarding to slow: 12 min behind",)


def test_what_logs_said_is_not_shown_to_everybody() -> None:
    for shown in (True, False):
        page = render(replace(busy(), open=shown))
        assert ("postgresql://shop:" in page) is shown
        assert ("what is this" in page) is shown
        assert "KeyError" in page, "a type is a label of a metric, which is shown anyway"


def test_errors_of_one_moment_have_marks_of_their_own() -> None:
    """Or what a reader opened would be closed, and another opened, by the next update."""
    found = facts()
    lines = b"".join(b'{"level": 50, "msg": "%s broke"}\n' % one for one in (b"disk", b"fan"))
    found.samples.look("web", lines, len(lines), NOW)
    (app,) = gather([found], [shop().snapshot(NOW, final=True)], History(), NOW)
    marks = re.findall(r'<details id="(e-\w+)"', render(replace(busy(), apps=(app,))))
    assert len(set(marks)) == len(marks) == 3


def test_an_hour_is_kept_by_minutes_and_no_more() -> None:
    history, key = History(), ("shop", "api", "liveness")
    for minute in range(100):
        for second, took in ((0, 0.1), (15, 0.3), (30, None)):
            history.note(key, took, NOW + 60 * minute + second)
    hour = history.hour(key, NOW + 60 * 99)
    assert hour == (0.3,) * 60
    assert history.hour(key, NOW + 60 * 101)[-2:] == (None, None)
    history.keep(set())
    assert history.hour(key, NOW + 60 * 99) == (None,) * 60


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (span(0.0004), "1 ms"), (span(0), "0 s"), (span(59), "59 s"), (span(60), "1 min"),
        (span(5400), "1.5 h"), (span(864000), "10 d"), (span(-5), "0 s"),
        (ago(None, 5.0), "never"), (ago(4.0, 5.0), "just now"), (ago(0.0, 5.0), "5 s ago"),
        (size(999), "999 B"), (size(3.2e6), "3.2 MB"), (size(45e9), "45 GB"),
        (number(1234567), "1\u202f234\u202f567"),
    ],
)  # fmt: skip
def test_numbers_are_said_as_people_say_them(shown: str, words: str) -> None:
    assert shown == words
