"""A curve as SVG: both axes logarithmic, medians with their spread, readable on light and dark."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from growing.findings import Curve, Measure, Spread, cell

SVG = "http://www.w3.org/2000/svg"
WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 66, 16, 50, 52
LEAST = 1e-4  # a logarithm has no place for nothing
# Told apart by people who do not see all colours (Okabe and Ito), darker on light.
STYLE = """\
<style>
svg { font: 12px system-ui, sans-serif; --ink: #1f2328; --grid: #d8dee4; }
.a { --line: #0072b2 } .b { --line: #b35400 } .c { --line: #00785a } .d { --line: #a3467c }
@media (prefers-color-scheme: dark) {
svg { --ink: #e6edf3; --grid: #3d444d; }
.a { --line: #56b4e9 } .b { --line: #e69f00 } .c { --line: #2fc79a } .d { --line: #e08cbc }
}
text { fill: var(--ink); stroke: none } .grid { stroke: var(--grid); stroke-width: 1 }
.line { fill: none; stroke: var(--line); stroke-width: 2 }
.spread { stroke: var(--line); stroke-width: 1.5 } circle { fill: var(--line) }
</style>"""

Line = tuple[Measure, list[tuple[float, Spread]]]


class Scale:
    """Whole decades, or as much of them as the values need, laid over pixels."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        logs = [math.log10(max(value, LEAST)) for value in values]
        self.low, self.high = _room(min(logs)), _room(max(logs), up=True)
        if self.high - self.low < 0.3:
            self.low, self.high = self.low - 0.3, self.high + 0.3
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        share = (math.log10(max(value, LEAST)) - self.low) / (self.high - self.low)
        return self._start + share * (self._end - self._start)

    def marks(self) -> Iterator[float]:
        """The values that get a line: powers of ten, with 2 and 5 where there are few."""
        steps = (1, 2, 5) if self.high - self.low < 2.2 else (1,)
        for exponent in range(math.floor(self.low), math.ceil(self.high) + 1):
            for step in steps:
                mark = math.log10(step) + exponent
                if self.low - 1e-9 <= mark <= self.high + 1e-9:
                    yield step * 10.0**exponent


def _room(log: float, *, up: bool = False) -> float:
    """The next of 1, 2 and 5 that leaves a little room."""
    marks = [math.log10(step) + math.floor(log) + more for more in (-1, 0, 1) for step in (1, 2, 5)]
    if up:
        return min(mark for mark in marks if mark >= log + 0.04)
    return max(mark for mark in marks if mark <= log - 0.04)


def svg(curve: Curve, title: str) -> str:
    """The plotted measures of a curve."""
    lines: list[Line] = [(each, curve.line(each)) for each in curve.measures if each.plotted]
    lines = [(measure, line) for measure, line in lines if line]
    across = Scale(curve.points(), LEFT, WIDTH - RIGHT)
    values = [value for _, line in lines for _, one in line for value in (one.low, one.high)]
    along = Scale(values, HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="{SVG}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        STYLE,
        *_grid(curve, across, along),
        f'<text x="{LEFT}" y="16" font-weight="600">{escape(_headline(title, lines))}</text>',
    ]
    for letter, (_, line) in zip("abcd", lines, strict=False):
        parts += [f'<g class="{letter}">', *_draw(line, across, along), "</g>"]
    parts += [*_legend([measure for measure, _ in lines]), "</svg>", ""]
    return "\n".join(parts)


def _headline(title: str, lines: Sequence[Line]) -> str:
    """With the unit, which all lines have."""
    return f"{title}: {', '.join({measure.unit: None for measure, _ in lines})}"


def _grid(curve: Curve, across: Scale, along: Scale) -> Iterator[str]:
    bottom = HEIGHT - BOTTOM
    for mark in across.marks():
        x = across.at(mark)
        yield f'<path class="grid" d="M{x:.1f} {TOP}V{bottom}"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{_short(mark)}</text>'
    for mark in along.marks():
        y = along.at(mark)
        yield f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_short(mark)}</text>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    what = escape(curve.what)
    yield f'<text x="{middle:.0f}" y="{HEIGHT - 12}" text-anchor="middle">{what}</text>'


def _draw(line: list[tuple[float, Spread]], across: Scale, along: Scale) -> Iterator[str]:
    places = [(across.at(point), along.at(one.median)) for point, one in line]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    yield f'<path class="line" d="M{path}"/>'
    for (point, one), (x, y) in zip(line, places, strict=True):
        low, high = along.at(one.low), along.at(one.high)
        yield f'<path class="spread" d="M{x:.1f} {low:.1f}V{high:.1f}"/>'
        told = f"{point:,.0f}: {cell(one.values)}"
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"><title>{told}</title></circle>'


def _legend(measures: Sequence[Measure]) -> Iterator[str]:
    x = float(LEFT)
    for letter, measure in zip("abcd", measures, strict=False):
        yield (
            f'<g class="{letter}"><path class="line" d="M{x:.0f} 32h18"/>'
            f'<text x="{x + 23:.0f}" y="36">{escape(measure.name)}</text></g>'
        )
        x += 40 + 6.6 * len(measure.name)


def _short(value: float) -> str:
    """1k for a thousand."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
