# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a host: the names, forms and built-in values of what /etc/vsa/vsa.yml may say.

Precedence: a flag, the site's manifest, this file, built-in. Only ``bootstrap`` and ``site apply`` write the file.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from . import forms
from .errors import RefusedError

__all__ = ("SETTINGS_SCHEMA", "Settings", "parse_settings", "setting_errors")

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
    """All settings of a host; a setting that the file does not have gets its built-in value.

    * ``ca``, ``email``: the certificate authority and the contact address of sites that name none.
    * ``ca_bundle``: a PEM file on the host. It is trusted in addition to the system's certificates, for the ACME server
      and when a chain is verified.
    * ``worker_shutdown_timeout``: the longest time that a WebSocket outlives a change of another site.
    * ``resolver_valid``: how long NGINX caches the address of a container.
    * ``loki_url``: the address of Loki, to which the audit trail is pushed; None if it is not pushed.
    * ``dns_plugin``, ``dns_propagation``: certbot's plugin for DNS challenges (``rfc2136``, ``cloudflare`` …), and how
      long a DNS record may take until the CA sees it.
    * ``alert_command``, ``alert_url``: who is told when a certificate is late. The command is a program of the host
      that reads the message on its standard input. The URL is a webhook, or the path of a file of mode 0600 that holds
      the webhook's address.
    * ``container_metadata``: ``closed`` if containers do not reach the provider's metadata addresses, else ``open``.
    * ``container_host_ports``: the ports of the host that containers reach, a comma list with 80 and 443, or ``all``.
    * ``client_connections``: how many requests one client may have in work at one site. NGINX counts each stream of
      HTTP/2.
    * ``site_connections``: how many requests may be in work at one site, whoever sends them.
    * ``upstream_connections``: how many connections the proxy opens to one container.
    * ``uploads``: how many large request bodies of one site the proxy keeps on disk at once.
    * ``http2_streams``: how many streams one HTTP/2 connection may have open; a browser waits for a free one.
    * ``proxy_generations``: how many generations of the proxy's configuration the host keeps, the live one included.
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
    container_metadata: str = "closed"
    container_host_ports: str = "80,443"
    client_connections: int = 2000
    site_connections: int = 4000
    upstream_connections: int = 4000
    uploads: int = 64
    http2_streams: int = 128
    # Not in the repr, which is part of Renderer.inputs: no file of the proxy depends on this setting.
    proxy_generations: int = field(default=50, repr=False)

    @property
    def open_host_ports(self) -> tuple[int, ...] | None:
        """Return the ports of ``container_host_ports``, None if containers reach all ports of the host."""
        if self.container_host_ports == "all":
            return None
        return tuple(int(word) for word in self.container_host_ports.split(","))

    def as_dict(self) -> dict[str, object]:
        """Return the values by name."""
        return asdict(self)


def parse_settings(data: object, *, where: str = "vsa.yml/") -> Settings:
    """Return the settings of a parsed vsa.yml; None stands for an empty file.

    ``where`` is put before the name of a setting in errors. Raises RefusedError if a setting is unknown or if its value
    does not have its form.
    """
    if data is None:
        return Settings()
    if not isinstance(data, Mapping):
        raise RefusedError("these settings are not a mapping", field=where.rstrip("/"), value=type(data).__name__)
    known = Settings().as_dict()
    for key in data:
        if key != "schema" and key not in known:
            raise RefusedError("there is no such setting", field=f"{where}{key}", value=key, expected=", ".join(known))
    if data.get("schema", SETTINGS_SCHEMA) != SETTINGS_SCHEMA:
        raise RefusedError("this VSA does not know the settings' schema", field=f"{where}schema", value=data["schema"])
    given = {key: value for key, value in data.items() if key != "schema" and value is not None}
    return Settings(**{key: _value(key, value, f"{where}{key}") for key, value in given.items()})  # type: ignore[arg-type]


def setting_errors(requested: Mapping[str, object], unset: Sequence[str] = (), *, where: str) -> list[RefusedError]:
    """Return an error for each value that does not have the form of its setting, and for each unknown name to unset.

    Unlike ``parse_settings``, this function does not stop at the first error: an operator sees all of them at once.
    """
    errors = []
    for key, value in requested.items():
        try:
            parse_settings({key: value}, where=where)
        except RefusedError as error:
            errors.append(error)
    known = Settings().as_dict()
    expected = ", ".join(known)
    errors += [
        RefusedError("there is no such setting", field=f"{where}unset", value=name, expected=expected)
        for name in unset
        if name not in known
    ]
    return errors


_NUMBERS = {
    "client_connections": (1, 100_000),
    "site_connections": (1, 100_000),
    "upstream_connections": (1, 100_000),
    "uploads": (1, 10_000),
    "http2_streams": (1, 1024),
    "proxy_generations": (50, 10_000),
}


def _host_ports(value: object, field: str) -> str:
    """Return ``all``, or the ports in order, each once. The proxy's own ports are always among them."""
    if value == "all":
        return "all"
    words = str(value).split(",") if isinstance(value, (int, str)) and not isinstance(value, bool) else []
    ports = {forms.port(int(word) if word.isdecimal() else word, field=field) for word in words}
    if not {80, 443} <= ports:
        raise RefusedError(
            "the proxy's ports are missing", field=field, value=value, expected="80,443 and more, or all"
        )
    return ",".join(str(port) for port in sorted(ports))


def _value(key: str, value: object, field: str) -> str | int:
    if key in _NUMBERS:
        least, most = _NUMBERS[key]
        return forms.whole_number(value, field=field, least=least, most=most)
    if key == "container_host_ports":
        return _host_ports(value, field)
    if key == "container_metadata":
        if value not in ("closed", "open"):
            raise RefusedError("this is no switch", field=field, value=value, expected="closed or open")
        return str(value)
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
