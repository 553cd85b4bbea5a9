"""Which form a request gets, by the headers that real clients send and by RFC 9110."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.exposition import Form, choose, wants_gzip

TEXT, OPENMETRICS, OLD_OPENMETRICS = Form.TEXT, Form.OPENMETRICS, Form.OPENMETRICS_0_0_1
PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)
# As scrape/scrape.go of Prometheus has them: constants in 2.42, put together by weights in 3.
PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,"
    "application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_2_42_NATIVE = (
    f"{PROTOBUF},application/openmetrics-text;version=1.0.0;q=0.8,"
    "application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3_TEXT_FIRST = (
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,"
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.4,*/*;q=0.3"
)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (PROMETHEUS_2_42, OPENMETRICS),
        (PROMETHEUS_2_42_NATIVE, OPENMETRICS),
        (PROMETHEUS_3, OPENMETRICS),
        (f"{PROTOBUF};q=0.7,{PROMETHEUS_3}", OPENMETRICS),
        (PROMETHEUS_3_TEXT_FIRST, TEXT),
        (f"{PROTOBUF},text/plain;version=0.0.4;q=0.3", TEXT),
        (f"{PROTOBUF},*/*;q=0.1", TEXT),
        (BROWSER, TEXT),
        ("*/*", TEXT),
        (None, TEXT),
        ("", TEXT),
    ],
)
def test_what_real_clients_get(accept: str | None, form: Form) -> None:
    assert choose(accept) is form


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        # weights
        ("application/openmetrics-text;q=0.4,text/plain;q=0.5", TEXT),
        ("text/plain;q=0.4,application/openmetrics-text;q=0.5", OPENMETRICS),
        ("application/openmetrics-text;q=0,*/*;q=0.1", TEXT),
        ("text/plain;q=0,*/*;q=0.1", OPENMETRICS),
        ("application/openmetrics-text;version=1.0.0;q=0,application/*", OLD_OPENMETRICS),
        ("application/openmetrics-text;q=0.000,text/plain;q=0.001", TEXT),
        # the most precise range tells a form's weight, wherever it stands
        ("*/*;q=1,text/plain;q=0.1,application/openmetrics-text;q=0.2", OPENMETRICS),
        ("application/openmetrics-text;q=0.1,application/*;q=0.9,text/*;q=0.5", TEXT),
        # equal weights: the more precise, then the earlier
        ("*/*,application/openmetrics-text", OPENMETRICS),
        ("text/*,application/openmetrics-text;version=0.0.1", OLD_OPENMETRICS),
        ("text/plain,application/openmetrics-text", TEXT),
        ("application/openmetrics-text,text/plain", OPENMETRICS),
        ("text/plain,application/openmetrics-text;version=1.0.0", OPENMETRICS),
        # versions
        ("application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1", OLD_OPENMETRICS),
        ("application/openmetrics-text;version=2.0.0,text/plain;q=0.1", TEXT),
        ("application/openmetrics-text;version=2.0.0", TEXT),
        ("text/plain;version=1.0.0,application/openmetrics-text;q=0.1", OPENMETRICS),
        # nothing that we have
        ("application/json", TEXT),
        ("application/json,*/*;q=0", TEXT),
        ("text/plain;q=0,application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;charset=latin-1,text/plain;q=0.1", TEXT),
        # spelling
        (' Application/OpenMetrics-Text ; Version="1.0.0" ; Q=0.9 , text/plain;q=0.1', OPENMETRICS),
        ("application/openmetrics-text;charset=UTF-8", OPENMETRICS),
        # a weight that is none takes its range out
        ("application/openmetrics-text;q=7,text/plain;q=0.1", TEXT),
        ("application/openmetrics-text;q=nan,text/plain;q=0.1", TEXT),
        ("application/openmetrics-text;q=,text/plain;q=0.1", TEXT),
        (",,;;=,text", TEXT),
    ],
)
def test_what_the_standard_says(accept: str, form: Form) -> None:
    assert choose(accept) is form


@given(st.text())
def test_any_header_gets_an_answer(header: str) -> None:
    assert choose(header) in Form
    assert wants_gzip(header) in {True, False}


@pytest.mark.parametrize(
    ("accept", "packed"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("deflate, gzip, br", True),
        ("*", True),
        ("br", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("gzip;q=0.5, identity", False),
        ("gzip, identity;q=0.5", True),
        ("gzip;q=0.5, identity;q=0.5", True),
        ("gzip;q=0.001", True),
    ],
)
def test_gzip_is_used_where_it_is_preferred(accept: str | None, packed: bool) -> None:  # noqa: FBT001  a table
    assert wants_gzip(accept) is packed


@pytest.mark.parametrize(
    ("form", "content_type"),
    [
        (TEXT, "text/plain; version=0.0.4; charset=utf-8"),
        (OPENMETRICS, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        (OLD_OPENMETRICS, "application/openmetrics-text; version=0.0.1; charset=utf-8"),
    ],
)
def test_the_content_type_names_the_version(form: Form, content_type: str) -> None:
    assert form.content_type == content_type
