"""sidewatch test-alert: send an alert the whole way, and say which hop loses it."""

from __future__ import annotations

import argparse
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

from exporter.commands.types import Subparsers, add_config
from exporter.config import Plan, load, seconds
from exporter.errors import SidewatchError
from exporter.hops import (
    EVERY_SECONDS,
    NO_ALERTMANAGER,
    Address,
    Alertmanager,
    Prometheus,
    Walk,
    address,
    walk,
)
from exporter.trial import LONGEST_SECONDS, Trial, clear, write

# No vowel, so that it is no word, and nothing that looks like something else.
LETTERS = "bcdfghjkmnpqrstvwxz23456789"
# One that has just started is ready before it knows them: it takes up what was discovered each 5 s.
DISCOVERED_SECONDS = 12.0
EVERYWHERE = {"", "0.0.0.0", "[::]"}  # noqa: S104 - it is compared
LABELS = {
    "alertname": "SidewatchTestAlert",
    "app": "sidewatch",
    "severity": "critical",
    "component": "monitoring",
    "kind": "meta",
}


def add_parser(commands: Subparsers) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "test-alert",
        help="send an alert the whole way, and say which hop loses it",
        description="The running sidewatch shows a metric, a shipped rule fires on it, Prometheus"
        " sends it, Alertmanager tells somebody: each hop is looked at, with the time that it"
        " took. Without --prometheus the alert is handed to Alertmanager, and the way begins there."
        " Somebody is really told; the alert ends with the command.",
    )
    add_config(parser)
    for name, what in (
        ("prometheus", "where Prometheus is"),
        ("alertmanager", "where Alertmanager is (default: where Prometheus sends to)"),
        ("sidewatch", "where sidewatch is (default: where it listens by --config)"),
    ):
        parser.add_argument(f"--{name}", type=_address, metavar="URL", help=what)
    parser.add_argument(
        "--wait",
        type=_length,
        default=180.0,
        metavar="TIME",
        help="how long the whole way may take (default: 3m)",
    )
    parser.add_argument(
        "--no-deadman", action="store_true", help="do not look at the dead man's switch"
    )
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Walk; 0 where every hop is passed, 1 where one is not. Raises SidewatchError."""
    if arguments.prometheus is None and arguments.alertmanager is None:
        arguments.parser.error("name --prometheus URL, or --alertmanager URL, or both")
    began = time.monotonic()
    test = "".join(secrets.choice(LETTERS) for _ in range(4))
    prometheus = arguments.prometheus and Prometheus(arguments.prometheus)
    alertmanager = Alertmanager(arguments.alertmanager or _found(prometheus, arguments.wait))
    way = Walk(test, alertmanager, alertmanager.told(), deadman=not arguments.no_deadman)
    if prometheus is None:
        fired = _posted(alertmanager, test)
    else:
        plan = load(arguments.config)
        way.prometheus = prometheus
        way.sidewatch = arguments.sidewatch or _listening(plan)
        fired = _asked_for(plan, test)
    print(f"test alert {test}")
    with fired:
        lost = _walked(way, arguments.wait - (time.monotonic() - began))
    if not lost:
        print(f"Somebody should read now that SidewatchTestAlert fires, with the code {test}.")
    return int(lost)


def _walked(way: Walk, wait: float) -> bool:
    """Say how each hop goes; whether one was lost."""
    for outcome in walk(way, wait=wait, now=time.monotonic, sleep=time.sleep):
        if outcome.lost:
            print(f"   LOST  {outcome.name}: not in {outcome.seconds:.1f} s. {outcome.lost}")
            return True
        print(f"{outcome.seconds:5.1f} s  {outcome.name}", flush=True)
        for note in outcome.notes:
            print(f"  note: {note}")
    return False


@contextmanager
def _asked_for(plan: Plan, test: str) -> Iterator[None]:
    """The running sidewatch shows the test as long as this lasts."""
    write(plan.state, Trial(test, time.time()))
    try:
        yield
    finally:
        clear(plan.state)


@contextmanager
def _posted(alertmanager: Alertmanager, test: str) -> Iterator[None]:
    """Alertmanager is told that the test fires as long as this lasts."""
    labels = LABELS | {"test": test}
    said = {
        "summary": "This is a test, and nothing is wrong.",
        "description": f"Somebody asked for a test alert. Its code is {test}: that you read it is"
        " the proof that alerts arrive.",
    }
    alertmanager.post(labels, said, end=time.time() + LONGEST_SECONDS)
    try:
        yield
    finally:
        alertmanager.post(labels, said, end=time.time())


def _found(prometheus: Prometheus, wait: float) -> Address:
    """Where Prometheus sends to."""
    until = time.monotonic() + min(wait, DISCOVERED_SECONDS)
    while not (known := prometheus.alertmanagers()):
        if time.monotonic() >= until:
            raise SidewatchError(NO_ALERTMANAGER)
        time.sleep(EVERY_SECONDS)
    return address(known[0])


def _listening(plan: Plan) -> Address:
    host, _, port = plan.listen.rpartition(":")
    return Address(f"http://{'127.0.0.1' if host in EVERYWHERE else host}:{port}")


def _address(text: str) -> Address:
    try:
        return address(text)
    except ValueError:
        wrong = f"{text!r} is no URL like http://127.0.0.1:9090"
        raise argparse.ArgumentTypeError(wrong) from None


def _length(text: str) -> float:
    try:
        length = seconds(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time like 90s or 3m") from None
    if not 0 < length < LONGEST_SECONDS:
        raise argparse.ArgumentTypeError("longer than nothing, and less than 10m")
    return length
