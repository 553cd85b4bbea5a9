"""A Celery application that puts tasks into its queue, works them off, or ticks as beat does."""

from __future__ import annotations

import json
import os
import sys
import time

from celery import Celery

QUEUE = "buns"
PRIORITIES = (0, 3, 6, 9)

app = Celery("bakery", broker=os.environ["BROKER"])
app.conf.update(
    task_default_queue=QUEUE,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    beat_schedule={"tick": {"task": "bake", "schedule": 1.0, "args": (0.0,)}},
)


@app.task(name="bake")  # type: ignore[untyped-decorator]  # it carries no types
def bake(seconds: float) -> None:
    """Take this long."""
    time.sleep(seconds)


def count() -> int:
    """How many tasks wait, as Celery's transport counts them."""
    with app.connection() as connection:
        answer = connection.default_channel.queue_declare(queue=QUEUE, passive=True)
    return int(answer.message_count)


def send() -> int:
    """Put a task of each priority into the queue; how many these are."""
    for priority in PRIORITIES:
        bake.apply_async((0.1,), priority=priority)
    return len(PRIORITIES)


def send_long() -> int:
    """Put a task into the queue that takes longer than anybody waits."""
    bake.delay(600.0)
    return 1


match sys.argv[1]:
    case "work":
        app.worker_main(["worker", "--pool=solo", "--without-gossip", "--without-mingle"])
    case "tick":
        app.start(["beat", f"--schedule={os.environ['SCHEDULE']}"])
    case word:
        answer = {"send": send, "send-long": send_long, "count": count}[word]()
        sys.stdout.write(f"{json.dumps(answer)}\n")
