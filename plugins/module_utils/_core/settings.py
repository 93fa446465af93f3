# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a host, /etc/vsa/vsa.yml: what it may say, and the built-in values of what it does not.

Precedence: a flag, the site's manifest, this file, built-in. Only ``bootstrap`` and ``site apply`` write it.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from . import forms
from .errors import RefusedError

__all__ = ("SETTINGS_SCHEMA", "Settings", "parse_settings")

SETTINGS_SCHEMA = 1
_FILE = re.compile(r"(?:/[A-Za-z0-9._-]+)+")
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]+)*/?")
_FORMS = {
    "ca_bundle": (_FILE, "an absolute path"),
    "alert_command": (_FILE, "an absolute path"),
    "alert_url": (
        re.compile(f"{_FILE.pattern}|{_URL.pattern}"),
        "an http or https URL, or the path of a file with one",
    ),
}


@dataclass(frozen=True)
class Settings:
    """All settings, defaults filled in.

    * ``ca``, ``email``: for sites that do not say.
    * ``ca_bundle``: a PEM file on the host, trusted besides the system's for the ACME server and when a chain is
      verified.
    * ``worker_shutdown_timeout``: the longest that a WebSocket outlives another site's change.
    * ``resolver_valid``: how long NGINX believes an address of a container.
    * ``loki_url``: where the audit trail is pushed to, if anywhere.
    * ``dns_plugin``, ``dns_propagation``: certbot's plugin for challenges by DNS (``rfc2136``, ``cloudflare`` …), and
      how long a record may take to be seen.
    * ``alert_command``, ``alert_url``: a program of the host that is told on its standard input, and a webhook (an
      address, or a file of mode 0600 that holds one), when a certificate is late.
    """

    ca: str = "letsencrypt"
    email: str | None = None
    ca_bundle: str | None = None
    worker_shutdown_timeout: str = "10m"
    resolver_valid: str = "5s"
    loki_url: str | None = None
    dns_plugin: str | None = None
    dns_propagation: str | None = None
    alert_command: str | None = None
    alert_url: str | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the values by name."""
        return asdict(self)


def parse_settings(data: object, *, where: str = "vsa.yml/") -> Settings:
    """Return the settings that a file's mapping says; an empty file says nothing.

    Raises RefusedError for an unknown setting or a value that is not of its form.
    """
    if data is None:
        return Settings()
    if not isinstance(data, Mapping):
        raise RefusedError("the settings are a mapping", field=where.rstrip("/"), value=type(data).__name__)
    known = Settings().as_dict()
    for key in data:
        if key != "schema" and key not in known:
            raise RefusedError("there is no such setting", field=f"{where}{key}", value=key, expected=", ".join(known))
    if data.get("schema", SETTINGS_SCHEMA) != SETTINGS_SCHEMA:
        raise RefusedError("this VSA does not know the settings' schema", field=f"{where}schema", value=data["schema"])
    values = {
        key: _value(key, value, f"{where}{key}") for key, value in data.items() if key != "schema" and value is not None
    }
    return Settings(**values)


def _value(key: str, value: object, field: str) -> str:
    if key == "ca":
        return forms.ca(value, field=field)
    if key == "email":
        return forms.email(value, field=field)
    if key in ("worker_shutdown_timeout", "resolver_valid", "dns_propagation"):
        return forms.duration(value, field=field, whole_seconds=key != "worker_shutdown_timeout")
    if key == "dns_plugin":
        return forms.dns_plugin(value, field=field)
    form, expected = _FORMS.get(key, (_URL, "an http or https URL"))
    if not isinstance(value, str) or not form.fullmatch(value) or "/../" in f"{value}/":
        raise RefusedError(f"this is not {expected}", field=field, value=value, expected=expected)
    return value
