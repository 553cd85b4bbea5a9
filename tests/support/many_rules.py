"""So many rules that they are found and not tried: by texts of fields, and by parts of messages."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.engine.rules import Count, Event, Label, LogRule, LogRules, Set, Where

FIELDS = ("kind", "size", "took", "ok", "who", "status", "a.b", "note", "x", "category", "path")
WANTED = (
    "", "a", "b", "other", "two words", "1", "0", "5", "7", "-3", "true", "false", "null", "inf",
    "007", "x=y", 'say "hi"', "C:\\dir\\", "żółć", "9" * 30, "1000000000000000", "a*", "two*", "t*",
    "1*", "10*", "*", "\ufffd", "x" * 300, "x" * 3000,
)  # fmt: skip
SPOKEN = (
    "Job {*}", "Job {what} done", "Job{*}", "J{*}", "{what} done", "{*}", "{n:number}",
    "{a} {b}", "Step {n:number}: {*}", "Step {*}: ready", "{*}: {*}", " {*}", "{x}x", "x{x}",
    "GET /{path}", "Request {*} in {n:number} ms", "żółć{*}", "{*}{{b}}",
    *(f"Job kind{i} ended in {{n:number}}s" for i in range(14)),
    *(f"{{what}} of kind{i} took {{n:number}} ms" for i in range(14)),
    *(f"{{what}} of kind{i} took {{*}}" for i in range(0, 14, 3)),
    *(f"Batch {{what}} of kind{i} took {{n:number}} ms" for i in range(14)),
)  # fmt: skip
PLAIN = ("size", "ok", "who", "status", "a.b")  # no rule wants a beginning, nor a very long text
SPELLED = ("-0", "00", "1.0", "1e0", "0.5", "5e-1", "10000000000000000", "1e+16", '"a"', "{}", "\t")
OWN = ("level", "message", "stream", "exception")  # a line of JSON may have fields called so
OWN_WANTED = ("error", "50", "Job done", "Job*", "file", "TypeError", "a", "x", "1", "{")
PLAIN_WANTED = (
    *(one for one in WANTED if one[-1:] not in {"*", "\ufffd"} and len(one) < 1000), *SPELLED,
)  # fmt: skip
RAISED = (
    "{type}: {*}", "ValueError: {*}", "ValueError: b{*}", "V{*}", "{*}: x", "{*}1", "KeyError: {n}",
    "TypeError: no", "System.{what}: {*}", "{*}",
)  # fmt: skip
TOLD = (
    ("logger", "request_id", "process"), ("pid", "client", "status"),
    ("category", "event_id", "path"),
)  # fmt: skip


def _told(rule: str, *fields: str) -> Count:
    """Show which rule it was, and what two fields hold, whether or not a line has them."""
    level, n = (Label(field=field, default="none") for field in fields)
    return Count("told_total", {"message": Label(value=rule), "level": level, "n": n})


def _wishes() -> Iterator[LogRule]:
    """Rules by fields alone; that a later one sets the same gauge shows their order."""
    for i, field in enumerate(FIELDS):
        wanted = PLAIN_WANTED if field in PLAIN else WANTED
        for j, value in enumerate(wanted):
            where = Where(field, values=(value, *wanted[j + 3 : j + 5 : 2]))
            told = _told(f"{field} {j}", "who", "service")
            if (i + j) % 5 == 1:
                where = Where(field, values=where.values, none_of=("a", "1*"), max=5.0)
            sets: tuple[Set, ...] = ()
            if (i + j) % 4 == 0:
                value_of = ("size", "took")[j % 2]
                sets = (Set("size_last", value_of, {"kind": Label(value="any")}),)
            level = ("info", "error") if (i + j) % 7 == 2 else ()
            form = "keyvalue" if (i + j) % 11 == 3 else None
            both = (where, Where("status", none_of=("x1",))) if (i + j) % 6 == 0 else (where,)
            yield LogRule(level=level, format=form, where=both, count=(told,), set=sets)


def _own() -> Iterator[LogRule]:
    """Rules by what a record tells beside its fields; each is left to the exact reading."""
    for field in OWN:
        for value in OWN_WANTED:
            where = (Where(field, values=(value,)),)
            told = _told(f"own {field} {value}", "who", "size")
            yield LogRule(level=("error",), where=where, count=(told,))


def _spoken() -> Iterator[LogRule]:
    """Rules by message, of which many share a beginning, an end, or all of it."""
    for i, message in enumerate(SPOKEN):
        names = [name for name in ("what", "n", "path") if f"{{{name}" in message]
        shown = (*names, "kind", "who")[:2]
        yield LogRule(message, count=(_told(message, *shown),))
        if i % 4 == 0:
            where = Where((*names, "kind")[0], values=("a", "5", "b7*"))
            yield LogRule(message, where=(where,), count=(_told(f"{message}?", *shown),))
    yield from _same("{*} done")


def _same(*messages: str) -> Iterator[LogRule]:
    """Rules by one message and a field."""
    for i, value in enumerate(WANTED):
        for message in messages:
            told = _told(f"{message} {i}", "who", "size")
            yield LogRule(message, where=(Where("kind", values=(value,)),), count=(told,))


BY_FIELDS = LogRules((*_wishes(), *_same("Job done", "", "access")))
RULES = LogRules(
    rules=(
        *BY_FIELDS.rules,
        *_spoken(),
        *_own(),
        LogRule(where=(Where("status", min=0.5, max=5.0),), event=Event("bad_status", "page")),
        LogRule(where=(Where("kind", none_of=("a", "t*")),), count=(_told("not", "ok", "x"),)),
        LogRule(format="uvicorn", where=(Where("level", values=("info",)),), event=Event("spoken")),
        *(LogRule(exception=one, count=(_told(one, "exception", "who"),)) for one in RAISED),
        LogRule(
            message="Job{*}", exception="{type}: {*}", where=(Where("kind", values=("a",)),),
            count=(_told("Job{*}!", "type", "kind"),),
        ),
    )
)  # fmt: skip


def _fields_told() -> Iterator[LogRule]:
    """Rules by the fields that heads of text formats tell, and that pairs may tell as well."""
    for names in TOLD:
        labels = zip(("message", "level", "n"), names, strict=True)
        told = {label: Label(field=name, default="none") for label, name in labels}
        for given in ("took", *names):
            yield LogRule(
                where=(Where(given, none_of=("x1",)),), count=(Count("told_total", told),)
            )


BY_TOLD = LogRules(rules=tuple(_fields_told()))
