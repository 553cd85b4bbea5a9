"""Which line names an exception, and its type, in the spellings of Python, Node and .NET."""

from __future__ import annotations

import traceback

import pytest

from parsers.exceptions import exception_line, exception_type, is_exception_line, type_name

TYPES = {
    "KeyError: 'x'": "KeyError",
    "KeyboardInterrupt": "KeyboardInterrupt",
    "StopIteration": "StopIteration",
    "SystemExit: 1": "SystemExit",
    "DeprecationWarning: old": "DeprecationWarning",
    "psycopg.OperationalError: connection failed: x": "psycopg.OperationalError",
    "billiard.exceptions.SoftTimeLimitExceeded: SoftTimeLimitExceeded()": (
        "billiard.exceptions.SoftTimeLimitExceeded"
    ),
    "celery.exceptions.Retry: Retry in 180s": "celery.exceptions.Retry",
    "queue.Empty": "queue.Empty",
    "zlib.error: Error -3": "zlib.error",
    "socket.timeout: timed out": "socket.timeout",
    "__main__.Boom: x": "__main__.Boom",
    "app.f.<locals>.Boom: x": "app.f.<locals>.Boom",
    "ExceptionGroup: two (2 sub-exceptions)": "ExceptionGroup",
    "Error: Cannot find module '/app/x.js'": "Error",
    "Error": "Error",
    "TypeError: fetch failed": "TypeError",
    "AggregateError [ECONNREFUSED]: ": "AggregateError",
    "Error [ERR_MODULE_NOT_FOUND]: Cannot find": "Error",
    "Uncaught TypeError: x": "TypeError",
    "Npgsql.NpgsqlException (0x80004005): Failed to connect": "Npgsql.NpgsqlException",
    "System.Net.Sockets.SocketException (111): refused": "System.Net.Sockets.SocketException",
    "System.InvalidOperationException: docker build": "System.InvalidOperationException",
    "Unhandled exception. System.Exception: x": "System.Exception",
}
NO_TYPES = [
    "",
    " ",
    "Done",
    "Migrations complete.",
    "Queues: default",
    "Settings from env:",
    "Warning: careful",
    "Timeout: 5 s",
    "Note: x",
    "example.com: refused",
    "tripl.worker: Warm shutdown",
    "worker: Warm shutdown (MainProcess)",
    "Node.js v24.11.1",
    "http://a.b/Error: x",
    "Some Error: x",
    "ValueErrors happened",
    "KeyError:'x'",
    "1Error: x",
    "Error(x): y",
    "    KeyError: 'x'",
    "A" * 1000 + "Error: x",
    "a.B" * 1000,
]


@pytest.mark.parametrize(("line", "kind"), TYPES.items())
def test_a_line_names_its_type(line: str, kind: str) -> None:
    assert is_exception_line(line)
    assert exception_type(line) == kind
    assert exception_line(line) == line.strip()


@pytest.mark.parametrize("line", NO_TYPES)
def test_junk_never_becomes_a_type(line: str) -> None:
    assert not is_exception_line(line)


def test_a_type_is_never_longer_than_a_label_may_be() -> None:
    assert exception_type("a." * 60 + "Error: x") == ("a." * 60)[:100]
    assert type_name("Error") == "Error"
    assert type_name("a." * 60 + "B") == ("a." * 60)[:100]
    assert type_name("no type") is None
    assert type_name("a." * 500 + "B") is None


def printed(error: BaseException) -> str:
    """The traceback as Python itself prints it."""
    return "".join(traceback.format_exception(error))


def test_the_first_exception_of_a_chain_counts_its_cause() -> None:
    with pytest.raises(ValueError, match="invalid literal") as first:
        int("x")
    with pytest.raises(LookupError) as caught:
        raise LookupError("second") from first.value
    text = printed(caught.value)
    assert text.endswith("LookupError: second\n")
    assert exception_type(text) == "ValueError"
    assert (exception_line(text) or "").startswith("ValueError: invalid literal")


def test_a_message_of_several_lines_is_known_by_its_first() -> None:
    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError("first\nwith: a second line")
    assert exception_line(printed(caught.value)) == "RuntimeError: first"


def test_the_innermost_exception_of_a_group_counts() -> None:
    with pytest.raises(ZeroDivisionError) as inner:
        1 / 0  # noqa: B018 - raising is its use
    with pytest.raises(ExceptionGroup) as group:
        raise ExceptionGroup("some", [inner.value])
    assert exception_line(printed(group.value)) == "ZeroDivisionError: division by zero"
    bare = "  + Exception Group Traceback (most recent call last):\n  |   File\n  | a.GroupError: x"
    assert exception_type(bare) == "a.GroupError"


def test_source_that_begins_with_a_bar_is_source() -> None:
    text = "Traceback (most recent call last):\n  File\n    x = (a\n         | b)\nKeyError: 1"
    assert exception_type(text) == "KeyError"


def test_node_and_dotnet_name_theirs_first() -> None:
    node = "node:internal:1\n  throw err;\n  ^\n\nTypeError: x\n    at f {\n  cause: Error: y\n}"
    assert exception_type(node) == "TypeError"
    dotnet = "System.A.BException: x\n ---> System.IO.IOException: y\n   at Z()"
    assert exception_type(dotnet) == "System.A.BException"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Traceback (most recent call last):",
        "Traceback (most recent call last):\n",
        'Traceback (most recent call last):\n  File "x"',
        "Traceback (most recent call last):\nsome words",
        "only\nwords\nhere",
    ],
)
def test_what_names_none_has_no_type(text: str) -> None:
    assert exception_type(text) is None


def test_a_long_line_is_cut() -> None:
    assert len(exception_line("ValueError: " + "x" * 100_000) or "") == 2000
