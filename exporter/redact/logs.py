"""sidewatch's own log without secrets: its messages, and the texts of exceptions."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from types import TracebackType

from exporter.redact.redactor import Redactor

log = logging.getLogger(__name__)


def hide(handlers: list[logging.Handler], current: Callable[[], Redactor]) -> None:
    """Let these handlers write nothing that the current redactor hides."""
    for handler in handlers:
        handler.addFilter(lambda record: _hidden(record, current()))


def log_the_uncaught() -> None:
    """Tell of what ends the process, or a thread, by the log, so that this is redacted too."""
    sys.excepthook = _uncaught
    threading.excepthook = lambda given: _uncaught(
        given.exc_type, given.exc_value or given.exc_type(), given.exc_traceback
    )


def _hidden(record: logging.LogRecord, redactor: Redactor) -> bool:
    """The record, to be written with its message filled in and its traceback as a text."""
    try:
        message = record.getMessage()
    except Exception as error:  # noqa: BLE001 - the library would print the values as they are
        message = f"{record.msg!r} cannot be filled in: {type(error).__name__}"
    record.msg, record.args = redactor.text(message), ()
    if record.exc_info and record.exc_info[0] is not None:
        record.exc_text = logging.Formatter().formatException(record.exc_info)
    record.exc_info = None
    if record.exc_text:
        record.exc_text = redactor.text(record.exc_text)
    if record.stack_info:
        record.stack_info = redactor.text(record.stack_info)
    return True


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    log.critical("an error that nothing caught", exc_info=(kind, error, trace))
