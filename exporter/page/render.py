"""A view in, the whole page out; and the policy under which a browser is to show it."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from datetime import UTC, datetime
from importlib.resources import files

from exporter.page.apps import app
from exporter.page.markup import Markup, Part, el
from exporter.page.view import View
from exporter.page.words import span

STYLE = files("exporter.page").joinpath("page.css").read_text("utf-8")
SCRIPT = files("exporter.page").joinpath("page.js").read_text("utf-8")
CLOSED = (
    "Samples of what logs say are shown on loopback, or where a password or certificate is asked"
    " for."
)


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


# Our one style and one script, known by their hashes; nothing else is run, loaded or sent.
POLICY = (
    f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def render(view: View) -> str:
    """The page; it needs nothing but itself."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", _title(view)),
        Markup(f"<style>{STYLE}</style>"),
    )
    body = el("body", _header(view), _main(view), _footer(), Markup(f"<script>{SCRIPT}</script>"))
    return f"<!doctype html>{el('html', head, body, lang='en').text}\n"


def _problems(view: View) -> int:
    return sum(len(one.problems) for one in view.apps) + bool(view.complaints) + bool(view.degraded)


def _title(view: View) -> str:
    count = _problems(view)
    return f"({count}) sidewatch" if count else "sidewatch"


def _verdict(view: View) -> Markup:
    count = _problems(view)
    if count:
        text, tone = f"{count} {'thing needs' if count == 1 else 'things need'} a look", "bad"
    elif view.waiting:
        text, tone = "Reading up to the ends of the logs", "watch"
    elif not view.apps:
        text, tone = "Nothing is watched yet", "watch"
    else:
        text, tone = "All is read, and all that is asked answers", "good"
    return el("p", text, class_=f"verdict {tone}", id="verdict", role="status")


def _header(view: View) -> Markup:
    at = datetime.fromtimestamp(view.at, UTC)
    moment = el("time", f"{at:%H:%M:%S} UTC", datetime=f"{at:%Y-%m-%dT%H:%M:%SZ}", id="at")
    return el(
        "header",
        el("h1", "sidewatch"),
        _verdict(view),
        el(
            "p", f"Version {view.version}, running for {span(view.at - view.began)}. As of ",
            moment, ". ", el("span", id="stale", class_="stale"),
            el("noscript", "Reload the page for what is new."), class_="dim", id="meta",
        ),
        el("button", "Pause updates", id="pause", type="button", hidden="", aria_pressed="false"),
        _contents(view) if len(view.apps) > 1 else None,
    )  # fmt: skip


def _contents(view: View) -> Markup:
    items = [
        el(
            "li",
            el("a", one.name, href=f"#app-{number}"),
            f" ({len(one.problems)})" * bool(one.problems),
        )
        for number, one in enumerate(view.apps)
    ]
    return el("nav", el("ul", items), aria_label="Applications", id="contents")


def _main(view: View) -> Markup:
    parts: list[Part] = []
    if view.complaints:
        parts.append(
            el(
                "section", el("h2", "The configuration on disk was not taken"),
                el("p", "The one before it stays in use. What is wrong:"),
                el("pre", view.complaints, tabindex="0", role="group", aria_label="Complaints"),
                class_="alarm", id="complaints",
            )
        )  # fmt: skip
    if view.degraded:
        text = "What is shown may be taken back by a restart, until the state can be saved again."
        parts.append(
            el(
                "section",
                el("h2", "The state cannot be saved"),
                el("p", text),
                class_="alarm",
                id="degraded",
            )
        )
    if view.waiting:
        waiting = el("ul", [el("li", one) for one in view.waiting])
        parts.append(el("section", el("h2", "Not ready yet"), waiting, class_="calm", id="waiting"))
    parts += [app(one, number, view.at, shown=view.open) for number, one in enumerate(view.apps)]
    if not view.open and view.apps:
        parts.append(el("p", CLOSED, class_="dim", id="closed"))
    return el("main", parts, id="main")


def _footer() -> Markup:
    links = (
        ("/metrics", "the metrics"),
        ("/healthz", "whether the process runs"),
        ("/readyz", "whether every source has caught up"),
    )
    return el(
        "footer",
        el("ul", [el("li", el("a", path, href=path), f" {what}") for path, what in links]),
    )
