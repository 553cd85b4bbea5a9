"""The figures of bench/engine.py as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from envelopes import FORMS
from report import heading, ratios, spread, table

OURS = ("compiled", "python")
PEERS = ("mtail", "Fluent Bit")
TITLES = {
    "kv": "`gen.py`, key-value",
    "json": "`gen.py`, JSON",
    "agledger": "agledger: JSON",
    "kodiai": "kodiai: JSON",
    "pullapprove": "pullapprove: key-value",
    "tripl": "tripl: JSON and text",
    "paas": "paas: .NET's two lines, nginx",
}
LESS = """\
Equal totals in every round: counters, and counts and sums of histograms. What the peers leave out,
and therefore do not pay for:

- Both: no record is joined of its lines, so no exception is counted; no times, so no moment of an
  event, no heartbeats, no windows over gauges; no limit of series; nothing is saved. A route is one
  expression for each of its values with mtail, and left out with Fluent Bit.
- mtail reads JSON by regular expressions over its text: it depends on the order of the fields, and
  would take an escaped quote for the end of a text.
- Fluent Bit counts levels in `gen.py`'s JSON alone, no events, and nothing of what it cannot read;
  a boolean becomes an empty label.
"""


@dataclass(slots=True)
class Spent:
    """CPU seconds a line, round by round, by form ("bare", "docker", "cri") and reader.

    The form "start" is what the start adds to a line. `threads`: what two count in one's time.
    """

    lines: int
    by: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    threads: float | None = None

    def note(self, form: str, reader: str, seconds: float) -> None:
        """Note one round."""
        self.by.setdefault((form, reader), []).append(seconds)

    def line(self, form: str, reader: str) -> str:
        """Microseconds for a line."""
        return _told([1e6 * seconds for seconds in self.by.get((form, reader), ())])

    def beside(self, reader: str, engine: str) -> str:
        """How many times as much as this engine a peer spends."""
        theirs, ours = self.by.get(("bare", reader)), self.by.get(("bare", engine))
        return _told(ratios(theirs, ours) if theirs and ours else [], "x")

    def apart(self, reader: str, engine: str) -> str:
        """The same of lines alone: both without their start, as far as a peer's is known."""
        theirs, ours = self._lines(reader), self._lines(engine)
        return _told(ratios(theirs, ours) if theirs and ours else [], "x")

    def _lines(self, reader: str) -> list[float]:
        spent = self.by.get(("bare", reader), [])
        starts = self.by.get(("start", reader), [0.0] * len(spent))
        return [whole - start for whole, start in zip(spent, starts, strict=True)]

    def envelope(self, form: str, engine: str) -> str:
        """How many times as much as a bare line an enveloped one costs, the start apart."""
        spent = (self.by.get((one, engine), ()) for one in (form, "bare", "start"))
        rounds = zip(*spent, strict=True)
        return _told([(one - start) / (bare - start) for one, bare, start in rounds], "x")


def told(spent: Mapping[str, Spent], rounds: int, versions: Sequence[str]) -> str:
    """All of it, for docs/performance.md."""
    return "\n\n".join(
        (
            heading("./run bench engine", f"{rounds} rounds", *versions),
            table(("CPU a line, whole process", *_COSTS), _costs(spent)),
            table(("Lines in envelopes", *_WRAPPED), _wrapped(spent)),
            _rest(spent),
            LESS.strip(),
        )
    )


_COSTS = (
    *("compiled, us", "Python, us", "mtail, us", "Fluent Bit, us"),
    *("mtail / compiled", "Fluent Bit / compiled", "mtail / Python"),
    *("mtail / compiled, starts apart", "Fluent Bit / compiled, start apart"),
)
_WRAPPED = (
    *("Docker, us", "CRI, us", "Docker / bare", "CRI / bare"),
    *("Python: Docker / bare", "Python: CRI / bare"),
)


def _costs(spent: Mapping[str, Spent]) -> Iterator[Sequence[str]]:
    for name, one in spent.items():
        costs = (one.line("bare", reader) for reader in (*OURS, *PEERS))
        beside = (one.beside(peer, "compiled") for peer in PEERS)
        apart = (one.apart(peer, "compiled") for peer in PEERS)
        yield TITLES[name], *costs, *beside, one.beside("mtail", "python"), *apart


def _wrapped(spent: Mapping[str, Spent]) -> Iterator[Sequence[str]]:
    for name, one in spent.items():
        costs = (one.line(form, "compiled") for form in FORMS)
        more = (one.envelope(form, engine) for engine in OURS for form in FORMS)
        yield TITLES[name], *costs, *more


def _rest(spent: Mapping[str, Spent]) -> str:
    starts = [seconds * one.lines for one in spent.values() for seconds in one.by.get(_START, ())]
    gained = [one.threads for one in spent.values() if one.threads is not None]
    most = max(one.lines for one in spent.values())
    parts = [f"The compiled engine reads {most:,} lines of each, the others a quarter of them."]
    if starts:
        parts.append(
            f"A start of sidewatch costs {spread(starts)} s of CPU. It is in each cost, and not in "
            "what is told apart, nor in the ratios of envelopes; Fluent Bit's own is not known."
        )
    if gained:
        parts.append(
            f"Two threads, each with an engine of its own, count {spread(gained, 'x')} of what one "
            "does in the same time; two free cores and a free interpreter's lock would give 2x."
        )
    return " ".join(parts)


_START = ("start", "compiled")


def _told(values: Sequence[float], unit: str = "") -> str:
    return spread(values, unit) if values else "not beside"
