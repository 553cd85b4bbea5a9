"""An hour of latencies as a small picture that needs no script, and as a sentence."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.page.markup import Markup, el
from exporter.page.view import Plot
from exporter.page.words import span

WIDTH, HEIGHT, MARGIN = 180, 32, 3


def plot(hour: Plot) -> Markup:
    """The line, broken where no answer is known; a lone minute is a dot."""
    known = [one for one in hour if one is not None]
    if not known:
        return el("span", "no answer in the last hour", class_="dim")
    highest = max(known)
    words = (
        f"latency of the last hour: {span(min(known))} to {span(highest)}, now {span(known[-1])}"
    )
    shapes = [_shape(run) for run in _runs(hour, highest or 1.0)]
    base = el("line", x1="0", y1=str(HEIGHT - 1), x2=str(WIDTH), y2=str(HEIGHT - 1), class_="base")
    return el(
        "svg", base, shapes, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=words,
        width=str(WIDTH), height=str(HEIGHT),
    )  # fmt: skip


def _runs(hour: Plot, highest: float) -> Iterator[list[tuple[float, float]]]:
    """Minutes in a row of which something is known, as places in the picture."""
    run: list[tuple[float, float]] = []
    for minute, value in enumerate(hour):
        if value is None:
            if run:
                yield run
            run = []
        else:
            x = MARGIN + minute * (WIDTH - 2 * MARGIN) / (len(hour) - 1)
            run.append((x, HEIGHT - MARGIN - value / highest * (HEIGHT - 2 * MARGIN)))
    if run:
        yield run


def _shape(run: list[tuple[float, float]]) -> Markup:
    if len(run) == 1:
        return el("circle", cx=f"{run[0][0]:.1f}", cy=f"{run[0][1]:.1f}", r="2")
    return el("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in run))
