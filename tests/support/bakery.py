"""A real Celery application, whose tasks go through a broker."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.parts import Parts
from tests.support.queues import Application
from tests.support.wheels import environment, installed

PINS = (
    "celery==5.7.0",
    "amqp==5.4.2",
    "billiard==4.3.2",
    "click==8.5.1",
    "click-didyoumean==0.3.1",
    "click-plugins==1.1.1.2",
    "click-repl==0.4.1",
    "kombu==5.7.0",
    "packaging==26.3",
    "prompt-toolkit==3.0.53",
    "python-dateutil==2.9.0.post0",
    "redis==8.1.0",
    "async-timeout==5.0.1",  # of redis, on a Python before 3.11.3, which Debian 12 has
    "six==1.17.0",
    "typing-extensions==4.16.0",
    "tzlocal==5.4.5",
    "vine==5.1.0",
    "wcwidth==0.9.4",
)


def bakery(parts: Parts, broker: str, folder: Path, queue: str = "buns") -> Application:
    """A Celery application with this broker, all of whose tasks are in one queue."""
    return Application(
        [sys.executable, "-m", "tests.drivers.celery_bakery"],
        {
            **environment(installed(parts, *PINS)),
            "BROKER": broker,
            "QUEUE": queue,
            "SCHEDULE": str(folder / "schedule"),
        },
    )
