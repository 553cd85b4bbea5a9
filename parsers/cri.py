"""The CRI's log lines, as containerd and CRI-O write them: `TIME stdout F text`.

`P` instead of `F` is a piece of a line that goes on; more tags may follow behind colons
(kubernetes/kubernetes: pkg/kubelet/kuberuntime/logs).
"""

from __future__ import annotations

import re

from parsers.envelopes import Envelope

_HEAD = re.compile(
    rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) (stdout|stderr)"
    rb" ([PF])(?::[^ ]{0,100})?(?: |\Z)"
)


def unwrap(line: bytes) -> Envelope | None:
    """Take the envelope off; None for what is no CRI line."""
    found = _HEAD.match(line)
    if not found:
        return None
    time, stream, tag = found.groups()
    text = line[found.end() :].removesuffix(b"\n")
    return Envelope(text, stream.decode(), time.decode(), partial=tag == b"P")
