# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was said about one certificate beyond its site's manifest: further names, and how its CA is shown who we are.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .. import forms
from ..errors import RefusedError

__all__ = ("CertNote", "certificate_name", "dns_plugin", "needed_names", "note_record", "parse_note")

SCHEMA = 1
_PLUGIN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_NAMES_MAX = 100


@dataclass(frozen=True)
class CertNote:
    """The names that a certificate has besides its site's, and the plugin that answers its challenges by DNS."""

    san: tuple[str, ...] = ()
    dns: str | None = None


def certificate_name(value: object, *, field: str) -> str:
    """Return a name that a certificate may have: a domain, or ``*.`` and one."""
    if isinstance(value, str) and value.strip().startswith("*."):
        return f"*.{forms.domain(value.strip()[2:], field=field)}"
    return forms.domain(value, field=field)


def dns_plugin(value: object, *, field: str) -> str:
    """Return the name of a certbot plugin for DNS-01, without its ``dns-``."""
    text = value.removeprefix("dns-") if isinstance(value, str) else ""
    if not _PLUGIN.fullmatch(text):
        raise RefusedError(
            "this is not the name of a DNS plugin of certbot",
            field=field,
            value=value,
            expected="rfc2136, cloudflare, infomaniak …",
        )
    return text


def parse_note(data: object, *, where: str = "") -> CertNote:
    """Return what a note's mapping says; RefusedError for what is not of its form."""
    if data is None:
        return CertNote()
    if not isinstance(data, Mapping) or data.get("schema", SCHEMA) != SCHEMA:
        raise RefusedError("this is not a note about a certificate", field=where.rstrip("/"), expected="schema: 1")
    unknown = sorted(str(key) for key in data if key not in ("schema", "domain", "san", "dns"))
    if unknown:
        raise RefusedError("a note has no such field", field=f"{where}{unknown[0]}", expected="san, dns")
    san = data.get("san") or []
    if not isinstance(san, list) or len(san) > _NAMES_MAX:
        raise RefusedError("this is not a list of names", field=f"{where}san", expected=f"at most {_NAMES_MAX} names")
    names = [certificate_name(name, field=f"{where}san/{number}") for number, name in enumerate(san)]
    plugin = data.get("dns")
    return CertNote(tuple(dict.fromkeys(names)), None if plugin is None else dns_plugin(plugin, field=f"{where}dns"))


def note_record(domain: str, note: CertNote) -> dict[str, object]:
    """Return the mapping to write."""
    said: dict[str, object] = {"schema": SCHEMA, "domain": domain}
    if note.san:
        said["san"] = list(note.san)
    if note.dns:
        said["dns"] = note.dns
    return said


def needed_names(domain: str, names: Iterable[str], note: CertNote) -> tuple[str, ...]:
    """Return the names that a certificate has to have, the domain first; what a wildcard covers needs no name.

    A CA refuses an order that has both a wildcard and a name below it (Boulder: "redundant with a wildcard").
    """
    wildcards = {name[1:] for name in note.san if name.startswith("*.")}
    every = dict.fromkeys((domain, *names, *note.san))
    return tuple(
        name
        for name in every
        if name == domain or name.startswith("*.") or f".{name.partition('.')[2]}" not in wildcards
    )
