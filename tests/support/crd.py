"""Resources of Kubernetes held against the schemas of their kinds, as an API server would.

It knows the part of OpenAPI that these schemas use. What a schema does not name is a fault too: a
server drops it in silence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from tests.support.wheels import ROOT

SCHEMAS = ROOT / "tests/operator/schemas.json"
TYPES = {"string": str, "boolean": bool, "integer": int, "array": list, "object": dict}
HEAD = {"name", "labels", "namespace"}


@cache
def schemas() -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """By version and kind."""
    kinds = json.loads(SCHEMAS.read_text())["kinds"]
    return {(one["apiVersion"], one["kind"]): one["schema"] for one in kinds}


def faults(resource: Mapping[str, Any]) -> list[str]:
    """What is wrong with a resource."""
    schema = schemas()[resource["apiVersion"], resource["kind"]]
    strange = resource["metadata"].keys() - HEAD
    rest = {key: value for key, value in resource.items() if key != "metadata"}
    return [*(f"metadata.{key}: unknown" for key in strange), *_faults(rest, schema, "")]


def _faults(value: Any, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return
    if schema.get("x-kubernetes-int-or-string"):
        if not isinstance(value, int | str):
            yield f"{place}: neither int nor string"
        return
    wanted = TYPES[schema["type"]]
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        yield f"{place}: {value!r} is no {schema['type']}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place}: {value!r} is none of {schema['enum']}"
    if isinstance(value, str):
        yield from _of_text(value, schema, place)
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            yield f"{place}: too few"
        for number, one in enumerate(value):
            yield from _faults(one, schema["items"], f"{place}[{number}]")
    if isinstance(value, dict):
        yield from _of_object(value, schema, place)


def _of_text(value: str, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    if len(value) < schema.get("minLength", 0):
        yield f"{place}: empty"
    # Go lets an option stand anywhere; Python only at the beginning.
    pattern = schema.get("pattern", "").replace("(?i)", "")
    if not re.search(pattern, value):
        yield f"{place}: {value!r} does not fit {pattern}"


def _of_object(value: Mapping[str, Any], schema: Mapping[str, Any], place: str) -> Iterator[str]:
    known = schema.get("properties", {})
    for key in schema.get("required", ()):
        if key not in value:
            yield f"{place}.{key}: missing"
    for key, one in value.items():
        inner = known.get(key, schema.get("additionalProperties"))
        if inner is None:
            yield f"{place}.{key}: unknown"
        else:
            yield from _faults(one, inner, f"{place}.{key}")
