"""python -m dashboards.build: write the JSON of every dashboard beside this folder."""

from __future__ import annotations

from pathlib import Path

from dashboards.build.boards import BOARDS
from dashboards.build.frame import dashboard

FOLDER = Path(__file__).parents[1]


def main() -> None:
    """Write them all, and name them."""
    for board in BOARDS:
        path = FOLDER / f"{board.uid}.json"
        path.write_text(dashboard(board), encoding="utf-8")
        print(path)  # noqa: T201  # a command prints


if __name__ == "__main__":
    main()
