"""The eight dashboards, from whether anything is wrong down to sidewatch itself."""

from __future__ import annotations

from dashboards.build.boards.application import APPLICATION
from dashboards.build.boards.files import FILES
from dashboards.build.boards.itself import ITSELF
from dashboards.build.boards.logs import LOGS
from dashboards.build.boards.overview import OVERVIEW
from dashboards.build.boards.postgres import POSTGRES
from dashboards.build.boards.queues import QUEUES
from dashboards.build.boards.webhooks import WEBHOOKS

BOARDS = (OVERVIEW, APPLICATION, QUEUES, WEBHOOKS, POSTGRES, LOGS, FILES, ITSELF)

__all__ = ["BOARDS"]
