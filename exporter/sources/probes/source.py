"""An application's probes, and its brokers, as sources: what the pipeline keeps going."""

from __future__ import annotations

from msgspec import Struct

from exporter.clock import Clock
from exporter.model import Board
from exporter.sources.probes.checks import Check, Probes


class Prober(Struct, frozen=True):
    """The probes of one application, as the pipeline keeps them going."""

    settings: Probes

    @property
    def name(self) -> str:
        """The label `source`."""
        return "probes"

    @property
    def finite(self) -> bool:
        """There is always more to ask."""
        return False

    async def run(self, board: Board, clock: Clock) -> None:
        """Ask until cancelled, whatever becomes of the targets."""
        from exporter.sources.probes.round import Round

        await Round(self.settings, board, clock, self.name).run()


class Brokers(Struct, frozen=True):
    """The brokers of one application; like its probes, and no broker waits for one of them."""

    checks: tuple[Check, ...]

    @property
    def name(self) -> str:
        """The label `source`."""
        return "brokers"

    @property
    def finite(self) -> bool:
        """There is always more to ask."""
        return False

    async def run(self, board: Board, clock: Clock) -> None:
        """Ask until cancelled, whatever becomes of the brokers."""
        from exporter.sources.probes.round import Round

        # They are few, so that each has a place of its own, and there is always one left.
        interval = max(check.interval for check in self.checks)
        settings = Probes(self.checks, interval, len(self.checks) + 1)
        await Round(settings, board, clock, self.name).run()
