"""Certificates of the tests' own, made by openssl: authorities, and what they sign."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True)
class Signed:
    """A certificate and its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """Signs what it is asked to; `openssl` is the program."""

    openssl: Path
    folder: Path
    own: Signed

    def sign(self, name: str, *, host: str | None = None) -> Signed:
        """A certificate for a person, or for a server's host name."""
        made = _files(self.folder, name)
        request, extra = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extra.write_text(f"subjectAltName = DNS:{host}\n" if host else "")
        _run(
            self.openssl, "req", *KEY, "-keyout", made.key, "-out", request, "-subj", f"/CN={name}"
        )
        by = ("-CA", self.own.certificate, "-CAkey", self.own.key, "-CAcreateserial")
        out = ("-out", made.certificate, "-days", "2", "-extfile", extra)
        _run(self.openssl, "x509", "-req", "-in", request, *by, *out)
        return made


def authority(openssl: Path, folder: Path, name: str) -> Authority:
    """A new authority that keeps its files in a new folder."""
    folder = folder / name
    folder.mkdir()
    own = _files(folder, name)
    files = ("-keyout", own.key, "-out", own.certificate)
    _run(openssl, "req", "-x509", *KEY, *files, "-days", "2", "-subj", f"/CN={name}")
    return Authority(openssl, folder, own)


def _files(folder: Path, name: str) -> Signed:
    return Signed(folder / f"{name}.crt", folder / f"{name}.key")


def _run(*command: object) -> None:
    answer = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
