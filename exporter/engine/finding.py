"""Finding: the few of many templates that a message may fit, by a text that it must hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from exporter.engine.beginnings import Beginnings
from exporter.engine.template import Template

FEW = 8  # so many are tried one by one
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
        for place, (one, each) in enumerate(zip(templates, texts, strict=True)):
            if one.prefix and usual[one.prefix] <= FEW:
                _note(self.begins, one.prefix, place)
            elif each and len(templates) > FEW:
                told = min(each, key=lambda text: (usual[text], text != one.prefix, -len(text)))
                _note(self.begins if told == one.prefix else self.holds, told, place)
            else:
                self.always += (place,)
        self._begins, self._holds = Beginnings(self.begins), Beginnings(self.holds)
        self._width = min(_WIDTH, *map(len, self.holds)) if self.holds else 0
        self._starts = frozenset(text[: self._width] for text in self.holds)

    def places(self, message: str) -> list[int]:
        """The templates that a message may fit, in their order."""
        found = [*self.always]
        for text in self._begins.of(message):
            found += self.begins[text]
        for text in self._held(message):
            found += self.holds[text]
        found.sort()
        return found

    def _held(self, message: str) -> Iterable[str]:
        if len(message) > _LONG:
            return [text for text in self.holds if text in message]
        width, starts = self._width, self._starts
        found: set[str] = set()
        if starts:
            for at in range(len(message) - width + 1):
                if message[at : at + width] in starts:
                    found.update(self._holds.of(message[at:]))
        return found


def _texts(template: Template) -> list[str]:
    """The literal texts that a message must hold to fit, its beginning first."""
    return [text for text in (template.prefix, *(gap.until for gap in template.gaps)) if text]


def _note(places: dict[str, Places], text: str, place: int) -> None:
    places[text] = (*places.get(text, ()), place)
