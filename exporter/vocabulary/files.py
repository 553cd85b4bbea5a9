"""What lies on the disks of a host: files that come regularly, files that grow, room.

All of it is *local*. `file` and `mount` are names of the configuration, never a path.
"""

from __future__ import annotations

from exporter.model import Family


def _gauge(name: str, labels: tuple[str, ...], text: str) -> Family:
    return Family(name, "gauge", text, labels)


FILES = (
    _gauge(
        "watched_file_newest_timestamp_seconds",
        ("file",),
        "When the newest file that matches was last written; not shown where none does.",
    ),
    _gauge("watched_file_newest_bytes", ("file",), "The size of the newest file."),
    _gauge("watched_file_previous_bytes", ("file",), "The size of the one before."),
    _gauge("watched_file_count", ("file",), "Files that match; 0 where none does."),
    _gauge(
        "watched_file_watched_since_timestamp_seconds",
        ("file",),
        "Since when sidewatch has looked for it.",
    ),
)

MOUNTS = (
    _gauge("watched_filesystem_size_bytes", ("mount",), "Room on this file system."),
    _gauge("watched_filesystem_avail_bytes", ("mount",), "Room that ordinary users can still use."),
    _gauge(
        "watched_filesystem_files", ("mount",), "Files that it can hold; 0 where it has no limit."
    ),
    _gauge("watched_filesystem_files_free", ("mount",), "Files that it can still take."),
)

OBJECTIVES = (
    _gauge(
        "watched_file_interval_seconds",
        ("file",),
        "How often a new one is expected; no alert on its age where it is not set.",
    ),
    _gauge(
        "watched_file_growth_objective_seconds",
        ("file",),
        "How long the file may stay as it is while there is something to write; no limit where it"
        " is not set.",
    ),
    _gauge(
        "watched_filesystem_free_objective_ratio",
        ("mount",),
        "Which share of room must be left; 0.1 where it is not set.",
    ),
)

FAMILIES = (*FILES, *MOUNTS, *OBJECTIVES)
