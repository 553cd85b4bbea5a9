"""Request headers in, the form of the answer out: content negotiation of RFC 9110, 12.4 and 12.5.

What is split here at commas and semicolons may stand quoted in a header. Nothing that we offer has
either inside, so a quoted one only makes pieces that match nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum

from msgspec import Struct

WEIGHT = re.compile(r"(?:0(?:\.[0-9]*)?|1(?:\.0*)?)\Z")


class Form(Enum):
    """What can be served: media type and version; the one that is served unasked comes first."""

    TEXT = ("text/plain", "0.0.4")
    OPENMETRICS = ("application/openmetrics-text", "1.0.0")
    OPENMETRICS_0_0_1 = ("application/openmetrics-text", "0.0.1")

    @property
    def content_type(self) -> str:
        """The whole header: a server tells the forms apart by type and version."""
        media, version = self.value
        return f"{media}; version={version}; charset=utf-8"

    @property
    def openmetrics(self) -> bool:
        """Whether this is OpenMetrics; its two versions are written alike."""
        return self is not Form.TEXT


class Range(Struct, frozen=True):
    """One element of an Accept header: a media type or a part of one, and how much it is wanted."""

    media: str
    parameters: Mapping[str, str]
    weight: float
    position: int

    def fits(self, form: Form) -> bool:
        """Whether it means this form. Parameters that change nothing for us are let pass."""
        media, version = form.value
        kind = media.partition("/")[0]
        return (
            self.media in {media, f"{kind}/*", "*/*"}
            and self.parameters.get("version", version) == version
            and self.parameters.get("charset", "utf-8").lower() == "utf-8"
        )

    def precision(self) -> int:
        """0 for any type, 1 for any subtype, 2 for a type, 3 for a type and its version."""
        if self.media.endswith("/*"):
            return 0 if self.media == "*/*" else 1
        return 3 if "version" in self.parameters else 2


def choose(accept: str | None) -> Form:
    """The form that an Accept header wants most, or the text where it wants nothing that we have.

    Each form's weight is that of the most precise range it fits; 0 refuses it. Among equal
    weights the more precise range wins, then the earlier one.
    """
    ranges = list(_ranges(accept or ""))
    chosen, highest = Form.TEXT, (0.0, 0, 0)
    for form in Form:
        fitting = [(one.precision(), one.weight, -one.position) for one in ranges if one.fits(form)]
        if not fitting:
            continue
        precision, weight, place = max(fitting)
        if weight > 0 and (weight, precision, place) > highest:
            chosen, highest = form, (weight, precision, place)
    return chosen


def wants_gzip(accept: str | None) -> bool:
    """Whether an Accept-Encoding header prefers gzip to the plain body."""
    weights = {name: weight for name, _, weight in _elements(accept or "")}
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def _ranges(header: str) -> Iterator[Range]:
    for position, (media, parameters, weight) in enumerate(_elements(header)):
        yield Range(media, parameters, weight, position)


def _elements(header: str) -> Iterator[tuple[str, Mapping[str, str], float]]:
    """Name, parameters and weight of each element; one whose weight is no weight is left out."""
    for element in header.split(","):
        name, *rest = element.split(";")
        pairs = (part.partition("=") for part in rest)
        parameters = {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}
        weight = parameters.pop("q", "1")
        if name.strip() and WEIGHT.match(weight):
            yield name.strip().lower(), parameters, float(weight)
