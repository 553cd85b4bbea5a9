"""Makes the journals beside it: python make.py (needs systemd-journal-remote and zstd).

Two boots of one host, two units. A journal file is 8 MiB of almost nothing, so it is kept packed.
"""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
REMOTE = "/lib/systemd/systemd-journal-remote"
HOST = "0123456789abcdef" * 2
BOOTS: dict[str, list[tuple[str, bytes]]] = {
    "1": [
        ("web.service", b"first"),
        ("db.service", b"not asked for"),
        ("web.service", b"Traceback:\n  two lines"),
        ("web.service", b"no text \xff\x01"),
        ("web.service", b"a" * 5000),
    ],
    "2": [
        ("web.service", "after the restart of the host: \N{SNOWMAN}".encode()),
        ("db.service", b"neither"),
        ("web.service", b"last"),
    ],
}


def entry(boot: str, number: int, unit: str, message: bytes) -> bytes:
    """One entry in systemd's journal export format."""
    moment = 1_795_000_000_000_000 + int(boot) * 10**9 + number * 10**6
    fields = {
        "__REALTIME_TIMESTAMP": moment,
        "__MONOTONIC_TIMESTAMP": number * 10**6 + 5,
        "_BOOT_ID": boot * 32,
        "_MACHINE_ID": HOST,
        "_SYSTEMD_UNIT": unit,
        "PRIORITY": 6,
    }
    head = "".join(f"{name}={value}\n" for name, value in fields.items()).encode()
    return head + b"MESSAGE\n" + struct.pack("<Q", len(message)) + message + b"\n\n"


def main() -> int:
    for boot, messages in BOOTS.items():
        path = HERE / f"boot{boot}.journal"
        text = b"".join(entry(boot, n, *message) for n, message in enumerate(messages))
        subprocess.run([REMOTE, "-o", path, "-"], input=text, check=True)
        subprocess.run(["zstd", "-19", "--rm", "-f", "-q", path], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
