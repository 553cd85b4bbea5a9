"""web.config.yml: what promtool takes we take, but for what is told here, each with its reason."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from exporter.access import SUITES
from exporter.config import load, load_web
from exporter.errors import ConfigError
from tests.support.authority import Authority
from tests.support.parts import Parts

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"  # the toolkit's own example
TLS = "tls_server_config: {cert_file: server.pem, key_file: server.key"
VERIFYING = f"{TLS}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: root.pem"
# promtool takes them and refuses them as we do.
GOOD = {
    "nothing": "",
    "a comment": "# nothing yet\n",
    "an empty section": "tls_server_config:\nbasic_auth_users:\n",
    "plain TLS": f"{TLS}}}",
    "a verified client": f"{VERIFYING}}}",
    "a client if it likes": f"{TLS}, client_auth_type: VerifyClientCertIfGiven,"
    " client_ca_file: root.pem}",
    "a client that is asked": f"{TLS}, client_auth_type: RequestClientCert}}",
    "no client": f"{TLS}, client_auth_type: NoClientCert}}",
    "versions": f"{TLS}, min_version: TLS12, max_version: TLS13}}",
    "an old version": f"{TLS}, min_version: TLS10}}",
    "curves": f"{TLS}, curve_preferences: [X25519, CurveP256, CurveP384, CurveP521]}}",
    "suites": f"{TLS}, cipher_suites: [{', '.join(SUITES)}, TLS_AES_128_GCM_SHA256]}}",
    "the client's choice": f"{TLS}, prefer_server_cipher_suites: false}}",
    "no HTTP/2": "http_server_config: {http2: no}",
    "headers": "http_server_config:\n  headers:\n    X-Frame-Options: deny\n"
    "    X-Content-Type-Options: nosniff\n    X-XSS-Protection: '1'\n"
    "    Strict-Transport-Security: max-age=31536000\n    Content-Security-Policy: ''\n",
    "users": f"basic_auth_users:\n  prometheus: {HASH}\n  'a b': {HASH}\n",
}  # fmt: skip
BAD = {
    "an unknown key": (f"{TLS}, cert_fil: x}}", "no such key; did you mean cert_file?"),
    "an unknown section": ("tls: {}", "no such key; did you mean tls_server_config?"),
    "a key twice": (f"basic_auth_users:\n  a: {HASH}\n  a: {HASH}\n", "stands on line 2 already"),
    "no key file": ("tls_server_config: {cert_file: server.pem}", "key_file: is missing"),
    "no certificate": ("tls_server_config: {key_file: server.key}", "cert_file: is missing"),
    "no such file": (f"{TLS.replace('server.pem', 'no.pem')}}}", "no.pem cannot be read: No such"),
    "swapped": (
        "tls_server_config: {cert_file: server.key, key_file: server.pem}",
        "are not a certificate in PEM and its key",
    ),
    "another's key": (f"{TLS.replace('server.key', 'other.key')}}}", "KEY_VALUES_MISMATCH"),
    "no CA file": (f"{VERIFYING.replace('root.pem', 'no.pem')}}}", "no.pem cannot be read"),
    "a CA for nobody": (f"{TLS}, client_ca_file: root.pem}}", "client_ca_file: is of no use"),
    "an unknown client": (f"{TLS}, client_auth_type: Everybody}}", "is none of NoClientCert"),
    "an unknown version": (f"{TLS}, min_version: SSL3}}", "'SSL3' is none of TLS10"),
    "an unknown curve": (f"{TLS}, curve_preferences: [P256]}}", "'P256' is none of CurveP256"),
    "a weak suite": (f"{TLS}, cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}}", "none that is served"),
    "another header": ("http_server_config: {headers: {Server: x}}", "Server: cannot be set"),
    "a header in small": (
        "http_server_config: {headers: {x-frame-options: deny}}",
        "did you mean X-Frame-Options?",
    ),
    "a frame": (
        "http_server_config: {headers: {X-Frame-Options: allow}}",
        "'allow' is none of deny, sameorigin",
    ),
    "a password": ("basic_auth_users: {a: hunter2}", "is not the bcrypt hash of a password"),
    "too cheap": (f"basic_auth_users: {{a: {HASH.replace('$10$', '$03$')}}}", "from 4 to 16"),
}  # fmt: skip
# What this promtool takes and we refuse: it would not do what it seems to, or Python cannot.
STRICTER = {
    "TLS without a certificate is none": (
        "tls_server_config: {min_version: TLS13}",
        "cert_file: is missing",
    ),
    "no version is both": (f"{TLS}, min_version: TLS13, max_version: TLS12}}", "is above max"),
    "below TLS 1.2": (f"{TLS}, max_version: TLS11}}", "TLS 1.2 is the lowest"),
    "any certificate": (f"{TLS}, client_auth_type: RequireAnyClientCert}}", "write RequireAndVer"),
    "its old name": (f"{TLS}, client_auth_type: RequireClientCert}}", "write RequireAndVerify"),
    "verified by nobody": (
        f"{TLS}, client_auth_type: RequireAndVerifyClientCert}}",
        "client_ca_file: is missing",
    ),
    "a CA file without one": (f"{VERIFYING.replace('root.pem', 'server.key')}}}", "no certificate"),
    "X25519 alone": (f"{TLS}, curve_preferences: [X25519]}}", "add CurveP256"),
    "suites of TLS 1.3 for 1.2": (
        f"{TLS}, max_version: TLS12, cipher_suites: [TLS_AES_128_GCM_SHA256]}}",
        "has none of TLS 1.2",
    ),
    "another bcrypt": (f"basic_auth_users: {{a: {HASH.replace('2y', '2z')}}}", "is not the bcrypt"),
    "hours of bcrypt": (f"basic_auth_users: {{a: {HASH.replace('$10$', '$31$')}}}", "from 4 to 16"),
}  # fmt: skip
# What it does not know yet and we do.
NEWER = {"names of clients": f"{VERIFYING}, client_allowed_sans: [prometheus.example]}}"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    authority = Authority(tmp_path_factory.mktemp("web") / "files")
    authority.issue("server")
    authority.issue("other")
    return authority.folder


def read(folder: Path, text: str) -> str:
    """What is complained of; nothing where it is taken."""
    path = folder / "read.yml"
    path.write_text(text)
    try:
        load_web(path)
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.real
def test_promtool_agrees_but_for_what_is_told(folder: Path, parts: Parts) -> None:
    promtool = parts.need("promtool")
    texts = {**GOOD, **NEWER, **{name: text for name, (text, _) in (BAD | STRICTER).items()}}
    files = {name: folder / f"case-{number}.yml" for number, name in enumerate(texts)}
    for name, path in files.items():
        path.write_text(texts[name])
    answer = subprocess.run(
        [promtool, "check", "web-config", *files.values()],
        capture_output=True,
        text=True,
        check=False,
    )
    told = dict(re.findall(r"^(.*) (SUCCESS|FAILED)", answer.stdout + answer.stderr, re.MULTILINE))
    taken = {name for name, path in files.items() if told[str(path)] == "SUCCESS"}
    assert taken == GOOD.keys() | STRICTER.keys()


@pytest.mark.parametrize("name", [*GOOD, *NEWER])
def test_what_is_right_is_taken(folder: Path, name: str) -> None:
    assert read(folder, (GOOD | NEWER)[name]) == ""


@pytest.mark.parametrize("name", [*BAD, *STRICTER])
def test_what_is_wrong_is_said_with_what_would_be_right(folder: Path, name: str) -> None:
    text, said = (BAD | STRICTER)[name]
    assert said in read(folder, text)


def test_no_hash_is_shown(folder: Path) -> None:
    said = read(folder, "basic_auth_users: {a: hunter2, b: [hunter2], c: {hunter2: hunter2}}")
    assert said.count("bcrypt") == 3
    assert "hunter2" not in said


def test_an_encrypted_key_is_refused_and_nobody_asked(folder: Path) -> None:
    files = ("-in", folder / "server.key", "-out", folder / "locked.key")
    command = ("openssl", "ec", "-aes128", "-passout", "pass:x", *files)
    subprocess.run(command, check=True, capture_output=True)
    assert "the key is encrypted" in read(folder, TLS.replace("server.key", "locked.key") + "}")


def test_client_names_need_a_certificate_that_is_verified(folder: Path) -> None:
    said = read(folder, f"{TLS}, client_allowed_sans: [a]}}")
    assert "client_allowed_sans: needs client_auth_type RequireAndVerifyClientCert" in said


CONFIG = "listen: '{listen}'\n{web}\napps:\n  - name: shop\n    logs: [{{stdin: true}}]\n"


@pytest.mark.parametrize("listen", ["0.0.0.0:9877", ":9877", "[::]:9877", "192.0.2.1:1", "box:1"])
def test_listening_for_all_without_a_lock_is_noted(folder: Path, listen: str) -> None:
    path = folder / "sidewatch.yaml"
    path.write_text(CONFIG.format(listen=listen, web=""))
    (note,) = load(path, {}).notes
    assert (note.key, note.line) == ("listen", 1)
    assert "everybody who reaches it may read all metrics" in note.text
    (folder / "web.yml").write_text(f"basic_auth_users: {{a: {HASH}}}\n")
    path.write_text(CONFIG.format(listen=listen, web="web: {config_file: web.yml}"))
    assert load(path, {}).notes == ()
    (folder / "tls.yml").write_text(f"{TLS}}}")
    path.write_text(CONFIG.format(listen=listen, web="web: {config_file: tls.yml}"))
    assert load(path, {}).notes != ()


@pytest.mark.parametrize("listen", ["127.0.0.1:1", "[::1]:1", "localhost:1", "127.8.0.1:1"])
def test_listening_for_this_host_needs_no_lock(folder: Path, listen: str) -> None:
    path = folder / "sidewatch.yaml"
    path.write_text(CONFIG.format(listen=listen, web=""))
    assert load(path, {}).notes == ()


def test_the_variable_stands_above_the_key(folder: Path) -> None:
    path = folder / "sidewatch.yaml"
    path.write_text(CONFIG.format(listen="127.0.0.1:1", web="web: {config_file: one.yml}"))
    (folder / "one.yml").write_text(f"basic_auth_users: {{one: {HASH}}}\n")
    (folder / "two.yml").write_text(f"basic_auth_users: {{two: {HASH}}}\n")
    assert [*load(path, {}).web.access.users] == ["one"]
    variable = {"SIDEWATCH_WEB_CONFIG_FILE": str(folder / "two.yml")}
    assert [*load(path, variable).web.access.users] == ["two"]


def test_its_mistakes_are_told_beside_the_others(folder: Path) -> None:
    path = folder / "sidewatch.yaml"
    path.write_text(CONFIG.format(listen="here", web="web: {config_file: bad.yml}"))
    (folder / "bad.yml").write_text("tls_server_config: {cert_file: no.pem}\n")
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    told = [(Path(one.file).name, one.key) for one in caught.value.complaints]
    assert told == [("sidewatch.yaml", "listen"), ("bad.yml", "tls_server_config.key_file")]
