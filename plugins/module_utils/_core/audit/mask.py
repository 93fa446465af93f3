# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an audit record may show: known arguments by name, and texts without what looks like a secret.

Two layers. Arguments that are not on the list show their name alone, and their values are then taken out of every other
text of the record too; what is left goes through patterns of secrets.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from .arguments import SHOWN_ARGUMENTS

__all__ = ("MASK", "Masker", "masked_arguments", "target_of")

MASK = "***"

_HIDDEN = frozenset({"vsa_audit_id", "vsa_actor"})
"""What the doors hand over about the run itself: the record says it in fields of its own."""

_TARGETS = ("site_domain", "domain", "vhost_domain", "cert_domain", "auth_domain", "stack_name")

_LONGEST_VALUE = 500
_MOST_ENTRIES = 100
_DIFF_BYTES = 8 * 1024
_DIFFABLE_BYTES = 256 * 1024
# A shorter value is no secret worth the name, and taking it out would tear ordinary words apart.
_SHORTEST_SECRET = 6
_LONGEST_NUMBER = 64  # bits

_NAMES = r"[\w.-]*(?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|private[_-]?key|credential|authorization)[\w.-]*"
_SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
_PATTERNS = tuple(
    (re.compile(pattern, flags), replacement)
    for pattern, flags, replacement in (
        # a PEM private key, whole or cut; the marks of a diff may stand before its lines
        (
            r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
            re.DOTALL,
            rf"\1 {MASK}",
        ),
        # hashes of passwords: crypt(3) and htpasswd's own forms
        (r"\$(?:2[abxy]|apr1|1|5|6|y|gy|7|argon2[a-z]*)\$[^\s:'\"]+", 0, MASK),
        (r"\{S?SHA(?:\d+)?\}[A-Za-z0-9+/=]+", 0, MASK),
        # user:password@ of a URL
        (r"(?<=://)[^/\s@:]+:[^/\s@]+(?=@)", 0, MASK),
        (r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}", 0, rf"\1 {MASK}"),
        # well-known forms of tokens: GitHub, GitLab, Slack, AWS, JSON Web Tokens
        (
            r"\b(?:gh[pousr]_\w{20,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{10,}|AKIA[0-9A-Z]{16})",
            0,
            MASK,
        ),
        (
            r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*",
            0,
            MASK,
        ),
        # name = value, name: value, "name": "value", --name value
        (
            rf"(?i)(?<![\w-])((?:--)?{_NAMES}[\"']?\s*[:=]\s*|--{_NAMES}\s+)(\"[^\"\n]*\"|'[^'\n]*'|[^\s,;}}\]]+)",
            0,
            rf"\1{MASK}",
        ),
    )
)

# Without any of these no pattern above can match: most texts are done with one look.
_SUSPICIOUS = re.compile(
    r"(?i)PRIVATE KEY|\$|\{S?SHA|://|bearer|basic|gh[pousr]_|glpat-|xox|AKIA|eyJ"
    r"|pass(?:word|wd|phrase)?|secret|token|api[_-]?key|private[_-]?key|credential|authorization"
)


def masked_arguments(arguments: Mapping[str, Any], *, masker: Masker | None = None) -> dict[str, Any]:
    """Return arguments as a record shows them: values of names on the list, ``***`` for every other."""
    masker = masker or Masker(arguments)
    shown = sorted(name for name in arguments if name not in _HIDDEN)[:_MOST_ENTRIES]
    return {
        masker.text(str(name))[:80]: _bounded(arguments[name], masker) if name in SHOWN_ARGUMENTS else MASK
        for name in shown
    }


def target_of(arguments: Mapping[str, Any]) -> str | None:
    """Return what a run acts on, by its arguments: a domain or a stack's name."""
    found = next((arguments[name] for name in _TARGETS if arguments.get(name)), None)
    return found[:_LONGEST_VALUE] if isinstance(found, str) else None


def _bounded(value: Any, masker: Masker, *, depth: int = 0) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value if not isinstance(value, int) or value.bit_length() < _LONGEST_NUMBER else MASK
    if isinstance(value, str):
        return masker.text(value)[:_LONGEST_VALUE]
    if depth < 3 and isinstance(value, Mapping):
        entries = list(value.items())[:_MOST_ENTRIES]
        return {masker.text(str(key))[:80]: _entry(str(key), entry, masker, depth=depth) for key, entry in entries}
    if depth < 3 and isinstance(value, (list, tuple)):
        return [_bounded(entry, masker, depth=depth + 1) for entry in value[:_MOST_ENTRIES]]
    return MASK


