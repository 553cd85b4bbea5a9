"""Texts that tell exceptions as JSON carries them, or look as if: broken and spaced oddly."""

from __future__ import annotations

from random import Random

KEYS = ("err", "error", "exception", "exc", "exc_info", "Exception")
HEAD = "Traceback (most recent call last):"
HEADS = (
    HEAD, HEAD, HEAD, HEAD, f" {HEAD}", f"{HEAD} x", HEAD[:-1], f"x\n{HEAD}", "",
    f"  + Exception Group {HEAD}", f"{HEAD}\n  x\n  + Exception Group {HEAD}", f"said: {HEAD}",
)  # fmt: skip
FRAMES = (
    '  File "/srv/app.py", line 8, in run', "    raise ValueError('no')", "\tat App.run(x)", "",
    "    at run (/app/x.ts:1:1)", "    ~~~^^^", "  | KeyError: 1", '    say("\u017c")', " ",
    "\u00a0", "\u2003x", "\x1f", "  a\tb", "  C:\\dir\\x.py",
)  # fmt: skip
RAISED = (
    "ValueError: no", 'app.errors.JobError: upstream said "502"', "KeyError", "KeyError: ",
    "KeyError:", "KeyError :x", "socket.timeout: late", "zlib.error", "timeout: no", "EOF",
    "Uncaught TypeError: x", "Unhandled exception. System.X: y", "System.X (0x80004005): y",
    "Error [ECONNREFUSED]: y", "a b", "connect: refused", "111", "1.Error: x", "a..Error: x",
    "Errorx: y", "x-Error: y", "x/Error: y", "A+B<locals>.CError: y", "\u017bError: y",
    "ValueError\u00a0", "ValueError \u2003", "\u00a0ValueError: x", "ValueError\t", "\tValueError",
    '"ValueError: x"', "\\ValueError: x", f"{'a' * 99}E", f"{'a' * 95}Error: x", "  ValueError: x",
    f"a.{'b' * 120}Error: x", "KeyboardInterrupt", "Warning: x", "app.Bad: x", f"Error: {HEAD}",
    "ValueError: \u017c\u00f3\U0001f680", "ValueError: a\x85b", "ValueError: a\u2028b", "x\x0by",
    f"{'a' * 98}.{'b' * 300}Error: x", f"{'a.' * 199}b: x", "Error: " + "x" * 2100,
)  # fmt: skip
BREAKS = ("\n",) * 12 + ("\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\n\n")


def raised(dice: Random) -> str:
    """A traceback, an error with its stack, a single line; often with something odd in it."""
    lines = [dice.choice(HEADS)] if dice.random() < 0.6 else []
    lines += dice.choices(FRAMES, k=dice.choice((0, 0, 1, 2, 5)))
    lines += dice.choices(RAISED, k=dice.choice((0, 1, 1, 1, 2)))
    lines += dice.choices((*FRAMES, *RAISED), k=dice.choice((0, 0, 0, 1, 3)))
    if dice.random() < 0.7:
        return "\n".join(lines)
    return "".join(line + dice.choice(BREAKS) for line in lines)


def respelled(dice: Random, text: str) -> str:
    """JSON with a letter of a telling word spelled by its number."""
    word = dice.choice(("Traceback", "Exception", "Error", "Group", "most"))
    at = dice.randrange(len(word))
    return text.replace(word, f"{word[:at]}\\u{ord(word[at]):04x}{word[at + 1 :]}", 1)
