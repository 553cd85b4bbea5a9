"""Wrong configurations, each beside the exact complaints that it must draw, and nothing worse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import load, parse
from exporter.errors import ConfigError

BAD = Path(__file__).parent / "bad"
ENVIRON = {"SECRET": "hunter2"}

UNKNOWN = {"unheard_of": "x"}

FRAGMENTS = (
    "apps", "name", "shop", "logs", "rules", "files", "message", "count", "watched_events_total",
    "where", "level", "labels", "objectives", "job_wait", "profile", "kodiai", "metrics", "routes",
    "heartbeats", "5m", "1e3", "on", "~", "''", '"\\ud800"', "${SECRET}", "${", "{a}", "<<", "---",
    "...", "&a", "*a", "!!int", "!x", "|", ">", "? ", "%YAML 9999999999999999999.1", "# x", "\t",
    "- ", "  ", ": ", ":", ",", "[", "]", "{", "}", "\n", "\n  ", "\n    - ", "\0", "\u2028",
)  # fmt: skip


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_wrong_configuration_draws_exactly_its_complaints(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(BAD)
    with pytest.raises(ConfigError) as caught:
        load(Path(path.name), ENVIRON)
    told = [str(complaint) for complaint in caught.value.complaints]
    assert told == path.with_suffix(".txt").read_text().splitlines()


def test_every_complaint_file_has_its_configuration() -> None:
    assert {path.stem for path in BAD.glob("*.txt")} == {path.stem for path in BAD.glob("*.yaml")}


def test_a_missing_file_is_a_complaint(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: No such file"):
        load(tmp_path / "none.yaml", {})


def test_an_endless_file_is_refused() -> None:
    with pytest.raises(ConfigError, match="/dev/zero: is longer than 1 MiB"):
        load(Path("/dev/zero"), {})


def test_a_variable_shows_its_name_and_never_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    with pytest.raises(ConfigError) as caught:
        load(Path("secret.yaml"), ENVIRON)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")), ids=lambda path: path.stem)
def test_an_unknown_key_in_any_mapping_does_no_worse_than_a_complaint(path: Path) -> None:
    try:
        whole = yaml.safe_load(path.read_bytes())
        shapes = list(_with_a_key_more(whole))
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
        return  # it is wrong as YAML
    for shape in shapes:
        _reads_or_refuses(yaml.safe_dump(shape, sort_keys=False))


def _with_a_key_more(node: object) -> Iterator[object]:
    """The same tree with one more key in one mapping, for each of its mappings."""
    if isinstance(node, dict):
        yield {**node, **UNKNOWN}
        for key, value in node.items():
            yield from ({**node, key: other} for other in _with_a_key_more(value))
    if isinstance(node, list):
        for i, value in enumerate(node):
            yield from ([*node[:i], other, *node[i + 1 :]] for other in _with_a_key_more(value))


def _reads_or_refuses(text: str) -> None:
    with suppress(ConfigError):
        parse(text, BAD / "random.yaml", ENVIRON)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_text_does_worse_than_a_complaint(text: str) -> None:
    _reads_or_refuses(text)


@settings(deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join))
def test_no_yaml_does_worse_than_a_complaint(text: str) -> None:
    _reads_or_refuses(text)


WORDS = st.sampled_from([one for one in FRAGMENTS if one.isidentifier()])
VALUES = st.recursive(
    WORDS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(WORDS, inner, max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{k}: {v}" for k, v in pairs.items()) + "}"
        ),
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(VALUES)
def test_no_value_of_a_wrong_shape_does_worse_than_a_complaint(value: str) -> None:
    _reads_or_refuses(value)
    _reads_or_refuses(f"apps: {value}")
    for key in ("logs", "rules", "objectives", "metrics", "heartbeats", "routes", "declare"):
        _reads_or_refuses(f"apps: [{{name: shop, {key}: {value}}}]")
    for key in ("where", "count", "set", "observe", "event", "drain", "level", "message"):
        _reads_or_refuses(f"apps: [{{name: shop, rules: [{{{key}: {value}}}]}}]")
