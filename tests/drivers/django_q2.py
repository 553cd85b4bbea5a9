"""A Django application with a cluster of Django Q2: `python -m ... WORD`, answers in JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import timedelta

import django
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

settings.configure(
    SECRET_KEY="shop",
    USE_TZ=True,
    TIME_ZONE="Asia/Kathmandu",
    DATABASES={
        "default": {"ENGINE": "django.db.backends.postgresql", **json.loads(os.environ["DATABASE"])}
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django_q"],
    Q_CLUSTER={"name": "shop", "orm": "default", "workers": 1, "timeout": 500, "retry": 600},
)
django.setup()

from django_q.brokers import get_broker  # noqa: E402 - the application has to be set up first
from django_q.models import Failure, Schedule, Success  # noqa: E402 - as above
from django_q.scheduler import scheduler  # noqa: E402 - as above
from django_q.tasks import async_task, schedule  # noqa: E402 - as above

HERE = "__main__"  # the processes of a cluster are forks of this one


def works() -> None:
    """Do nothing, successfully."""


def fails() -> None:
    """Fail."""
    raise ValueError("secret")


def sleeps() -> None:
    """Take longer than anybody waits."""
    time.sleep(300)


def migrate() -> None:
    """Make the tables."""
    call_command("migrate", verbosity=0)


def first() -> None:
    """Enqueue what the cluster does, once by a schedule, and what it begins with and leaves."""
    async_task(f"{HERE}.works")
    async_task(f"{HERE}.fails")
    due = timezone.now() - timedelta(minutes=1)
    schedule(f"{HERE}.works", name="nightly", schedule_type=Schedule.DAILY, next_run=due)
    scheduler()
    async_task(f"{HERE}.sleeps")


def second() -> None:
    """Enqueue what nobody is left to do, and a schedule that nobody looks at any more."""
    async_task(f"{HERE}.works")
    async_task(f"{HERE}.works")
    late = timezone.now() - timedelta(minutes=5)
    schedule(f"{HERE}.works", name="hourly", schedule_type=Schedule.HOURLY, next_run=late)


def work() -> None:
    """Run a cluster until it is killed."""
    call_command("qcluster", verbosity=0)


def counts() -> dict[str, int]:
    """What the library says of its queue and of its results."""
    broker = get_broker()
    return {
        "queued": broker.queue_size(),
        "locked": broker.lock_size(),
        "successful": Success.objects.count(),
        "failed": Failure.objects.count(),
    }


if __name__ == "__main__":
    calls = {call.__name__: call for call in (migrate, first, second, work, counts)}
    print(json.dumps(calls[sys.argv[1]]()))  # noqa: T201 - the answer
