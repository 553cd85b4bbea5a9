"""Paths that tell more than a file's name: the service behind a container's log.

Docker keeps the container's configuration beside its json-file log; the kubelet writes namespace,
pod and container into the path (its log layout, v1.10 and later, and the links of before).
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from exporter.sources.files.names import live_name

_COMPOSE = "com.docker.compose.service"
_DOCKER = re.compile(r"[0-9a-f]{64}-json\.log")
_LARGEST_CONFIG = 1 << 20
# /var/log/pods/NAMESPACE_POD_UID/CONTAINER/0.log
_POD = re.compile(r"[^_/]+_[^_/]+_[0-9a-f-]+")
# /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log
_LINK = re.compile(r"[^_]+_[^_]+_(.+)-[0-9a-f]{64}\.log")


def service_of(path: str) -> str:
    """The service that a log belongs to: a container's, else the name of the live file."""
    folder, name = os.path.split(path)
    live = live_name(name)
    if _DOCKER.fullmatch(live):
        return _docker_service(Path(folder)) or live
    if found := _LINK.fullmatch(live):
        return found[1]
    parent, container = os.path.split(folder)
    if _POD.fullmatch(os.path.basename(parent)):
        return container
    return live


def _docker_service(folder: Path) -> str | None:
    """The compose service, else the container's name; None where Docker's file cannot be read."""
    try:
        with (folder / "config.v2.json").open("rb") as file:
            found = json.loads(file.read(_LARGEST_CONFIG))
        labels = (found.get("Config") or {}).get("Labels") or {}
        service = labels.get(_COMPOSE) or str(found.get("Name") or "").strip("/")
    except (OSError, ValueError, AttributeError):
        return None
    return str(service) or None
