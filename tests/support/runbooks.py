"""The pages of docs/runbooks: their sections, their blocks of commands, and their index.

`python -m tests.support.runbooks` writes the index, which ends docs/runbooks/README.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from tests.support.shipped_alerts import shipped_alerts

FOLDER = Path(__file__).parents[2] / "docs/runbooks"
README = FOLDER / "README.md"
INDEX = "## All alerts\n\n"
HEAD = "| alert | severity | what |\n| --- | --- | --- |\n"

_BLOCK = re.compile(r"^( *)```(?P<info>[^\n]*)\n(?P<text>.*?)^\1```$", re.MULTILINE | re.DOTALL)
_INFO = re.compile(
    r"(?P<kind>sh|promql|yaml|sql (?P<of>any|agledger|kodiai|paas|pullapprove|tripl))"
    r"(?: manual: (?P<why>\S.*))?"
)


@dataclass(frozen=True, slots=True)
class Block:
    """Commands as a page shows them: what kind, of which application, why nobody runs them."""

    kind: str
    of: str | None
    why: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its sections by heading, and all of its blocks."""

    name: str
    text: str

    @property
    def sections(self) -> dict[str, str]:
        """The text of each section by its heading, in the page's order."""
        _, *parts = re.split(r"^## (.+)\n", self.text, flags=re.MULTILINE)
        return dict(zip(parts[::2], parts[1::2], strict=True))

    @property
    def prose(self) -> str:
        """The page without its blocks."""
        return _BLOCK.sub("", self.text)

    def blocks(self) -> Iterator[Block]:
        """Every block; a ValueError for one that does not say how it is proved."""
        yield from blocks(self.text)


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a page, or of one of its sections."""
    for found in _BLOCK.finditer(text):
        info = _INFO.fullmatch(found["info"])
        if info is None:
            line = text.count("\n", 0, found.start()) + 1
            msg = f"line {line}: {found['info']!r} does not say how the block is proved"
            raise ValueError(msg)
        yield Block(
            info["kind"].partition(" ")[0], info["of"], info["why"], dedent(found["text"]).strip()
        )


def pages() -> dict[str, Page]:
    """All pages by name, the README's too."""
    return {path.stem: Page(path.stem, path.read_text()) for path in sorted(FOLDER.glob("*.md"))}


def index() -> str:
    """The table of all alerts."""
    rows = (
        f"| [{name}]({name}.md) | {alert.rule['labels']['severity']} |"
        f" {alert.rule['annotations']['summary']} |\n"
        for name, alert in sorted(shipped_alerts().items())
    )
    return HEAD + "".join(rows)


if __name__ == "__main__":
    README.write_text(README.read_text().partition(INDEX)[0] + INDEX + index())
