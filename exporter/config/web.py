"""web.config.yml, in the Prometheus exporter toolkit's format: what is asked of /metrics' clients.

https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from msgspec import Struct, field
from msgspec.structs import replace

from exporter.access import OPEN, Access, Tls
from exporter.config.build import SCALARS, Builder, Raw, instead
from exporter.config.nodes import At, Node, Refused, Scalar, compose, quote
from exporter.config.texts import read_text
from exporter.errors import Complaint, ConfigError

Headers = Annotated[Mapping[str, str], "headers"]
Users = Annotated[Mapping[str, bytes], "users"]

# 16 bytes of salt end in a letter of two bits.
HASH = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
LEAST_COST, MOST_COST = 4, 16  # the highest takes some four seconds; 31 would take days
# The toolkit lets no other headers be set, and two of them to these values only.
HEADERS: Mapping[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
HEADER_VALUE = re.compile(r"[\t -~]*")


class Http(Struct, frozen=True):
    """`http_server_config`. `http2` is read and does nothing: this is HTTP/1.1."""

    http2: bool = True
    headers: Headers = field(default_factory=dict)


class File(Struct, frozen=True):
    """The whole file."""

    tls_server_config: Tls | None = None
    http_server_config: Http | None = None
    basic_auth_users: Users | None = None


class Web(Struct, frozen=True):
    """What a file asks for; `files` are all that say it, itself the first."""

    access: Access
    files: tuple[Path, ...]


ANYBODY = Web(OPEN, ())


def load_web(path: Path) -> Web:
    """Read a file and what it names. Raises ConfigError with all that is wrong."""
    try:
        text = read_text(path)
    except ValueError as error:
        raise ConfigError([Complaint(str(path), 0, "", str(error))]) from None
    at = At(str(path))
    try:
        return _web(text, path, at)
    except Refused:
        raise ConfigError(sorted(at.complaints, key=lambda one: one.line)) from None


def _web(text: str, path: Path, at: At) -> Web:
    if all(not line.strip() or line.lstrip().startswith("#") for line in text.splitlines()):
        return Web(OPEN, (path,))  # the toolkit asks nothing then
    node = compose(text, at)
    build = Builder(hooks={Headers: _headers, Users: _users}, scalars=SCALARS)
    found = build.build(File, node, at)
    tls = found.tls_server_config and _inside(found.tls_server_config, path.parent)
    context = None
    if tls is not None:
        try:
            context = tls.context()
        except ValueError as error:
            line = Raw(node, at).line_of("tls_server_config")
            at.child("tls_server_config").say(line, str(error))
    if at.complaints:
        raise Refused
    access = Access(
        context,
        frozenset(tls.client_allowed_sans if tls else ()),
        found.basic_auth_users or {},
        found.http_server_config.headers if found.http_server_config else {},
    )
    return Web(access, (path, *(tls.files if tls else ())))


def _inside(tls: Tls, folder: Path) -> Tls:
    """Relative paths are taken from the file's folder."""
    ca = None if tls.client_ca_file is None else folder / tls.client_ca_file
    return replace(
        tls, cert_file=folder / tls.cert_file, key_file=folder / tls.key_file, client_ca_file=ca
    )


def _headers(build: Builder, node: Node, at: At) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for pair, here in Raw(node, at).pairs():
        if pair.key not in HEADERS:
            here.say(pair.line, f"cannot be set{instead(pair.key, HEADERS)}")
            continue
        empty = isinstance(pair.node, Scalar) and pair.node.empty
        value = "" if empty else build.convert(str, pair.node, here)
        right = HEADERS[pair.key]
        if right and value not in right:
            here.say(pair.line, f"{quote(value)} is none of {', '.join(right)}")
        elif not HEADER_VALUE.fullmatch(value):
            here.say(pair.line, "a header is one line of plain ASCII")
        found[pair.key] = value
    return found


def _users(_: Builder, node: Node, at: At) -> Mapping[str, bytes]:
    """Names and bcrypt hashes. A hash is never shown."""
    found: dict[str, bytes] = {}
    for pair, here in Raw(node, at).pairs():
        text = pair.node.text if isinstance(pair.node, Scalar) else ""
        if wrong := _wrong_hash(text):
            here.say(pair.line, wrong)
        found[pair.key] = text.encode()
    return found


def _wrong_hash(text: str) -> str | None:
    found = HASH.fullmatch(text)
    if found is None:
        return "is not the bcrypt hash of a password; `htpasswd -nBC 10 NAME` makes one"
    if not LEAST_COST <= int(found[1]) <= MOST_COST:
        return f"a bcrypt cost is from {LEAST_COST} to {MOST_COST} here; 10 is usual"
    return None
