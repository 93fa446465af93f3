# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Request headers for the containers: those that the proxy sets and drops itself, and those that a route may add.

A route may add a header of its own to the requests of its container. The name has one form, and is none that means
something to HTTP or to the proxy. The value is made of a few variables of NGINX, so a manifest never brings its own
text.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import RefusedError

__all__ = ("DROPPED_HEADERS", "SENT_HEADERS", "VARIABLES", "route_headers")

# The headers that the proxy sets for every container, with NGINX's values. A client cannot set them (docs/adr/0006).
# Forwarded headers of a client are discarded; real_ip has read those of a trusted proxy before.
SENT_HEADERS = {
    "Host": "$host",
    "Upgrade": "$vsa_upgrade",
    "HTTP2-Settings": '""',
    "X-VSA-Marker": '""',
    "Connection": "$vsa_connection",
    "Forwarded": '""',
    "X-Real-IP": "$remote_addr",
    "X-Forwarded-For": "$remote_addr",
    "X-Forwarded-Host": "$host",
    "X-Forwarded-Port": "$server_port",
    "X-Forwarded-Prefix": "$vsa_prefix",
    "X-Forwarded-Proto": "$scheme",
    "X-Forwarded-Scheme": "$scheme",
    "X-Forwarded-Ssl": "$https",
    "X-Request-ID": "$request_id",
}

# Request headers by which backends learn the client's address, the scheme, the path, the user or a program to run. The
# proxy sets its own (X-Real-IP, X-Forwarded-…). Whatever a client sends under these names is dropped.
DROPPED_HEADERS = (
    # httpoxy: CGI programs read it as the variable HTTP_PROXY (https://httpoxy.org).
    "Proxy",
    # The client's address and the server's name.
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "X-Forwarded-By",
    "X-Forwarded-For-Original",
    "X-Forwarded-Server",
    "X-HTTP-Host-Override",
    "X-Envoy-External-Address",
    "X-Host",
    "X-Original-Forwarded-For",
    "X-Original-Host",
    "X-Originating-IP",
    "X-ProxyUser-Ip",
    "X-Remote-Addr",
    "X-Remote-IP",
    "CF-Connecting-IP",
    "Client-IP",
    "Fastly-Client-IP",
    "True-Client-IP",
    # The scheme.
    "Front-End-Https",
    "Https",
    "X-Arr-SSL",
    "X-Forwarded-HTTPS",
    "X-Forwarded-Protocol",
    "X-Scheme",
    "X-Url-Scheme",
    # The path: Symfony, Zend and IIS take these instead of the request line.
    "X-Envoy-Original-Path",
    "X-Original-URI",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Forwarded-Context",
    "X-Forwarded-Method",
    "X-HTTP-DestinationURL",
    "X-Original-Method",
    "X-Script-Name",
    "X-Forwarded-Path",
    "X-Forwarded-Uri",
    # Files that Rack would let the proxy send.
    "X-Accel-Mapping",
    "X-Sendfile-Type",
    # The user, as an authenticating proxy would say.
    "Client-Cert",
    "Client-Cert-Chain",
    "Remote-Email",
    "Remote-Groups",
    "Remote-Name",
    "Remote-User",
    "SSL-Client-Cert",
    "X-Auth-Request-Email",
    "X-Auth-Request-Groups",
    "X-Auth-Request-Preferred-Username",
    "X-Auth-Request-User",
    "X-Auth-User",
    "X-Authenticated-User",
    "X-Authentik-Email",
    "X-Authentik-Groups",
    "X-Authentik-Username",
    "X-Client-Cert",
    "X-Forwarded-Access-Token",
    "X-Forwarded-Client-Cert",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-User",
    "X-Remote-Group",
    "X-Remote-User",
    "X-SSL-Client-Cert",
    "X-SSL-Client-DN",
    "X-SSL-Client-Verify",
    "X-Webauth-User",
)

# What a value may be made of. $uri and $args are not here: $uri is decoded, so a client could write a line end into it.
VARIABLES = ("$scheme", "$host", "$request_uri", "$request_method", "$remote_addr", "$server_port", "$request_id")
_URL = "$scheme://$host$request_uri"
_VALUE = re.compile(rf"(?:{'|'.join(map(re.escape, VARIABLES))}|://){{1,8}}")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*")
_NAME_MAX = 64
_MOST = 10

# Headers of HTTP itself (RFC 9110 to 9112), and those by which a container knows its client.
_OF_HTTP = frozenset(
    "accept accept-charset accept-encoding accept-language authorization cache-control content-encoding content-length "
    "content-location content-type cookie date expect from if-match if-modified-since if-none-match if-range "
    "if-unmodified-since keep-alive max-forwards origin pragma range referer te trailer transfer-encoding user-agent "
    "via warning".split()
)
_FAMILIES = ("proxy-", "sec-", "x-accel-", "x-forwarded-", "x-vsa-")
_OWN = frozenset(name.lower() for name in (*SENT_HEADERS, *DROPPED_HEADERS))


def route_headers(value: object, field: str) -> tuple[tuple[str, str], ...]:
    """Return the headers of a route, a pair of name and value each, sorted by name.

    RefusedError for a name that the proxy or HTTP sets, or for a value with anything but variables in it.
    """
    if not isinstance(value, Mapping):
        raise RefusedError(
            "this is no mapping of headers", field=field, value=value, expected=f"a name with a value such as {_URL}"
        )
    if len(value) > _MOST:
        raise RefusedError(
            f"a route has more than {_MOST} headers", field=field, value=len(value), expected=f"at most {_MOST}"
        )
    found = {_name(name, field): _value(text, f"{field}/{name}") for name, text in value.items()}
    if len({name.lower() for name in found}) != len(found):
        raise RefusedError("a header stands there twice", field=field, value=", ".join(sorted(found)))
    return tuple(sorted(found.items()))


def _name(name: object, field: str) -> str:
    if not isinstance(name, str) or len(name) > _NAME_MAX or not _NAME.fullmatch(name):
        raise RefusedError(
            "this is not the name of a header",
            field=field,
            value=name,
            expected=f"letters, digits and single hyphens, at most {_NAME_MAX}, such as Dify-Hook-Url",
        )
    known = name.lower()
    if known in _OWN or known in _OF_HTTP or known.startswith(_FAMILIES):
        raise RefusedError(
            "a route may not set this header: the proxy or HTTP itself says what it means",
            field=field,
            value=name,
            expected="a name of the application's own",
        )
    return name


def _value(text: object, field: str) -> str:
    if not isinstance(text, str) or not _VALUE.fullmatch(text):
        raise RefusedError(
            "this is not a value for a header",
            field=field,
            value=text,
            expected=f"one or more of {' '.join(VARIABLES)} and ://, such as {_URL}",
        )
    return text
