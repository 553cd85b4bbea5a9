"""Logs as an application does that has OpenTelemetry's SDK; run as a program: URL SENDER KIND."""

from __future__ import annotations

import logging
import sys

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

INFOS = 1200


def main(url: str, sender: str, compression: str) -> None:
    """An info for each number, a warning, and an exception."""
    provider = LoggerProvider(resource=Resource.create({"service.name": sender}))
    exporter = OTLPLogExporter(endpoint=url, compression=Compression(compression))
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    log = logging.getLogger("shop")
    log.setLevel(logging.DEBUG)
    log.addHandler(LoggingHandler(logger_provider=provider))
    log.propagate = False
    for number in range(INFOS):
        log.info("order %d paid", number, extra={"order": number})
    log.warning("slow")
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        log.exception("failed")
    provider.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
