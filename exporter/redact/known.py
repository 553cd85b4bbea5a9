"""The shapes that are known without being told: the forms that issuers give their secrets.

Particular ones stand before general ones, so that the count names what it was. The prefixes are
those that the issuers document, or that their own secret scanning looks for.
"""

from __future__ import annotations

from collections.abc import Iterator

from exporter.redact.commands import commands
from exporter.redact.shapes import Shape, is_address, is_basic, is_card, is_mixed, is_no_word

# No letter or digit before; behind a `\n` that a JSON text spells is a beginning too.
EDGE = r"(?:^|[^A-Za-z0-9]|\\[nrt])"
KEY_BLOCK = r"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
# Only a scheme's last letter: counting up to thirty before it makes an automaton that does not fit
# into RE2's memory, and is built anew over and over: 70 microseconds a line instead of one.
SCHEME = r"(?i)[a-z0-9+.\-]:(?:\\?/){2}"
# A password in a URL that was not encoded may hold anything; `:4873/@scope` is a port and a path.
URL_PASSWORD = r"""(?:(?:[^\s@"'<>/\\0-9]|\d{1,5}[^\s@"'<>/\\0-9]|\d{6,})[^\s"'<>\\]*|\d{1,5})"""  # noqa: S105 - an expression
# Its `/` may be spelled `\/`, and `+`, `-`, `/`, `=`, `~` by their numbers, as JSON allows.
BEARER = r"(?:[A-Za-z0-9._~+/=\-]|\\+(?:/|u00(?:2[bBdDfF]|3[dD]|7[eE])))"
LOCAL = r"[A-Za-z0-9._%+\-]"
SIGNED = (
    r"sig|key|code|X-Amz-(?:Signature|Credential|Security-Token)|X-Goog-(?:Signature|Credential)"
    r"|hdnts|Key-Pair-Id"
)

