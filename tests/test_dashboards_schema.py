"""The dashboards are what Grafana's own types say a dashboard is, in each of its lines 10 to 13."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.node import Node
from tests.support.panels import dashboards

# Enumerations are plain words in JSON. What Prometheus's marks say besides is its data source's.
CHECKED = """\
import type { AnnotationQuery, Dashboard } from '@grafana/schema-%s'
type Plain<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Plain<T[K]> } : T
type Told = { expr?: string, step?: string, titleFormat?: string, textFormat?: string }
type Marks = { list: Array<Plain<AnnotationQuery> & Told> }
type Checked = Plain<Omit<Dashboard, 'annotations'>> & { annotations: Marks }
export const checked: Checked[] = %s
"""
OPTIONS = {
    "module": "esnext",
    "moduleResolution": "bundler",
    "noEmit": True,
    "skipLibCheck": True,
    "strict": True,
    "target": "es2022",
}
LINES = (10, 11, 12, 13)


def complaints(node: Node, folder: Path, checked: object) -> str:
    """What the compiler of TypeScript has against these dashboards."""
    for line in LINES:
        text = CHECKED % (line, json.dumps(checked, ensure_ascii=False))
        (folder / f"grafana_{line}.ts").write_text(text)
        node.note(f"@grafana/schema-{line}")
    (folder / "node_modules").symlink_to(node.modules)
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": OPTIONS}))
    compiler = node.modules / "typescript" / "bin" / "tsc"
    words = [str(node.program), str(compiler), "--project", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (not done.stdout)
    return done.stdout


@pytest.mark.real
def test_every_line_of_grafana_knows_all_that_they_say(node: Node, tmp_path: Path) -> None:
    assert not complaints(node, tmp_path, list(dashboards().values()))


@pytest.mark.real
def test_what_no_grafana_knows_would_be_seen(node: Node, tmp_path: Path) -> None:
    one = json.loads(json.dumps(dashboards()["sidewatch-overview"]))
    one["panels"][0]["gridPos"]["width"] = 4
    told = complaints(node, tmp_path, [one])
    assert told.count("'width'") + told.count('"width"') >= len(LINES)
