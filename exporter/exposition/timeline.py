"""Snapshots of many moments in, one OpenMetrics text with a time behind each number out.

Samples stand in the order of time, so that no more than one moment is held in memory. That is how
`promtool tsdb create-blocks-from openmetrics` reads them; a parser that wants all moments of a
series in one place would need them sorted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from exporter.exposition.forms import Form
from exporter.exposition.render import by_family, family_head, family_texts
from exporter.model import Snapshot


def timeline(moments: Iterable[tuple[float, Snapshot]]) -> Iterator[bytes]:
    """What was shown at each time (seconds since 1970), and the end mark.

    Exemplars are left out: they have times of their own, and blocks do not keep them.
    """
    told: set[str] = set()
    for at, snapshot in moments:
        behind = f" {int(at) if at == int(at) else at!r}\n"
        for family, parts in by_family([replace(snapshot, exemplars={})]):
            for text in family_texts(parts, Form.OPENMETRICS, created=False):
                head = "" if family.name in told else family_head(family, Form.OPENMETRICS)
                told.add(family.name)
                yield (head + text.replace("\n", behind)).encode()
    yield b"# EOF\n"
