"""Images of this machine's own programs, for those that a test cannot pull.

Each holds busybox, one program with the libraries that it is linked to, and the folders and the
user of the image that it stands for.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.docker import BUSYBOX

APPLETS = ("sh", "wget", "sed", "find", "httpd")
LIBRARY = re.compile(r"(/\S+) \(0x")


@dataclass(frozen=True)
class StandIn:
    """An image: `program` is found in it as `inside`, `folders` belong to `owner`.

    `files` are this machine's, at the same place; `texts` are files by what stands in them.
    """

    name: str
    program: Path
    inside: str
    owner: int
    folders: Sequence[str] = ()
    files: Sequence[str] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    entrypoint: Sequence[str] = ()

    def load(self, url: str) -> None:
        """Make the daemon at this URL know it."""
        words = ", ".join(f'"{word}"' for word in self.entrypoint or (self.inside,))
        changes = (f"ENTRYPOINT [{words}]", f"USER {self.owner}", "ENV PATH=/bin:/sbin")
        subprocess.run(
            ["docker", "import", *(f"--change={change}" for change in changes), "-", self.name],
            input=self._packed(),
            capture_output=True,
            check=True,
            env={**os.environ, "DOCKER_HOST": url},
        )

    def _packed(self) -> bytes:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", dereference=True) as archive:
            archive.add(BUSYBOX, "bin/busybox")
            for applet in APPLETS:
                archive.addfile(_link(f"bin/{applet}", "busybox"))
            archive.add(self.program, self.inside.lstrip("/"))
            for file in (*_libraries(self.program), *self.files):
                archive.add(file, file.lstrip("/"))
            for folder in ("tmp", *self.folders):
                made = tarfile.TarInfo(folder.strip("/"))
                made.type, made.mode, made.uid = tarfile.DIRTYPE, 0o755, self.owner
                archive.addfile(made)
            for name, text in self.texts.items():
                made = tarfile.TarInfo(name.strip("/"))
                made.mode, made.size = 0o644, len(text)
                archive.addfile(made, io.BytesIO(text.encode()))
        return packed.getvalue()


def _libraries(program: Path) -> Sequence[str]:
    """The files that the dynamic linker would load; none where it is linked by itself."""
    answer = subprocess.run(
        ["ldd", str(program)], capture_output=True, text=True, check=False, env={"LC_ALL": "C"}
    )
    return LIBRARY.findall(answer.stdout)


def _link(name: str, target: str) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = tarfile.SYMTYPE, target
    return made
