"""Where in a file the text stands that a finding is about."""

from __future__ import annotations

import re

from exporter.lint.files import Rule, RuleFile


def place(file: RuleFile, rule: Rule, key: str, near: str) -> tuple[int, int]:
    """Line and column, from 1, of `near` under the key; of the key where it cannot be found."""
    start = rule.lines.get(key, rule.lines.get(key.partition(".")[0], rule.first))
    later = [line for line in rule.lines.values() if line > start]
    end = min([*later, rule.last + 1, len(file.text) + 1])
    for number in range(start, end) if near else ():
        found = _word(near).search(file.text[number - 1])
        if found:
            return number, found.start() + 1
    text = file.text[start - 1] if 0 < start <= len(file.text) else ""
    return start, len(text) - len(text.lstrip()) + 1


def _word(text: str) -> re.Pattern[str]:
    """The text as a word of its own, so that `app` is not found in `app_queue`."""
    before = r"(?<![\w:])" if text[0].isalnum() else ""
    after = r"(?![\w:])" if text[-1].isalnum() else ""
    return re.compile(before + re.escape(text) + after)