def _entry(key: str, value: Any, masker: Masker, *, depth: int) -> Any:
    """Return a value of a nested mapping; the value of a key like ``password`` is masked, unless it is a switch."""
    if _SECRET_NAME.fullmatch(key) and not isinstance(value, (bool, type(None))):
        return MASK
    return _bounded(value, masker, depth=depth + 1)


def _texts(value: Any, depth: int = 0) -> Iterable[str]:
    """Yield every text of a value, and every number as text: a PIN is a secret like a password."""
    if isinstance(value, int) and not isinstance(value, bool):
        if value.bit_length() < _LONGEST_NUMBER:
            yield str(value)
    elif isinstance(value, str):
        yield value
        yield from (line.strip() for line in value.splitlines()[:_MOST_ENTRIES])
    elif depth < 5 and isinstance(value, Mapping):
        for entry in value.values():
            yield from _texts(entry, depth + 1)
    elif depth < 5 and isinstance(value, (list, tuple)):
        for entry in value:
            yield from _texts(entry, depth + 1)


class Masker:
    """Takes secrets out of texts: those that the arguments of this run hold, and what looks like one."""

    def __init__(self, arguments: Mapping[str, Any] | None = None) -> None:
        hidden = {name: value for name, value in (arguments or {}).items() if name not in SHOWN_ARGUMENTS | _HIDDEN}
        found = {text for text in _texts(hidden) if len(text) >= _SHORTEST_SECRET}
        # The longest first, so that a secret that holds another vanishes whole.
        self._secrets = sorted(found, key=len, reverse=True)

    def text(self, value: str) -> str:
        """Return a text without secrets."""
        for secret in self._secrets:
            if secret in value:
                value = value.replace(secret, MASK)
        if _SUSPICIOUS.search(value):
            for pattern, replacement in _PATTERNS:
                value = pattern.sub(replacement, value)
        return value

    def line(self, value: str) -> str:
        """Return the first line of a text without secrets, at most 500 characters."""
        return next(iter(self.text(value).strip().splitlines()), "")[:_LONGEST_VALUE]

    def diff(self, found: Any) -> str | None:
        """Return Ansible's diff of a task (one or a list; prepared, or before and after) masked and cut to 8 KiB."""
        entries = found if isinstance(found, (list, tuple)) else [found]
        parts: list[str] = []
        for entry in entries[:_MOST_ENTRIES]:
            if isinstance(entry, Mapping):
                parts += self._one(entry)
            if sum(map(len, parts)) > 2 * _DIFF_BYTES:
                break
        whole = "\n".join(part for part in parts if part)
        if not whole:
            return None
        data = whole.encode("utf-8", "replace")
        if len(data) <= _DIFF_BYTES:
            return whole
        return f"{data[:_DIFF_BYTES].decode('utf-8', 'ignore')}\n… cut: {len(data) - _DIFF_BYTES} bytes more"

    def _one(self, entry: Mapping[str, Any]) -> Iterable[str]:
        if entry.get("prepared"):
            # Cut before it is searched, too: a diff may be as large as it likes. Secrets may straddle only what is cut.
            yield self.text(str(entry["prepared"])[: 4 * _DIFF_BYTES]).rstrip("\n")
        if "before" not in entry and "after" not in entry:
            return
        before, after = _side(entry.get("before")), _side(entry.get("after"))
        head, tail = str(entry.get("before_header") or "before"), str(entry.get("after_header") or "after")
        if max(len(before), len(after)) > _DIFFABLE_BYTES:
            sizes = f"(too large to compare: {len(before)} and {len(after)} characters)"
            yield f"--- {self.line(head)}\n+++ {self.line(tail)}\n{sizes}"
            return
        # Masked first: a diff cuts a key into pieces that no pattern knows.
        sides = (self.text(before).splitlines(), self.text(after).splitlines())
        yield "\n".join(difflib.unified_diff(*sides, self.line(head), self.line(tail), lineterm=""))


def _side(value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join(f"{key}: {entry}" for key, entry in value.items())
    return str(value or "")
