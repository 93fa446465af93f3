# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Masking: take secrets out of the arguments and the texts of an audit record.

There are two layers. The first layer masks the value of every argument that is not on the list of shown ones (see
``arguments``), and removes that value from every other text of the record. The second layer removes what looks like a
secret from all texts.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .arguments import SHOWN_ARGUMENTS

__all__ = ("MASK", "Masker", "masked_arguments", "masked_command", "target_of")

MASK = "***"

_HIDDEN = frozenset({"vsa_audit_id", "vsa_actor", "vsa_door"})
"""Arguments about the run itself: the record has its own fields for them."""

_TARGETS = ("site_domain", "domain", "vhost_domain", "cert_domain", "auth_domain", "stack_name")

_LONGEST_VALUE = 500
_MOST_ENTRIES = 100
_DIFF_BYTES = 8 * 1024
_DIFFABLE_BYTES = 256 * 1024
# Removing a shorter value from all texts would damage ordinary words.
_SHORTEST_SECRET = 6
_LONGEST_NUMBER = 64  # bits

_NAMES = r"[\w.-]*(?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|private[_-]?key|credential|authorization)[\w.-]*"
_SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
# A word of a command: the next word, or the rest of this one, is a secret.
_SECRET_FLAG = re.compile(rf"--?{_NAMES}", re.IGNORECASE)
_SECRET_WORD = re.compile(rf"(-{{0,2}}{_NAMES}=).+", re.IGNORECASE | re.DOTALL)
_PATTERNS = tuple(
    (re.compile(pattern, flags), replacement)
    for pattern, flags, replacement in (
        # a PEM private key, whole or cut; in a diff its lines begin with + or -
        (
            r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
            re.DOTALL,
            rf"\1 {MASK}",
        ),
        # hashes of passwords: the forms of crypt(3) and of htpasswd
        (r"\$(?:2[abxy]|apr1|1|5|6|y|gy|7|argon2[a-z]*)\$[^\s:'\"]+", 0, MASK),
        (r"\{S?SHA(?:\d+)?\}[A-Za-z0-9+/=]+", 0, MASK),
        # user:password@ of a URL
        (r"(?<=://)[^/\s@:]+:[^/\s@]+(?=@)", 0, MASK),
        (r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}", 0, rf"\1 {MASK}"),
        # tokens of our own agents; the name of the node is none of the secret
        (r"\b(vsa1\.[A-Za-z0-9._-]{1,63}\.)[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])", 0, rf"\1{MASK}"),
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

# If none of these matches, no pattern above matches. This one search is enough for most texts.
_SUSPICIOUS = re.compile(
    r"(?i)PRIVATE KEY|\$|\{S?SHA|://|bearer|basic|gh[pousr]_|glpat-|xox|AKIA|eyJ|vsa1\."
    r"|pass(?:word|wd|phrase)?|secret|token|api[_-]?key|private[_-]?key|credential|authorization"
)


def masked_arguments(arguments: Mapping[str, Any], *, masker: Masker | None = None) -> dict[str, Any]:
    """Return arguments as a record shows them: with their values if they are on the list, else with ``***``."""
    masker = masker or Masker(arguments)
    names = sorted(name for name in arguments if name not in _HIDDEN)
    masked = {}
    for name in names[:_MOST_ENTRIES]:
        value = _bounded(arguments[name], masker) if name in SHOWN_ARGUMENTS else MASK
        masked[masker.text(str(name))[:80]] = value
    return masked


def target_of(arguments: Mapping[str, Any]) -> str | None:
    """Return what a run acts on according to its arguments: a domain or a stack's name."""
    found = next((arguments[name] for name in _TARGETS if arguments.get(name)), None)
    return found[:_LONGEST_VALUE] if isinstance(found, str) else None


def _bounded(value: Any, masker: Masker, *, depth: int = 0) -> Any:
    """Return a value without secrets, and cut to what fits into a record."""
    if value is None or isinstance(value, (bool, int, float)):
        return value if not isinstance(value, int) or value.bit_length() < _LONGEST_NUMBER else MASK
    if isinstance(value, str):
        return masker.text(value)[:_LONGEST_VALUE]
    if depth < 3 and isinstance(value, Mapping):
        entries = list(value.items())[:_MOST_ENTRIES]
        return {masker.text(str(key))[:80]: _entry(str(key), entry, masker, depth=depth) for key, entry in entries}
    if depth < 3 and isinstance(value, (list, tuple)):
        return [_bounded(entry, masker, depth=depth + 1) for entry in masked_command(value[:_MOST_ENTRIES])]
    return MASK


def masked_command(words: Sequence[Any]) -> list[Any]:
    """Return the words of a command without what follows a flag or a name like ``--password``."""
    masked = [_SECRET_WORD.sub(rf"\1{MASK}", word) if isinstance(word, str) else word for word in words]
    for place, flag in enumerate(words[:-1]):
        if isinstance(flag, str) and _SECRET_FLAG.fullmatch(flag) and isinstance(words[place + 1], str):
            masked[place + 1] = MASK
    return masked


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
    """Removes secrets from texts: the values of this run's masked arguments, and what looks like a secret."""

    def __init__(self, arguments: Mapping[str, Any] | None = None) -> None:
        hidden = {name: value for name, value in (arguments or {}).items() if name not in SHOWN_ARGUMENTS | _HIDDEN}
        found = {text for text in _texts(hidden) if len(text) >= _SHORTEST_SECRET}
        # The longest first: if a secret contains another one, all of it is removed.
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
        """Return Ansible's diff of a task, masked and cut to 8 KiB.

        ``found`` is a mapping or a list of mappings, each with ``prepared``, or with ``before`` and ``after``.
        """
        entries = found if isinstance(found, (list, tuple)) else [found]
        parts: list[str] = []
        for entry in entries[:_MOST_ENTRIES]:
            if isinstance(entry, Mapping):
                parts += self._one(entry)
            if sum(map(len, parts)) > 2 * _DIFF_BYTES:
                break
        text = "\n".join(part for part in parts if part)
        if not text:
            return None
        data = text.encode("utf-8", "replace")
        if len(data) <= _DIFF_BYTES:
            return text
        return f"{data[:_DIFF_BYTES].decode('utf-8', 'ignore')}\n… cut: {len(data) - _DIFF_BYTES} bytes more"

    def _one(self, entry: Mapping[str, Any]) -> Iterable[str]:
        """Yield the parts of one diff, masked."""
        if entry.get("prepared"):
            # A diff may be very large, so it is cut before the search. The final cut is far before this one.
            yield self.text(str(entry["prepared"])[: 4 * _DIFF_BYTES]).rstrip("\n")
        if "before" not in entry and "after" not in entry:
            return
        before, after = _side(entry.get("before")), _side(entry.get("after"))
        head, tail = str(entry.get("before_header") or "before"), str(entry.get("after_header") or "after")
        if max(len(before), len(after)) > _DIFFABLE_BYTES:
            sizes = f"(too large to compare: {len(before)} and {len(after)} characters)"
            yield f"--- {self.line(head)}\n+++ {self.line(tail)}\n{sizes}"
            return
        import difflib  # imported here: a run without a changed file has no diff

        # Masked before the comparison: a diff cuts a private key into pieces that no pattern matches.
        sides = (self.text(before).splitlines(), self.text(after).splitlines())
        yield "\n".join(difflib.unified_diff(*sides, self.line(head), self.line(tail), lineterm=""))


def _side(value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join(f"{key}: {entry}" for key, entry in value.items())
    return str(value or "")
