"""Probes: what an application's endpoints answer, held against what they should."""

from exporter.sources.probes.assertions import Expectation, Statuses, Text, statuses
from exporter.sources.probes.brokers.settings import Broker, RabbitmqCheck, Redis, RedisCheck
from exporter.sources.probes.checks import Check, Probes, ample, fewest
from exporter.sources.probes.jsonpath import RIGHT as PATH_WORDS
from exporter.sources.probes.jsonpath import JsonPath, json_path
from exporter.sources.probes.pem import Certificates
from exporter.sources.probes.readings import Number, RowLabel, Rows
from exporter.sources.probes.settings import (
    Base,
    Http,
    HttpCheck,
    Tcp,
    TcpCheck,
    check_times,
    probe_name,
)
from exporter.sources.probes.source import Brokers, Prober

__all__ = [
    "PATH_WORDS",
    "Base",
    "Broker",
    "Brokers",
    "Certificates",
    "Check",
    "Expectation",
    "Http",
    "HttpCheck",
    "JsonPath",
    "Number",
    "Prober",
    "Probes",
    "RabbitmqCheck",
    "Redis",
    "RedisCheck",
    "RowLabel",
    "Rows",
    "Statuses",
    "Tcp",
    "TcpCheck",
    "Text",
    "ample",
    "check_times",
    "fewest",
    "json_path",
    "probe_name",
    "statuses",
]
