"""The smallest application that plain accepts; its library comes by the environment."""

from __future__ import annotations

import os

SECRET_KEY = "of no use"
URLS_ROUTER = "app.urls.AppRouter"
INSTALLED_PACKAGES = [*os.environ["DRIVEN"].split(), "app.work"]
