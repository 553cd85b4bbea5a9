"""What kodiai writes into webhook_queue: webhooks that came while it was shutting down.

As its own code does (xbmc/kodiai, src/lifecycle/webhook-queue-store.ts): a start takes back what
an earlier one claimed a minute ago or more and did not end, and then claims all that waits.
"""

from __future__ import annotations

from collections.abc import Sequence

from exporter.demo.entries import Deed, When

APP = "kodiai"

ENQUEUE = """
    INSERT INTO webhook_queue (id, source, delivery_id, event_name, headers, body, queued_at)
    VALUES ($1, 'github', $2, $3, '{}', '{}', $4)"""
RECOVER = "UPDATE webhook_queue SET status = 'pending' WHERE id = ANY($1)"
CLAIM = "UPDATE webhook_queue SET status = 'processing', claimed_at = $2 WHERE id = ANY($1)"
COMPLETE = "UPDATE webhook_queue SET status = 'completed', processed_at = $2 WHERE id = $1"


def enqueue(at: float, row: int, delivery: str, event: str) -> Deed:
    """A webhook is kept for the next start."""
    return Deed(at, APP, ENQUEUE, (row, delivery, event, When(at)))


def recover(at: float, rows: Sequence[int]) -> Deed:
    """What a start before claimed and left waits again."""
    return Deed(at, APP, RECOVER, (list(rows),))


def claim(at: float, rows: Sequence[int]) -> Deed:
    """All that waits is taken by this start."""
    return Deed(at, APP, CLAIM, (list(rows), When(at)))


def complete(at: float, row: int) -> Deed:
    """A webhook was replayed."""
    return Deed(at, APP, COMPLETE, (row, When(at)))
