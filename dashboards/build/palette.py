"""The colours: those of Okabe and Ito, which people tell apart however they see colours.

No meaning hangs on a colour alone: states are also words, limits are also dashed.
"""

from __future__ import annotations

from collections.abc import Mapping

from dashboards.build.shapes import Tone

BLUE, SKY, GREEN, ORANGE = "#0072B2", "#56B4E9", "#009E73", "#E69F00"
VERMILION, PURPLE, GREY = "#D55E00", "#CC79A7", "#999999"

TONES: Mapping[Tone, str] = {
    "ok": GREEN,
    "warn": ORANGE,
    "bad": VERMILION,
    "calm": SKY,
    "quiet": GREY,
}
SERIES = (SKY, PURPLE, GREEN, BLUE, GREY)  # one question after another
LIMIT = ORANGE
ALL = (BLUE, SKY, GREEN, ORANGE, VERMILION, PURPLE, GREY)
