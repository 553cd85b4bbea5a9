"""What the container daemon of a host tells: states, health, exits, replicas.

All of it is *local*: rules add the hosts up. `service` is a name that the configuration knows,
never a container's id, `replica` its number within the service. What the daemon forgets at a
restart (exits, their codes) is taken from its events and kept.
"""

from __future__ import annotations

from exporter.model import Family


def _gauge(name: str, labels: tuple[str, ...], text: str) -> Family:
    return Family(name, "gauge", text, labels)


STATES = (
    _gauge(
        "watched_container_state",
        ("service", "replica", "state"),
        "1 for the state that it is in: created, running, paused, restarting, removing, exited,"
        " dead; 0 for the others.",
    ),
    _gauge(
        "watched_container_health",
        ("service", "replica", "state"),
        "1 for what its healthcheck says: starting, healthy, unhealthy; 0 for the others. Not shown"
        " without a healthcheck, nor while it does not run.",
    ),
    _gauge(
        "watched_container_started_timestamp_seconds",
        ("service",),
        "When the newest container of this service was started.",
    ),
    _gauge(
        "watched_container_info",
        ("service", "image", "version"),
        "1; what the containers of this service run.",
    ),
)

# Reasons: clean (code 0), stopped (asked to, and it ended in time), grace (asked to, and killed
# when its time was over), killed (without being asked first), oom, error.
EXITS = (
    Family(
        "watched_container_exits_total",
        "counter",
        "Containers that ended, one-shots of `run --rm` included.",
        ("service", "exit_code", "reason"),
    ),
    _gauge(
        "watched_container_last_exit_timestamp_seconds",
        ("service", "exit_code", "reason"),
        "When the last of these exits was.",
    ),
    _gauge(
        "watched_container_exit_read_timestamp_seconds",
        ("service", "exit_code", "reason"),
        "When sidewatch last read of such an exit.",
    ),
    _gauge(
        "watched_container_last_exit_code",
        ("service",),
        "The code with which the container that ended last did so.",
    ),
    Family(
        "watched_container_restarts_total",
        "counter",
        "Starts of a container that had ended by itself; not those that somebody asked for.",
        ("service",),
    ),
)

REPLICAS = (
    _gauge(
        "watched_service_running_replicas",
        ("service",),
        "Containers of this service that run now; always beside the expected ones.",
    ),
    _gauge(
        "watched_service_expected_replicas",
        ("service",),
        "How many should: as configured, else 1 if it was seen once. One-shots have none.",
    ),
    _gauge(
        "watched_service_trait",
        ("service", "trait"),
        "1 for what is declared of a service: oneshot (runs once and must succeed), drains (loses"
        " work if it is killed before it has ended), volatile (loses its data at a restart).",
    ),
)

FAMILIES = (*STATES, *EXITS, *REPLICAS)
