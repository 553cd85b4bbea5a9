"""Files that should come regularly or grow, and the room that is left on a file system."""

from exporter.sources.disk.look import newest
from exporter.sources.disk.source import Disk, Watch

__all__ = ["Disk", "Watch", "newest"]
