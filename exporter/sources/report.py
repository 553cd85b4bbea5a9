"""What `check --connect` has to say about one thing that was looked at once."""

from __future__ import annotations

from msgspec import Struct


class Remark(Struct, frozen=True):
    """Something found; a `fault` keeps what was asked for from working."""

    text: str
    fault: bool = False


class Report(Struct, frozen=True):
    """What it is, in a sentence, and what there is to say about it."""

    summary: str
    remarks: tuple[Remark, ...]

    @property
    def works(self) -> bool:
        """Whether all that was asked for can work."""
        return not any(one.fault for one in self.remarks)
