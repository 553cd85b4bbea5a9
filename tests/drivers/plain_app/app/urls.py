"""No pages: the application has jobs alone."""

from __future__ import annotations

from typing import Any, ClassVar

from plain.urls import Router


class AppRouter(Router):  # type: ignore[misc]  # the library carries no types here
    namespace = ""
    urls: ClassVar[list[Any]] = []
