# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of one certificate that its site's manifest does not have: further names, and the DNS plugin.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .. import forms
from ..errors import RefusedError

__all__ = ("REVOCATION_REASONS", "CertificateOptions", "needed_names", "options_record", "parse_options")

SCHEMA = 1
_FIELDS = ("schema", "domain", "san", "dns")
_NAMES_MAX = 100

# The reasons of RFC 5280 (section 5.3.1) that certbot knows.
REVOCATION_REASONS = ("unspecified", "keycompromise", "affiliationchanged", "superseded", "cessationofoperation")


@dataclass(frozen=True)
class CertificateOptions:
    """The options of one certificate.

    * ``san``: the names that it covers besides those of its site.
    * ``dns``: the certbot plugin that answers the CA's challenges by DNS; None for the default.
    """

    san: tuple[str, ...] = ()
    dns: str | None = None


def parse_options(data: object, *, where: str = "") -> CertificateOptions:
    """Return the options that a file's mapping has; an empty file has none. RefusedError if the mapping is invalid."""
    if data is None:
        return CertificateOptions()
    if not isinstance(data, Mapping) or data.get("schema", SCHEMA) != SCHEMA:
        raise RefusedError(
            "these are not the options of a certificate", field=where.rstrip("/"), expected=f"schema: {SCHEMA}"
        )
    unknown = sorted(str(key) for key in data if key not in _FIELDS)
    if unknown:
        raise RefusedError("a certificate has no such option", field=f"{where}{unknown[0]}", expected="san, dns")
    plugin = data.get("dns")
    return CertificateOptions(
        san=_names(data.get("san") or [], field=f"{where}san"),
        dns=None if plugin is None else forms.dns_plugin(plugin, field=f"{where}dns"),
    )


def _names(value: object, *, field: str) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > _NAMES_MAX:
        raise RefusedError("this is not a list of names", field=field, expected=f"at most {_NAMES_MAX} names")
    names = [forms.certificate_name(name, field=f"{field}/{number}") for number, name in enumerate(value)]
    return tuple(dict.fromkeys(names))


def options_record(domain: str, options: CertificateOptions) -> dict[str, object]:
    """Return the mapping to write to the file of these options."""
    record: dict[str, object] = {"schema": SCHEMA, "domain": domain}
    if options.san:
        record["san"] = list(options.san)
    if options.dns:
        record["dns"] = options.dns
    return record


def needed_names(domain: str, names: Iterable[str], options: CertificateOptions) -> tuple[str, ...]:
    """Return all names that a certificate has to list, the domain first.

    A name below one of its wildcards is left out: a CA refuses an order that has both (Boulder: "redundant with a
    wildcard").
    """
    wildcards = {name for name in options.san if name.startswith("*.")}
    needed = []
    for name in dict.fromkeys((domain, *names, *options.san)):
        parent = name.partition(".")[2]
        if name == domain or name.startswith("*.") or f"*.{parent}" not in wildcards:
            needed.append(name)
    return tuple(needed)
