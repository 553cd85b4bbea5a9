"""The house as its imports draw it: modules, rooms, who imports whom, read with ast."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGES = ("parsers", "exporter")


@dataclass(frozen=True)
class Module:
    """One file: its dotted name, its caption, its length, and every module it imports.

    Imports inside functions and under TYPE_CHECKING count like any other: what a file names, it
    knows. `from package import name` is the module `package.name` where that is one.
    """

    name: str
    caption: str | None
    lines: int
    imports: frozenset[str]

    def __str__(self) -> str:
        return self.name


def modules(root: Path) -> list[Module]:
    """Every Python module of the house under `root`, by name."""
    paths = {_name(root, path): path for path in _files(root)}
    return [_read(name, paths[name], frozenset(paths)) for name in sorted(paths)]


def inside(name: str, room: str) -> bool:
    """Whether `name` is the module `room` or lies in it."""
    return name == room or name.startswith(f"{room}.")


def foreign(module: Module) -> frozenset[str]:
    """The top-level names it imports that are neither the house's nor the standard library's."""
    tops = {name.partition(".")[0] for name in module.imports}
    return frozenset(tops - set(PACKAGES) - sys.stdlib_module_names)


def _files(root: Path) -> Iterator[Path]:
    # rglob does not follow the links to rules/ and dashboards/, which hold data.
    for package in PACKAGES:
        yield from (root / package).rglob("*.py")


def _name(root: Path, path: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _read(name: str, path: Path, known: frozenset[str]) -> Module:
    text = path.read_text()
    caption, nodes = _parsed(text)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    imports = {target for node in nodes for target in _targets(node, package, known)}
    return Module(name, caption, len(text.splitlines()), frozenset(imports))


@cache
def _parsed(text: str) -> tuple[str | None, tuple[ast.stmt, ...]]:
    """The caption, and every import; tests read the same house many times."""
    tree = ast.parse(text)
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))
    return ast.get_docstring(tree), tuple(found)


def _targets(node: ast.AST, package: str, known: frozenset[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = _base(node, package)
        for alias in node.names:
            deeper = f"{base}.{alias.name}"
            yield deeper if deeper in known else base


def _base(node: ast.ImportFrom, package: str) -> str:
    """The absolute name of what `from ... import` asks; one dot is the module's own package."""
    if not node.level:
        return node.module or ""
    above = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*above, node.module] if node.module else above)
