# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of others: what a client, a container, Docker, Compose, NGINX, certbot or a CA wrote.

Such words are data. They are shown escaped, shortened and with the name of their speaker, and they decide nothing.
Source of the characters: Unicode 15.1, general categories Cc, Cf, Zl, Zp and Cs; https://trojansource.codes for the
characters that reorder text.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

__all__ = (
    "NOTHING",
    "Words",
    "as_shown",
    "error_words",
    "escaped",
    "escaped_json",
    "escaped_lines",
    "shortened",
    "word",
)

NOTHING = "—"
"""What is shown if there is nothing to show."""

_LONGEST = 300  # letters of one line
_MOST_LINES = 5

# Control characters (C0 with ESC and the newline, DEL, C1), invisible characters, characters that change the direction
# of text, separators of lines, and halves of surrogate pairs, which no stream can encode.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def escaped(text: str) -> str:
    """Return text in one line that does nothing to a terminal: each control character is replaced by its escape.

    A tab becomes a space. Escaped text stays as it is if it is escaped again.
    """
    if text.isprintable():
        return text
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text.replace("\t", " "))


def escaped_lines(text: str) -> str:
    """Return text whose lines are kept, and are escaped as ``escaped`` does."""
    if text.isprintable():
        return text
    return "\n".join(escaped(line) for line in text.replace("\r\n", "\n").split("\n"))


def error_words(error: BaseException) -> str:
    """Return what an error says, in the words of the system and without the number that Python writes before them.

    An error without words is told by its kind. The words are those of others: show them ``escaped``.
    """
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


def word(value: object) -> str:
    """Return a value as text in one line: a dash for nothing, yes and no for a switch, commas in a list."""
    if value is None or value == "" or value == [] or value == {}:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(word(entry) for entry in value)
    if isinstance(value, dict):
        return " · ".join(f"{key} {word(entry)}" for key, entry in value.items())
    return escaped_lines(str(value)).replace("\n", " ")


def as_shown(value: object) -> str:
    """Return a value as escaped text. A text that needs no escape is returned itself, so that it keeps its class."""
    return escaped(value if isinstance(value, str) else str(value))


def escaped_json(text: str) -> str:
    """Return JSON text that does nothing to a terminal, with the same meaning: what acts is an escape of JSON."""
    if text.isprintable():
        return text
    return _UNPRINTABLE.sub(lambda found: found[0] if found[0] == "\n" else json.dumps(found[0])[1:-1], text)


def shortened(text: str, most: int = _LONGEST) -> str:
    """Return at most ``most`` letters of a text, with a sign if there were more."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


@dataclass(frozen=True)
class Words:
    """What somebody else wrote. As text the words are escaped, shortened, and marked as theirs: ``Docker says: …``.

    ``raw`` is the text as it came. Only a parser reads ``raw``; a contract test holds the list of the parsers.
    """

    speaker: str
    raw: str

    def __str__(self) -> str:
        """Return the words in one line, with their speaker."""
        return f"{self.speaker} says: {self.shown}"

    def __bool__(self) -> bool:
        """Say whether anything but white space was said."""
        return bool(self.raw.strip())

    @property
    def shown(self) -> str:
        """Return the words in one line, escaped and shortened, for a sentence that names the speaker itself."""
        return shortened(escaped(" ".join(self.raw.split())))

    def lines(self, most: int = _MOST_LINES) -> list[str]:
        """Return the last lines that say something, each escaped, shortened, and marked as the speaker's."""
        said = [line.strip() for line in self.raw.splitlines() if line.strip()]
        return [f"{self.speaker} says: {shortened(escaped(line))}" for line in said[-most:]]
