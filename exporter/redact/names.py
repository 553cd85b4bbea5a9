"""Which names hold secrets, and which of their values tell nothing worth hiding."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import Any


class Standing(IntEnum):
    """What a name says of its value: nothing, that it may be secret, that it is."""

    PLAIN = 0
    LIKELY = 1  # a number of up to three digits is a count, and a path is a path
    SECRET = 2


KNOWN_NAMES = 4096
LONGEST_NAME = 200


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# A name is judged by its last words, as English does: a `token_count` is a count.
SECRET = _set(
    "password passwd passwort passphrase passcode pgpassword secret apikey dsn"
    " cvv cvc cvv2 ssn authorization connectionstring connstr"
    " privatekey secretkey mnemonic"
)
LIKELY = _set(
    "token jwt bearer cookie cookies auth sessionid sessid phpsessid jsessionid signature hmac"
    " csrf xsrf sas authkey accesskey pin otp totp secrets credential"
    " credentials pwd"
)
PAIRS = frozenset(
    {
        *(
            (kind, "key")
            for kind in _set(
                "api access private secret signing encryption account master auth ssh rsa"
                " license licence shared storage consumer hmac crypt webhook deploy admin jwt"
                " cipher aes session activation recovery"
            )
        ),
        *(
            (kind, "pass")
            for kind in _set(
                "db database user smtp mail email redis pg mysql postgres admin root ftp"
                " http proxy auth basic my rabbitmq amqp ssh key"
            )
        ),
        ("session", "id"),
        ("connect", "sid"),
        ("connection", "string"),
        ("conn", "string"),
        ("set", "cookie"),
        ("recovery", "codes"),
        ("key", "base"),
        ("backup", "codes"),
        ("security", "code"),
    }
)
# `dbpassword`, `clientsecret`, `accesstoken`: written without a seam.
ENDINGS = ("password", "passwd", "passphrase", "secret", "apikey", "privatekey", "secretkey")
LIKELY_ENDINGS = ("token", "accesskey", "sessionid", "authkey")
# What a name may carry behind the noun without becoming another thing.
NEUTRAL = _set(
    "value raw plain plaintext text old new current previous string str base64 b64 hex header env"
    " var hash hashed hashes digest encrypted prod production test dev staging live"
)
WORD = re.compile(r"[A-Z]{2,}(?![a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")

# Values that are said *about* a secret.
TELLING = _set(
    "true false null none nil undefined yes no on off ok invalid expired expires required missing"
    " incorrect wrong failed failure valid authentication mismatch mismatched rejected refused"
    " revoked refreshed rotated created updated deleted changed set unset empty not is was has are"
    " must cannot can should may will too and or for of in from with unauthorized forbidden"
    " accepted absent present disabled enabled unknown denied provided not_provided optional basic"
    " bearer digest the a an"
)
# What has been hidden by us or by another, as a whole value.
_KEPT = (
    r"\[redacted-[a-z][a-z0-9_]{0,39}\]"
    r"|[\[<(](?i:redacted|filtered|masked|hidden|removed|secret|sensitive|none|unset)[\]>)]"
    r"|(?i:redacted)|\*{2,}|[xX]{6,}|\u2022{3,}|\.{3}|\u2026|%s|\{\}|\?"
)
KEPT = re.compile(_KEPT)
KEPT_HERE = re.compile(rf"""(?:{_KEPT})(?=[\s"'`,;&<>)\]}}]|\\|%2|$)|\[redacted-url\](?=@)""")
# A count, or a path: `token=5`, `PWD=/srv/app`.
HARMLESS = re.compile(r"[+-]?\d{1,3}(?:\.\d+)?%?|\.{0,2}/[a-z0-9_./\-]{0,80}")
QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")


@dataclass(frozen=True, slots=True)
class Names:
    """The built-in names of secrets, and `own` ones: each given as it is spelled somewhere."""

    own: tuple[str, ...] = ()
    _cached: Callable[[str], Standing] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        own = frozenset(_words(name) for name in self.own)
        cached = lru_cache(maxsize=KNOWN_NAMES)(lambda name: _judge(name, own))
        object.__setattr__(self, "_cached", cached)

    def standing(self, name: str) -> Standing:
        """What this name says of its value: `dbPassword`, `X-Api-Key`, `AUTH_TOKEN` ..."""
        return self._cached(name[-LONGEST_NAME:])

    def expressions(self) -> tuple[str, ...]:
        """The own names as expressions of RE2, however a text spells them."""
        return tuple(r"[_.\- ]?".join(_words(name)) for name in self.own)

    @staticmethod
    def hides(standing: Standing, value: Any) -> bool:
        """Whether the value of such a name is to be hidden: not what only tells of a secret."""
        if value is None or isinstance(value, bool):
            return False
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value).strip()
        if not text or text.lower() in TELLING or KEPT.fullmatch(text):
            return False
        return standing is Standing.SECRET or HARMLESS.fullmatch(text) is None

    @staticmethod
    def unquoted(text: str, instead: str) -> str:
        """The text with everything that it quotes hidden."""
        return QUOTED.sub(lambda _: repr(instead), text)


def _judge(name: str, own: frozenset[tuple[str, ...]]) -> Standing:
    words = _words(name)
    if any(words[-len(one) :] == one for one in own):
        return Standing.SECRET
    while len(words) > 1 and (words[-1] in NEUTRAL or words[-1].isdigit()):
        words = words[:-1]
    if not words:
        return Standing.PLAIN
    last = words[-1]
    if last in SECRET or last.endswith(ENDINGS) or words[-2:] in PAIRS:
        return Standing.SECRET
    if last in LIKELY or last.endswith(LIKELY_ENDINGS) or words == ("pass",):
        return Standing.LIKELY
    return Standing.PLAIN


def _words(name: str) -> tuple[str, ...]:
    """`dbPassword`, `DB_PASSWORD` and `db-password` alike."""
    return tuple(word.lower() for word in WORD.findall(name))
