"""`sidewatch explain`: lines in; format, record, and what each moves out."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from exporter.commands.application import application
from exporter.commands.types import Subparsers
from exporter.config import load, load_profile
from exporter.engine.exact import Exact
from exporter.engine.joining import LONGEST_LINE, Lane
from exporter.engine.plan import Update, compile_rules
from exporter.redact import Redaction, Redactor, redactor
from exporter.windows import DEFAULT_GRACE_SECONDS
from parsers import Record, cri, docker_json
from parsers.reading import read
from parsers.times import seconds

DEADLINE = "watched_drain_deadline_timestamp_seconds"
Moved = tuple[str, dict[str, str], float | None]


def add_parser(commands: Subparsers) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "explain",
        help="show how lines on standard input are understood",
        description="Reads log lines on standard input and shows, record by record, how each is "
        "understood and which metrics it moves. Secrets are hidden.",
    )
    parser.add_argument("--profile", help="a profile's name, or a path")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="a configuration, for --app of it and its `redact`; with --profile for `redact` alone",
    )
    parser.add_argument(
        "--app", help="one of the configuration's; with --profile the `app` label (its name)"
    )
    parser.add_argument("--service", default="stdin", help="the `service` label (stdin)")
    parser.add_argument("--json", action="store_true", help="one JSON object a record")
    parser.set_defaults(run=run, parser=parser)


class Explained(Struct):
    """A record, what may be shown of it, its time, and all that its lines moved."""

    record: Record
    shown: Record
    time: float | None
    updates: list[Update] = field(default_factory=list)
    exception: str | None = None


def run(arguments: argparse.Namespace) -> int:
    """Explain every record of standard input."""
    if arguments.profile is None and arguments.config is None:
        arguments.parser.error("name --profile NAME, or --config FILE, or both")
    whole = load(arguments.config) if arguments.config else None
    plan = (
        application(whole, arguments.config, arguments.app)
        if whole is not None and arguments.profile is None
        else load_profile(arguments.profile, arguments.app)
    )
    compiled = compile_rules(plan.rules, plan.families)
    zone = ZoneInfo(plan.rules.timezone)
    hiding = redactor(whole.redaction if whole else Redaction())
    exact = Exact(compiled, arguments.service, "stdin", zone)
    for one in _explain(exact, (line.rstrip(b"\r\n") for line in sys.stdin.buffer), hiding):
        found = hiding.fields(_plain(one, plan.name))
        print(json.dumps(found, ensure_ascii=False) if arguments.json else _words(found))
        sys.stdout.flush()
    return 0


def _explain(exact: Exact, lines: Iterator[bytes], hiding: Redactor) -> Iterator[Explained]:
    """The records of the lines, each when the next begins.

    A line is redacted before it is read for showing: a header's parts may become fields.
    """
    lanes: dict[str, Lane] = {}
    open_records: dict[str, Explained] = {}
    for raw in lines:
        envelope = docker_json.unwrap(raw) or cri.unwrap(raw)
        name = envelope.stream if envelope else ""
        lane = lanes.setdefault(name, Lane())
        text = lane.partial + (envelope.text if envelope else raw)[:LONGEST_LINE]
        if envelope and envelope.partial and len(text) < LONGEST_LINE:
            lane.partial = text
            continue
        lane.partial = b""
        line = text.decode("utf-8", "replace")
        step, updates = exact.read(lane, line)
        if step is None:
            continue
        if step.begins:
            if name in open_records:
                yield open_records[name]
            since = seconds(envelope.time, exact.zone) if envelope else None
            shown = read(hiding.text(line))
            open_records[name] = Explained(step.record, shown, exact.time(step.record, since))
        one = open_records[name]
        one.exception = step.exception or one.exception
        one.updates += updates
    yield from open_records.values()


def _plain(one: Explained, app: str) -> dict[str, Any]:
    record = one.record
    return {
        "format": record.format,
        "level": record.level,
        "time": _rfc3339(one.time),
        "message": one.shown.message,
        "fields": one.shown.fields,
        "updates": [
            {"metric": metric, "labels": {"app": app, **labels}, "value": value}
            for update in one.updates
            for metric, labels, value in _moved(update, one.time)
        ],
        "reason": record.reason,
        "exception": one.exception,
    }


def _moved(update: Update, time: float | None) -> Iterator[Moved]:
    """A stamp's value is the record's time; null where it tells none, and reading decides."""
    family, drain = update.effect.family, update.effect.drain
    labels = dict(zip(family.labels, update.labels, strict=True))
    if drain is None:
        stamped = update.effect.action in ("read", "stamp")
        yield family.name, labels, time if stamped else update.value
        return
    if drain.step != "extend":
        yield family.name, labels, 1.0 if drain.step == "begin" else 0.0
    if drain.step in ("begin", "extend"):
        grace = DEFAULT_GRACE_SECONDS if math.isnan(update.value) else update.value
        yield DEADLINE, labels, None if time is None else time + grace


def _rfc3339(at: float | None) -> str | None:
    if at is None:
        return None
    found = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return found.replace("+00:00", "Z").replace(".000Z", "Z")


def _words(found: dict[str, Any]) -> str:
    """The same for people."""
    head = [found["format"], found["level"] or "no level", found["time"] or "no time"]
    lines = [f"{' · '.join(head)} · {found['message']!r}"]
    lines += [f"    {name} = {value!r}" for name, value in found["fields"].items()]
    for update in found["updates"]:
        labels = ",".join(f'{name}="{value}"' for name, value in update["labels"].items())
        value = "now" if update["value"] is None else f"{update['value']:.15g}"
        lines.append(f"  -> {update['metric']}{{{labels}}} {value}")
    if found["reason"]:
        lines.append(f"  !! {found['reason']}")
    return "\n".join(lines)
