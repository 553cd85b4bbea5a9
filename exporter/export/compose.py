"""compose.monitoring.yaml and all that it mounts, for a host that has no checkout."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from exporter.errors import ExportError
from exporter.export.dashboards import dashboards
from exporter.export.shipped import subjects

HOUSE = Path(str(files("exporter")))
FILE = "compose.monitoring.yaml"
EXAMPLE = "env.example"
BUILT = "sidewatch:local"  # what it is called where it is built beside the file
CHECKOUT = "# in a checkout"  # ends lines that mean nothing elsewhere
KINDS = frozenset({".cfg", ".yaml", ".yml"})


def stack(image: str) -> Iterator[tuple[str, str]]:
    """Each file's path in the new folder, and its text; `image` is sidewatch's. Raises ExportError.

    The folders are those that the file names: stack, rules, dashboards.
    """
    if not image or image != "".join(image.split()) or "}" in image:
        raise ExportError(f"{image!r} is no image like registry.example/sidewatch:1.0")
    text = (HOUSE / FILE).read_text(encoding="utf-8")
    kept = [line for line in text.splitlines(keepends=True) if not line.rstrip().endswith(CHECKOUT)]
    yield FILE, "".join(kept).replace(BUILT, image)
    yield f".{EXAMPLE}", (HOUSE / EXAMPLE).read_text(encoding="utf-8").replace(BUILT, image)
    for path in sorted((HOUSE / "stack").rglob("*")):
        if path.suffix in KINDS:
            name = path.relative_to(HOUSE).as_posix()
            yield name, path.read_text(encoding="utf-8")
    for subject in subjects():
        yield f"rules/{subject.name}.yaml", subject.text
    for name, dashboard in dashboards():
        yield f"dashboards/{name}", dashboard
