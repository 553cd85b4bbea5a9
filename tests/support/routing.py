"""The shipped routing as tests run it: with receivers, and with waits that a test can wait for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "rules/alertmanager"
SHIPPED: Mapping[str, Any] = yaml.safe_load((FOLDER / "alertmanager.yaml").read_text())


PEOPLE = ("page", "ticket")


def routing_to(
    url: str, *, receivers: Collection[str] = PEOPLE, wait: str = "1s"
) -> dict[str, Any]:
    """The shipped routing, whose `receivers` post to `url`/NAME; each wait of its routes is `wait`.

    Templates are left out: who posts JSON needs none, and their path is the shipped file's.
    """
    config: dict[str, Any] = deepcopy(dict(SHIPPED))
    del config["templates"]
    for receiver in config["receivers"]:
        if receiver["name"] in receivers:
            receiver["webhook_configs"] = [{"url": f"{url}/{receiver['name']}"}]
    for route in (config["route"], *config["route"]["routes"]):
        route |= {"group_wait": wait, "group_interval": wait}
    return config
