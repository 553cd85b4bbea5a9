"""What was found, held to the rules as they are shipped, by a real promtool."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.support.told import One

ROOT = Path(__file__).parents[2]
# One fires for ever, the others tell of any fault that lasts by its share of a month.
BESIDE = "Watchdog|WatchedBudgetBurns.*"
FIRING = f'ALERTS{{alertstate="firing",alertname!~"{BESIDE}"}}'
STEPS = 36  # of a minute, or of an hour where a forecast looks back for a day
Alert = Mapping[str, str]


def check(
    promtool: Path,
    path: Path,
    known: Mapping[One, float],
    moved: Mapping[One, float],
    alerts: Sequence[Alert],
    *,
    at_times: Mapping[One, float] | None = None,
    shown: Sequence[str] = (),
) -> None:
    """Hold the rules to these series, each minute the same but for what moves: these alerts fire.

    With `at_times` every fourth minute is like that. What is `shown` is asked for at the end.
    """
    names = sorted({one["alert"] for one in alerts})
    expected = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in names]
    questions: list[dict[str, Any]] = [
        {"expr": f"count by (alertname) (count by (alertname) ({FIRING}))", "exp_samples": expected}
    ]
    for one in alerts:
        labels = {"alertname": one["alert"], **{k: v for k, v in one.items() if k != "alert"}}
        wanted = ",".join(f'{name}="{value}"' for name, value in labels.items())
        questions.append(_there(f"ALERTS{{alertstate='firing',{wanted}}}"))
    questions += map(_there, shown)
    unit, step = ("h", 3600) if "WatchedPostgresSizeForecast" in names else ("m", 60)
    test = {
        "interval": f"1{unit}",
        "input_series": list(_series(known, moved, at_times, step)),
        "promql_expr_test": [{"eval_time": f"{STEPS}{unit}", **one} for one in questions],
    }
    rules = [str(each) for each in sorted((ROOT / "rules").glob("*.yaml"))]
    path.write_text(
        yaml.safe_dump({"rule_files": rules, "evaluation_interval": f"1{unit}", "tests": [test]})
    )
    answer = subprocess.run(
        [promtool, "test", "rules", path], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


def _there(expression: str) -> dict[str, Any]:
    """One series of this is there."""
    return {"expr": f"count({expression})", "exp_samples": [{"labels": "{}", "value": 1}]}


def _series(
    known: Mapping[One, float],
    moved: Mapping[One, float],
    at_times: Mapping[One, float] | None,
    step: int,
) -> Iterator[dict[str, str]]:
    if at_times is None:
        for one, value in known.items():
            start, move = _course(one, value, moved.get(one, 0), step)
            yield {"series": _spelled(one), "values": f"{start:.9g}{move:+.9g}x{STEPS}"}
        return
    for one in {**known, **at_times}:
        minutes = [at_times if minute % 4 == 3 else known for minute in range(STEPS + 1)]
        values = [_minute(one, each.get(one), number) for number, each in enumerate(minutes)]
        yield {"series": _spelled(one), "values": " ".join(values)}


def _minute(one: One, value: float | None, number: int) -> str:
    if value is None:
        return "_"
    start, move = _course(one, value, 0, 60)
    return f"{start + move * number:.9g}"


def _course(one: One, value: float, move: float, step: int) -> tuple[float, float]:
    """Where it begins, and its way of a minute: a time that was so long ago is so at each of them.

    What goes on since a time goes on.
    """
    if not one[0].endswith("_timestamp_seconds"):
        return value, move
    return value - time.time(), 0 if _stays(one[0]) else step


def _stays(metric: str) -> bool:
    return any(word in metric for word in ("_since_", "_start_", "_started_"))


def _spelled(one: One) -> str:
    name, labels = one
    pairs = ",".join(f'{label}="{told}"' for label, told in labels)
    return f"{name}{{{pairs}}}"


def held_back(alert: Alert, by: Sequence[Alert]) -> bool:
    """Whether alertmanager.yaml keeps an alert back while others fire."""
    routing = yaml.safe_load((ROOT / "rules/alertmanager/alertmanager.yaml").read_text())
    return any(
        _matches(rule["target_matchers"], alert)
        and any(
            _matches(rule["source_matchers"], cause)
            and all(cause.get(label) == alert.get(label) for label in rule["equal"])
            for cause in by
        )
        for rule in routing["inhibit_rules"]
    )


def _matches(matchers: Sequence[str], alert: Alert) -> bool:
    for one in matchers:
        found = re.fullmatch(r'(\w+)=~?"(.*)"', one)
        assert found, one
        label = "alert" if found[1] == "alertname" else found[1]
        if not re.fullmatch(found[2], alert.get(label, "")):
            return False
    return True
