"""Probes: what an application's endpoints answer, held against what they should."""

from exporter.sources.probes.assertions import Expectation, Statuses, Text, statuses
from exporter.sources.probes.examine import ask_once
from exporter.sources.probes.jsonpath import RIGHT as PATH_WORDS
from exporter.sources.probes.jsonpath import JsonPath, json_path
from exporter.sources.probes.pem import Certificates
from exporter.sources.probes.readings import Number, RowLabel, Rows
from exporter.sources.probes.resolver import Resolver, system_lookup
from exporter.sources.probes.settings import (
    Base,
    Check,
    Http,
    HttpCheck,
    Probes,
    Tcp,
    TcpCheck,
    check_times,
    probe_name,
)
from exporter.sources.probes.source import Prober

__all__ = [
    "PATH_WORDS",
    "Base",
    "Certificates",
    "Check",
    "Expectation",
    "Http",
    "HttpCheck",
    "JsonPath",
    "Number",
    "Prober",
    "Probes",
    "Resolver",
    "RowLabel",
    "Rows",
    "Statuses",
    "Tcp",
    "TcpCheck",
    "Text",
    "ask_once",
    "check_times",
    "json_path",
    "probe_name",
    "statuses",
    "system_lookup",
]
