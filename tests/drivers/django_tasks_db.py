"""A Django application whose tasks are in its database: `python -m ... WORD`, answers in JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import timedelta
from typing import Any

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
    INSTALLED_APPS=["django_tasks", "django_tasks_db"],
    TASKS={
        "default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["default", "mail"]}
    },
)
django.setup()

from django_tasks import task  # noqa: E402 - the application has to be set up first
from django_tasks_db.models import DBTaskResult  # noqa: E402 - as above


def _works() -> None:
    """Do nothing, successfully."""


def _fails() -> None:
    raise ValueError("secret")


def _sleeps() -> None:
    time.sleep(600)


works, fails, sleeps = task()(_works), task()(_fails), task(priority=10)(_sleeps)
# A worker finds a task by the name of its function.
_works, _fails, _sleeps = works, fails, sleeps


def migrate() -> None:
    """Make the tables."""
    call_command("migrate", verbosity=0)


def first() -> None:
    """Enqueue what the first worker is to do."""
    for each in (works, works, fails):
        each.enqueue()


def second() -> None:
    """Enqueue what another worker begins with and leaves."""
    works.using(run_after=timezone.now() + timedelta(hours=1)).enqueue()
    works.using(run_after=timezone.now() - timedelta(minutes=10)).enqueue()
    works.using(queue_name="mail").enqueue()
    works.enqueue()
    sleeps.enqueue()


def work() -> None:
    """Run the tasks of one queue until there are none."""
    call_command("db_worker", "--batch", "--no-startup-delay", verbosity=0)


def counts() -> dict[str, dict[str, int]]:
    """What the library says of each queue."""
    return {queue: _counts(DBTaskResult.objects.filter(queue_name=queue)) for queue in QUEUES}


QUEUES = ("default", "mail")


def _counts(rows: Any) -> dict[str, int]:
    waiting = rows.filter(status="READY").count()
    return {
        "ready": rows.ready().count(),
        "scheduled": waiting - rows.ready().count(),
        "running": rows.running().count(),
        "failed": rows.failed().count(),
        "successful": rows.successful().count(),
    }


if __name__ == "__main__":
    calls = {call.__name__: call for call in (migrate, first, second, work, counts)}
    print(json.dumps(calls[sys.argv[1]]()))  # noqa: T201 - the answer
