"""Which sender speaks to a receiver."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from exporter.clock import Clock
from exporter.forward.target import Target

if TYPE_CHECKING:
    from exporter.forward.shapes import Sender


def fault(target: Target) -> str | None:
    """Why this cannot be spoken here, if it cannot."""
    if target.protocol == "grpc" and find_spec("grpc") is None:
        return "protocol: grpc needs the package grpcio: pip install 'sidewatch[grpc]'"
    return None


def sender(target: Target, constant: Mapping[str, str], clock: Clock, concurrency: int) -> Sender:
    """The connection to one receiver; `constant` are attributes of every resource.

    The libraries are imported here: who forwards nothing does not carry them.
    """
    if target.protocol == "grpc":
        # It would write to our standard error what each Outcome tells anyway.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        from exporter.forward.grpc import GrpcSender

        return GrpcSender(target, constant)
    from exporter.forward.http import HttpSender

    return HttpSender(target, constant, clock, concurrency)
