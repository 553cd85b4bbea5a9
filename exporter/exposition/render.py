"""Snapshots in, blocks of bytes out: the Prometheus text format 0.0.4 and OpenMetrics 1.0.0.

The formats: prometheus.io/docs/instrumenting/exposition_formats, and the OpenMetrics specification
1.0.0 at prometheus.io/docs/specs/om. Everything about a series that never changes is written once
and kept in `Series.text`, so a scrape costs a lookup and the writing of a number.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import accumulate

from exporter.exposition.forms import Form
from exporter.model import Exemplar, Family, Series, Snapshot

BLOCK_LINES = 2000
EXEMPLAR_RUNES = 128
UNITS = ("seconds", "bytes", "ratio")
# Level 2 takes as long as level 1 and makes a body a tenth smaller; level 3 takes a fifth longer
# for another tenth, level 6 three times as long for a fifth (bench/exposition.py). None of them
# holds up the event loop: zlib works without the interpreter's lock.
GZIP_LEVEL = 2
GZIP_CONTAINER = 16 + zlib.MAX_WBITS

Part = tuple[Family, Snapshot, tuple[Series, ...]]


def render(
    snapshots: Sequence[Snapshot], form: Form = Form.TEXT, *, created: bool = False
) -> bytes:
    """All that the snapshots show, in one piece. `created` adds start times (OpenMetrics only)."""
    return b"".join(blocks(snapshots, form, created=created))


def blocks(
    snapshots: Sequence[Snapshot], form: Form = Form.TEXT, *, created: bool = False
) -> Iterator[bytes]:
    """The same in blocks of at most some two thousand lines, each the work of a millisecond."""
    for family, parts in by_family(snapshots):
        head = family_head(family, form)
        for text in family_texts(parts, form, created=created and form.openmetrics):
            yield (head + text).encode()
            head = ""
    if form.openmetrics:
        yield b"# EOF\n"


def compress(pieces: Iterable[bytes]) -> bytes:
    """One gzip member out of many pieces; the same bytes for the same pieces."""
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_CONTAINER)
    return b"".join([*map(packer.compress, pieces), packer.flush()])


def weigh(snapshots: Sequence[Snapshot]) -> int:
    """How many lines the snapshots would take, were all of them shown."""
    return sum(
        _lines_of(family) * len(series)
        for snapshot in snapshots
        for family, series in snapshot.layout
    )


def by_family(snapshots: Sequence[Snapshot]) -> list[tuple[Family, list[Part]]]:
    """The families by name, each with its part of every snapshot: a family may stand only once."""
    merged: dict[str, tuple[Family, list[Part]]] = {}
    for snapshot in snapshots:
        for family, series in snapshot.layout:
            _, parts = merged.setdefault(family.name, (family, []))
            parts.append((family, snapshot, series))
    return [merged[name] for name in sorted(merged)]


def label_pairs(constant: tuple[tuple[str, str], ...], series: Series) -> Iterator[tuple[str, str]]:
    """The labels of a series, those of its registry first; an empty one is none at all."""
    own = series.family.labels
    yield from ((name, value) for name, value in constant if value and name not in own)
    yield from ((name, value) for name, value in zip(own, series.labels, strict=True) if value)


def _lines_of(family: Family) -> int:
    return len(family.buckets) + 3 if family.kind == "histogram" else 1


# -- what stands above a family -----------------------------------------------------------------


def family_head(family: Family, form: Form) -> str:
    """HELP, TYPE and UNIT. OpenMetrics names a counter without its `_total`."""
    text = _scrub(family.help).replace("\\", r"\\").replace("\n", r"\n")
    if not form.openmetrics:
        return f"# HELP {family.name} {text}\n# TYPE {family.name} {family.kind}\n"
    name, kind = family.name, family.kind
    if kind == "counter":
        name = name.removesuffix("_total")
    unit = name.rpartition("_")[2]
    unit_line = f"# UNIT {name} {unit}\n" if unit in UNITS and unit != name else ""
    text = text.replace('"', r"\"")
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n{unit_line}"


# -- the lines of series ------------------------------------------------------------------------


def family_texts(parts: Iterable[Part], form: Form, *, created: bool) -> Iterator[str]:
    """The lines of one family, in blocks; blocks with nothing to show are left out."""
    for family, snapshot, series in parts:
        step = max(1, BLOCK_LINES // _lines_of(family))
        for start in range(0, len(series), step):
            some = series[start : start + step]
            if family.kind == "histogram":
                text = _histograms(family, snapshot, some, form, created=created)
            elif created and family.kind == "counter":
                text = _counters(family, snapshot, some)
            else:
                text = _plain(snapshot, some)
            if text:
                yield text


def _plain(snapshot: Snapshot, series: Sequence[Series]) -> str:
    """Counters and gauges. This loop is the scrape: nothing is called for an ordinary number."""
    values, constant = snapshot.values, snapshot.constant
    return "".join(
        [
            f"{one.text or _written(one, constant)}{value!r}\n"
            # NaN and the infinities are the numbers that minus themselves are not 0.
            if (value := values[one.index]) - value == 0.0
            else _odd(one.text or _written(one, constant), value)
            for one in series
        ]
    )


def _odd(head: str, value: float) -> str:
    """A series that is not to be shown, or one at infinity."""
    return "" if math.isnan(value) else f"{head}{_number(value)}\n"


def _counters(family: Family, snapshot: Snapshot, series: Sequence[Series]) -> str:
    """Counters, each with its start time: the two must stand together."""
    values, constant = snapshot.values, snapshot.constant
    name, lines = f"{family.name.removesuffix('_total')}_created", []
    for one in series:
        value, head = values[one.index], one.text or _written(one, constant)
        line = f"{head}{value!r}\n" if value - value == 0.0 else _odd(head, value)
        if line:
            lines.append(f"{line}{name}{head[len(family.name) :]}{one.created!r}\n")
    return "".join(lines)


def _histograms(
    family: Family, snapshot: Snapshot, series: Sequence[Series], form: Form, *, created: bool
) -> str:
    bounds = [f'{spelled_bound(bound)}"}} ' for bound in (*family.buckets, math.inf)]
    exemplars = bool(snapshot.exemplars) and form.openmetrics
    lines: list[str] = []
    for one in series:
        end = one.index + len(bounds)
        counts = list(accumulate(snapshot.values[one.index : end]))
        if not math.isfinite(counts[-1]):
            continue
        bucket, total, count = (one.text or _written(one, snapshot.constant)).split("\n")
        if exemplars:
            lines += _telling_buckets(bucket, bounds, counts, one.index, snapshot)
        else:
            lines += [
                f"{bucket}{bound}{int(below)}\n"
                for bound, below in zip(bounds, counts, strict=True)
            ]
        lines.append(f"{total}{_number(snapshot.values[end])}\n{count}{int(counts[-1])}\n")
        if created:
            born = f"{family.name}_created{count.removeprefix(f'{family.name}_count')}"
            lines.append(f"{born}{one.created!r}\n")
    return "".join(lines)


def _telling_buckets(
    head: str, bounds: Sequence[str], counts: Sequence[float], index: int, snapshot: Snapshot
) -> list[str]:
    """The buckets, each with its exemplar where it has one."""
    exemplars = snapshot.exemplars
    return [
        f"{head}{bound}{int(below)}{_exemplar(exemplars.get(at))}\n"
        for at, (bound, below) in enumerate(zip(bounds, counts, strict=True), index)
    ]


def _exemplar(exemplar: Exemplar | None) -> str:
    """What follows a bucket's number; nothing where OpenMetrics would not allow it."""
    if exemplar is None:
        return ""
    name, label, value, at = exemplar
    sound = name.isascii() and name.isidentifier() and math.isfinite(value + at)
    if not sound or len(name) + len(label) > EXEMPLAR_RUNES:
        return ""
    return f' # {{{name}="{_escape(label)}"}} {value!r} {at!r}'


