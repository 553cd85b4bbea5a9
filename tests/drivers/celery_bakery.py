"""A Celery application that puts tasks into its queue, works them off, or ticks as beat does."""

from __future__ import annotations

import os
import sys
import time

from celery import Celery

QUEUE = os.environ["QUEUE"]
PRIORITIES = (0, 3, 6, 9)

app = Celery("bakery", broker=os.environ["BROKER"])
app.conf.update(
    task_default_queue=QUEUE,
    task_acks_late=True,
    broker_transport_options={"confirm_publish": True},  # else a count comes before its message
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    beat_schedule={"tick": {"task": "bake", "schedule": 1.0, "args": (0.0,)}},
)


@app.task(name="bake")  # type: ignore[untyped-decorator]  # it carries no types
def bake(seconds: float) -> None:
    """Take this long."""
    time.sleep(seconds)


def send() -> int:
    """Put a short task of each priority and a long one into the queue; how many there are.

    Redis serves the lowest step first, RabbitMQ the first that came: the long one is the last.
    """
    for priority in PRIORITIES:
        bake.apply_async((0.1,), priority=priority)
    bake.apply_async((600.0,), priority=PRIORITIES[-1])
    with app.connection() as connection:
        answer = connection.default_channel.queue_declare(queue=QUEUE, passive=True)
    return int(answer.message_count)


match sys.argv[1]:
    case "work":
        app.worker_main(["worker", "--concurrency=1", "--without-gossip", "--without-mingle"])
    case "tick":
        app.start(["beat", f"--schedule={os.environ['SCHEDULE']}"])
    case "send":
        sys.stdout.write(f"{send()}\n")
