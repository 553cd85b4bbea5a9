"""The colours: those of Okabe and Ito, which people tell apart however they see colours.

No meaning hangs on a colour alone: states are also words, limits are also dashed.
"""

from __future__ import annotations

from collections.abc import Mapping

from dashboards.build.shapes import Tone

BLUE, SKY, GREEN, ORANGE = "#0072B2", "#56B4E9", "#009E73", "#E69F00"
VERMILION, PURPLE, GREY, YELLOW = "#D55E00", "#CC79A7", "#999999", "#F0E442"

TONES: Mapping[Tone, str] = {
    "ok": GREEN,
    "warn": ORANGE,
    "bad": VERMILION,
    "calm": SKY,
    "quiet": GREY,
}
SERIES = (SKY, PURPLE, GREEN, BLUE, GREY)  # one question after another
# One series after another: a hue by how its name ends, which stays the same on every panel, and
# shades of it for those that end alike.
ENDINGS = (
    ("[a-dh-k0-1]", GREEN),
    ("[e-g2-3]", SKY),
    ("[l-m]", GREY),
    ("[n-r4-5]", PURPLE),
    ("[s6-7]", BLUE),
    ("[t-z8-9]", YELLOW),
)
LIMIT = ORANGE
ALL = (BLUE, SKY, GREEN, ORANGE, VERMILION, PURPLE, GREY, YELLOW)
