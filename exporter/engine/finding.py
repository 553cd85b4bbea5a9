"""Finding: the few of many templates that a message may fit, by a text that it must hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from exporter.engine.beginnings import FEW, Beginnings
from exporter.engine.template import Template

_WIDTH = 4
_LONG = 2048  # a longer message is searched for each text, which is quicker than at each place

Places = tuple[int, ...]


class Finder:
    """Some templates, by their places.

    Of those in `begins` a message must begin with the text, of those in `holds` it must hold it;
    those in `always` may fit any message.
    """

    def __init__(self, templates: Sequence[Template]) -> None:
        self.begins: dict[str, Places] = {}
        self.holds: dict[str, Places] = {}
        self.always: Places = ()
        texts = [_texts(one) for one in templates]
        usual = Counter(text for each in texts for text in set(each))
        begun = [bool(one.prefix) and usual[one.prefix] <= FEW for one in templates]
        many = begun.count(False) > FEW
        for place, (one, each) in enumerate(zip(templates, texts, strict=True)):
            told = one.prefix if begun[place] else ""
            if not told and each and many:
                told = min(each, key=lambda text: (usual[text], -len(text)))
            if not told:
                self.always += (place,)
            elif told == one.prefix:
                _note(self.begins, told, place)
            else:
                _note(self.holds, told, place)
        self._begins, self._holds = Beginnings(self.begins), Beginnings(self.holds)
        self._width = min(_WIDTH, *map(len, self.holds)) if self.holds else 0
        self._starts = frozenset(text[: self._width] for text in self.holds)

    def places(self, message: str) -> list[int]:
        """The templates that a message may fit, in their order."""
        found = [*self.always]
        for text in self._begins.of(message):
            found += self.begins[text]
        if self.holds:
            for text in self._held(message):
                found += self.holds[text]
        found.sort()
        return found

    def _held(self, message: str) -> Iterable[str]:
        if len(message) > _LONG:
            return [text for text in self.holds if text in message]
        width, starts = self._width, self._starts
        found: set[str] = set()
        for at in range(len(message) - width + 1):
            if message[at : at + width] in starts:
                found.update(self._holds.of(message[at:]))
        return found


def _texts(template: Template) -> list[str]:
    """The literal texts that a message must hold to fit, its beginning first."""
    return [text for text in (template.prefix, *(gap.until for gap in template.gaps)) if text]


def _note(places: dict[str, Places], text: str, place: int) -> None:
    places[text] = (*places.get(text, ()), place)
