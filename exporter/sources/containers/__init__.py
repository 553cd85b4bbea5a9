"""A daemon of containers asked and followed: states, health, replicas, and how containers end."""

from exporter.sources.containers.settings import Containers, Service
from exporter.sources.containers.source import Daemon

__all__ = ["Containers", "Daemon", "Service"]