# Rule and expression of tokens that begin at a word's edge; `~` stands for a token's character.
TOKENS = (
    ("private_key", r"AGE-SECRET-KEY-1[A-Z0-9]{20,}"),
    ("jwt", r"eyJ~{8,}\.~{4,}(?:\.~*)*"),
    ("github", r"gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}"),
    ("gitlab", r"gl(?:pat|dt|rt|cbt|ptt|soat|ft|imt|agent|oas|ffct)-~{16,}(?:\.~+)*"),
    ("slack", r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{10,}"),
    ("aws", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"),
    ("google", r"AIza~{30,}|ya29\.~{20,}|GOCSPX-~{20,}|1//0~{30,}"),
    ("azure", r"[A-Za-z0-9_.\-]{3}\dQ\x7E[A-Za-z0-9_.\x7E\-]{30,}"),
    ("stripe", r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{16,}"),
    ("sendgrid", r"SG\.~{16,}\.~{16,}"),
    ("twilio", r"SK[0-9a-f]{32}\b"),
    ("npm", r"npm_[A-Za-z0-9]{30,}"),
    ("pypi", r"pypi-~{40,}"),
    ("openai", r"sk-(?:ant-|proj-|svcacct-|or-)?~{20,}"),
    ("telegram", r"(?:bot)?\d{8,10}:AA~{32,}"),
    ("discord", r"[MNO]~{23,27}\.~{6}\.~{27,}"),
    ("token", r"(?:dop|doo|dor)_v1_[0-9a-f]{32,}"),  # DigitalOcean
    ("token", r"hf_[A-Za-z0-9]{30,}|r8_[A-Za-z0-9]{30,}"),  # Hugging Face, Replicate
    ("token", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32,}|sq0(?:atp|csp|idp)-~{20,}"),  # Shopify, Square
    ("token", r"key-[0-9a-f]{32}\b|xkeysib-[0-9a-f]{40,}"),  # Mailgun, Brevo
    ("token", r"dckr_(?:pat|oat)_~{20,}"),  # Docker Hub
    ("token", r"hv[sbr]\.~{20,}|[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_\-=]{40,}"),  # HashiCorp
    ("token", r"gl(?:sa|c)_[A-Za-z0-9_+/=]{20,}"),  # Grafana
    ("token", r"lin_api_[A-Za-z0-9]{30,}|(?:ntn|secret)_[A-Za-z0-9]{40,}"),  # Linear, Notion
    ("token", r"figd_~{30,}|PMAK-[0-9a-f]{20,}-[0-9a-f]{20,}"),  # Figma, Postman
    ("token", r"rubygems_[0-9a-f]{40,}|NRAK-[A-Z0-9]{20,}"),  # RubyGems, New Relic
    ("token", r"dapi[0-9a-f]{32}\b|pul-[0-9a-f]{40}\b"),  # Databricks, Pulumi
    ("token", r"sntry[su]_[A-Za-z0-9+/=_\-]{30,}"),  # Sentry
    ("token", r"ATATT3[A-Za-z0-9_\-=]{30,}|ATBB[A-Za-z0-9]{24,}"),  # Atlassian, Bitbucket
    ("token", r"sbp_[0-9a-f]{40}\b|pscale_(?:tkn|pw|oauth)_~{20,}"),  # Supabase, PlanetScale
    ("token", r"dp\.(?:pt|st|ct|sa|scim|audit)\.~{30,}|ops_eyJ~{20,}"),  # Doppler, 1Password
)

# What follows an address of a webhook is all that a caller needs.
HOOKS = (
    r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<it>[A-Za-z0-9+/_\-]{10,})",
    r"discord(?:app)?\.com/api/(?:v\d+/)?webhooks/(?P<it>\d+/[A-Za-z0-9_\-]{20,})",
    r"webhook\.office\.com/(?P<it>webhookb2/[A-Za-z0-9@/_\-]{20,})",
    r"hooks\.zapier\.com/hooks/catch/(?P<it>[A-Za-z0-9/]{8,})",
)


def _known() -> Iterator[Shape]:
    # To its end, or its text's where that was cut off; then the lines of one that are read alone.
    body = r"""(?:[^"'\\]|\\+[nr])*?"""
    end = rf"-----END {KEY_BLOCK}"
    yield Shape("private_key", rf"-----BEGIN {KEY_BLOCK}(?P<it>{body})(?:{end}|\\*['\"]|\z)")
    lone = r"[A-Za-z0-9+/]{60,76}|[A-Za-z0-9+/]{8,75}={1,2}"
    yield Shape("private_key", rf"(?m)^\s*(?P<it>{lone})\s*$", is_mixed)
    yield Shape("private_key", r"PuTTY-User-Key-File-\d(?s:(?P<it>.*))")
    for rule, expression in TOKENS:
        yield Shape(rule, f"{EDGE}(?P<it>{expression.replace('~', '[A-Za-z0-9_-]')})")
    for expression in HOOKS:
        yield Shape("webhook", expression)
    yield Shape("url", rf"""{SCHEME}[^\s/:@"'<>\\?#]*:(?P<it>{URL_PASSWORD})@""")
    # `git@` is a name; a long one before the `@` is a token.
    yield Shape("url", rf"""{SCHEME}(?P<it>[^\s/:@"'<>\\?#]{{16,}})@""")
    yield Shape("bearer", rf"(?i)\bbearer(?:\s|%20|\+|\\+u0020)+(?P<it>{BEARER}{{8,}})", is_no_word)
    yield Shape("basic", r"(?i)\bbasic\s+(?P<it>[A-Za-z0-9+/_\-]{8,}={0,2})", is_basic)
    # What URLs carry under names that mean nothing elsewhere.
    yield Shape("query", rf"(?i)[?&](?:{SIGNED})=(?P<it>[A-Za-z0-9%._~+/=\-]{{16,}})")


def email() -> Shape:
    """Addresses of people."""
    before = r"(?:^|[^A-Za-z0-9._%+\-/:]|[^:/]/|[^/]:|\\[nrt])"  # not behind a URL's `://`
    domain = r"(?:[A-Za-z0-9\-]{1,63}\.)+[A-Za-z]{2,24}"
    return Shape("email", rf"{before}(?P<it>{LOCAL}{{1,64}}@{domain})\b", is_address)


def card() -> Shape:
    """Numbers of payment cards, solid or in groups, by their issuers' first digits."""
    groups = r"[2-6]\d{3}(?:[ \-]?\d{4}){2}[ \-]?\d{1,7}|3[47]\d{2}[ \-]?\d{6}[ \-]?\d{5}"
    before = r"(?:^|[^A-Za-z0-9_.+\-]|\\[nrt])"
    return Shape("card", rf"{before}(?P<it>{groups})(?:[^A-Za-z0-9_\-]|\z)", is_card)


def shapes() -> tuple[Shape, ...]:
    """All that are always looked for, particular ones first."""
    return (*_known(), *commands())
