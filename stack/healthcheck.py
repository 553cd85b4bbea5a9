# ruff: noqa: INP001 - one file, no package
"""Ends with 0 where sidewatch answers in its container, with or without TLS."""

from __future__ import annotations

import os
import ssl
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

PORT = os.environ["SIDEWATCH_LISTEN"].rpartition(":")[2]
# It asks itself, so whose certificate it is does not matter.
ANYBODY = ssl._create_unverified_context()  # noqa: S323, SLF001 - as above
OPENER = build_opener(ProxyHandler({}), HTTPSHandler(context=ANYBODY))

try:
    OPENER.open(f"http://127.0.0.1:{PORT}/healthz", timeout=2)
except OSError:
    OPENER.open(f"https://127.0.0.1:{PORT}/healthz", timeout=2)