# -- what is written once -----------------------------------------------------------------------


def _written(series: Series, constant: tuple[tuple[str, str], ...]) -> str:
    """Everything of a series' lines but bounds and numbers; kept, since it never changes.

    A histogram has three, a line each: the opening of its buckets up to the bound, its sum and its
    count. (One text, for a tuple of three would be work for the garbage collector.)
    """
    if series.text is None:
        pairs = label_pairs(constant, series)
        labels = ",".join(f'{name}="{_escape(value)}"' for name, value in pairs)
        name = series.family.name
        closed = f"{{{labels}}} " if labels else " "
        if series.family.kind == "histogram":
            opening = f'{name}_bucket{{{labels}{"," if labels else ""}le="'
            series.text = f"{opening}\n{name}_sum{closed}\n{name}_count{closed}"
        else:
            series.text = f"{name}{closed}"
    return series.text


def _escape(value: str) -> str:
    """A label value as both formats want it between its quotes."""
    return _scrub(value).replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _scrub(text: str) -> str:
    """Text that can be encoded: half a surrogate in one label must not cost the whole scrape."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _number(value: float) -> str:
    """The shortest text that reads back as the same double."""
    if math.isfinite(value):
        return repr(value)
    if math.isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"


def spelled_bound(value: float) -> str:
    """A bucket's bound in OpenMetrics' canonical form: Go's %g, with `.0` on whole numbers.

    The text is the series' identity, so both formats have it the same.
    """
    if not math.isfinite(value) or value == 0:
        return _number(value)
    exact = Decimal(repr(value)).normalize()
    exponent = exact.adjusted()
    if -5 < exponent < 6:
        return repr(value)
    sign, digits, _ = exact.as_tuple()
    first, *rest = map(str, digits)
    mantissa = f"{first}.{''.join(rest)}" if rest else first
    return f"{'-' if sign else ''}{mantissa}e{exponent:+03d}"
