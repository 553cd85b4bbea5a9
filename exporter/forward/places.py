"""What a stream's place says of who wrote it, in the names of OpenTelemetry's conventions.

https://opentelemetry.io/docs/specs/semconv/resource/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath

from exporter.forward.shapes import Origin
from parsers.envelopes import STREAMS

# What a source says of a stream itself, as the resource has it.
NAMES = {"id": "container.id", "container": "container.name", "host": "host.name"}

# /var/lib/docker/containers/ID/ID-json.log
_DOCKER = re.compile(r"/containers/(?P<container_id>[0-9a-f]{64})/")
# /var/log/pods/NAMESPACE_POD_UID/CONTAINER/RESTARTS.log, with a suffix once it is rotated
_POD = re.compile(
    r"/pods/(?P<k8s_namespace_name>[^/_]+)_(?P<k8s_pod_name>[^/_]+)_(?P<k8s_pod_uid>[0-9a-f-]+)"
    r"/(?P<k8s_container_name>[^/]+)/(?P<k8s_container_restart__count>\d+)\.log[^/]*"
)
# /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log, the links to these
_LINK = re.compile(
    r"/containers/(?P<k8s_pod_name>[^/_]+)_(?P<k8s_namespace_name>[^/_]+)"
    r"_(?P<k8s_container_name>[^/]+)-(?P<container_id>[0-9a-f]{64})\.log[^/]*"
)


def resource(origin: Origin, constant: Mapping[str, str]) -> dict[str, str]:
    """The attributes of what has written a stream; those of its own go before the constant ones.

    The app stands in `service.name`, because that is the one name which every receiver indexes.
    """
    place = dict(origin.place)
    found = {
        **constant,
        "service.name": f"{origin.app}/{origin.service}",
        **_of_path(place.get("path", "")),
        **{name: place[key] for key, name in NAMES.items() if place.get(key)},
        "sidewatch.app": origin.app,
        "sidewatch.service": origin.service,
        "sidewatch.source": origin.source,
    }
    return {name: valid(value) for name, value in found.items() if value}


def medium(origin: Origin) -> dict[str, str]:
    """What each record says of where it was written: the file, and which of two outputs."""
    found = {}
    if path := dict(origin.place).get("path"):
        found = {"log.file.path": valid(path), "log.file.name": valid(PurePath(path).name)}
    if origin.stream in STREAMS:
        found["log.iostream"] = origin.stream
    return found


def valid(text: str) -> str:
    """The text as protobuf takes it: a path may hold bytes that are no UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _of_path(path: str) -> dict[str, str]:
    """Whom a container runtime's file belongs to, by its name."""
    for shape in (_POD, _LINK, _DOCKER):
        if found := shape.search(path):
            return {_dotted(name): value for name, value in found.groupdict().items()}
    return {}


def _dotted(group: str) -> str:
    """A group's name as an attribute's, whose dots and underscores it cannot spell."""
    return group.replace("__", " ").replace("_", ".").replace(" ", "_")
