"""What the demo writes before it begins: its sidewatch.yaml."""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Mapping
from pathlib import Path

from exporter.demo.backups import EVERY
from exporter.demo.databases import APPS, url

HOST, PORT = "127.0.0.1", 9877
USUAL = f"{HOST}:{PORT}"

SERVICES = 3  # whose logs CONFIG names

# A minute of the fast demo is shorter than what a scrape may lag behind (it triggers a save, and
# there is one a second at most), so the heartbeat is expected a little later than it comes.
SHORTEST_HEARTBEAT = 1.5

# Files are looked at every 30 s, and a backup is not to count as late before it was looked for.
SHORTEST_BACKUP = 60.0

# Label sets are declared so that they stand at 0 from the beginning: others show 0 for their first
# 30 s, which is right for Prometheus, and long for who watches a demo.
CONFIG = """\
# Written by `sidewatch demo`. A minute of the simulated applications lasts {minute:g} s.
listen: {listen}
state: ./state
apps:
  - name: pullapprove
    profile: pullapprove
    heartbeats: {{worker_stats: {heartbeat:g}s}}
    files: {{backups: {{glob: "backups/*.dump", every: {backup:g}s}}}}
{pullapprove}    logs:
      - files: ["logs/pullapprove/server*.log"]
        service: server
        from: beginning
      - files: ["logs/pullapprove/worker-*.log"]
        service: worker
        from: beginning
    declare:
      watched_log_lines_total:
        - {{service: server, stream: file}}
        - {{service: worker, stream: file}}
      watched_job_duration_seconds:
        - {{job_class: app.pullrequests.jobs.PullRequestProcessUpdates}}
        - {{job_class: app.pullrequests.jobs.PullRequestReport}}
        - {{job_class: app.insights.jobs.InsightsSync}}
      watched_exceptions_total:
        - {{service: server, type: KeyError}}
        - {{service: worker, type: KeyError}}
  - name: kodiai
    profile: kodiai
{kodiai}    logs:
      - files: ["logs/kodiai/server*.log"]
        service: server
        from: beginning
    declare:
      watched_log_lines_total:
        - {{service: server, stream: file}}
      watched_jobs_started_total:
        - {{queue: review, job_class: pull-request-review}}
        - {{queue: interactive-review, job_class: mention}}
"""


POSTGRES = """\
    postgres:
      url: {url}
      interval: 1s
"""


PROBES = """\
    probes: {{base: "{base}", interval: 1s}}
"""


def write_config(
    folder: Path,
    listen: str,
    minute: float,
    *,
    databases: bool = False,
    bases: Mapping[str, str] | None = None,
) -> Path:
    """The configuration; `minute` is how many seconds a minute of the applications lasts.

    `bases` are where they answer, if they do. The file is replaced in one step, because a sidewatch
    may be about to read it.
    """
    path = folder / "sidewatch.yaml"
    heartbeat = max(minute, SHORTEST_HEARTBEAT)
    parts = {app: PROBES.format(base=base) for app, base in (bases or {}).items()}
    for app in APPS:
        asked = POSTGRES.format(url=json.dumps(url(folder, app))) if databases else ""
        parts[app] = parts.get(app, "") + asked
    backup = max(EVERY / 60.0 * minute, SHORTEST_BACKUP)
    times = {"minute": minute, "heartbeat": heartbeat, "backup": backup}
    new = path.with_suffix(".new")
    new.write_text(CONFIG.format(listen=listen, **times, **parts))
    new.replace(path)
    return path


def usual_address() -> str:
    """The usual address, or one with any free port where that is taken."""
    try:
        socket.create_server((HOST, PORT)).close()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return f"{HOST}:0"
    return USUAL
