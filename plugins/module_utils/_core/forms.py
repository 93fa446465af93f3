# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exact form of every value that an operator may give. A function returns the value normalised, or refuses it.

Each function takes the value and the field's name for the error. What passes here may stand in an NGINX file, a path, a
container's name or a DNS question as it is; nothing else may.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Sequence
from typing import NoReturn

from .errors import RefusedError
from .libraries import library
from .networks import EDGE, contains_edge

__all__ = (
    "boolean",
    "ca",
    "certificate_name",
    "cidr",
    "container",
    "dns_plugin",
    "domain",
    "duration",
    "email",
    "is_larger",
    "password",
    "password_hash",
    "path",
    "port",
    "profile",
    "rate",
    "relative_path",
    "size",
    "stack_name",
    "switch",
    "tenant",
    "user",
    "variable",
    "whole_number",
    "www",
)

PROFILES = ("web", "sse", "websocket", "upload", "llm")
LETSENCRYPT, STAGING, SELFSIGNED = "letsencrypt", "staging", "selfsigned"
CAS = (LETSENCRYPT, STAGING, SELFSIGNED)
_SWITCH = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}

# DNS allows 253 octets (RFC 1035, section 2.3.4). A file is named <domain>.access.log.<time>.gz, with at most 255.
_DOMAIN_MAX = 230
_LABEL_MAX = 63  # octets (RFC 1035, section 2.3.4)
_CONTAINER_MAX = 128
_PATH_MAX = 200
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_CONTAINER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}(?:\.[A-Za-z0-9_-]{1,63})*")
_TENANT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_PATH = re.compile(r"/(?:[A-Za-z0-9._~@:+-]+/)*[A-Za-z0-9._~@:+-]*")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}")
_HTTPS = re.compile(
    r"https://((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?::([0-9]{1,5}))?(?:/[A-Za-z0-9._~-]+)*/?"
)
_RATE = re.compile(r"[1-9][0-9]{0,5}r/[sm]")
_SIZE = re.compile(r"0|([1-9][0-9]{0,5})([kmg]?)")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_DURATION = re.compile(r"[1-9][0-9]{0,5}(?:ms|s|m|h|d)")
_DIGITS = re.compile(r"[1-9][0-9]{0,4}")
_DNS_PLUGIN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+-]{0,63}")
_BCRYPT = re.compile(r"\$2[aby]\$(?:1[0-5])\$[./A-Za-z0-9]{53}")
_STACK = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_PATH_PART = re.compile(r"[A-Za-z0-9_.-]+")

# bcrypt hashes the first 72 bytes of a password and ignores the rest.
PASSWORD_MAX_BYTES = 72
# The least cost for a password that people chose. The proxy remembers who passed, so a client pays once per session.
BCRYPT_COST = 10

# Control characters, surrogates, private use and every kind of space.
_NEVER_IN_A_LABEL = ("Cc", "Cs", "Co", "Zs", "Zl", "Zp")


def _refuse(what: str, field: str, value: object, expected: str) -> NoReturn:
    raise RefusedError(f"this is not {what}", field=field, value=value, expected=expected)


def _text(value: object, what: str, field: str, expected: str) -> str:
    if not isinstance(value, str):
        _refuse(what, field, value, expected)
    return value


def _as_a_labels(text: str, field: str) -> str:
    """Return a name with letters beyond ASCII as A-labels (IDNA 2008 with the mapping of UTS 46, as browsers do).

    RefusedError if IDNA does not allow the name, or if the mapping makes another name than the operator sees: it hides
    letters (a soft hyphen) and makes others (of U+3002 a dot).
    """
    # Imported here, because few names have such letters.
    with library("idna", field=field, value=text):
        import idna

    if len(text) > _DOMAIN_MAX:
        _refuse("a domain name", field, text, f"at most {_DOMAIN_MAX} characters")
    try:
        name = idna.encode(text, uts46=True, std3_rules=True).decode("ascii")
        read = idna.decode(name)
    except (idna.IDNAError, UnicodeError):
        _refuse_long_label(text.split("."), field, text)
        _refuse("a domain name", field, text, "a name that IDNA 2008 allows, or the registry's own form (xn--…)")
    # Letter by letter: lower() of a whole word turns a final capital sigma into another letter than UTS 46 does.
    if read != "".join(letter.lower() for letter in unicodedata.normalize("NFC", text)):
        _refuse(
            "a domain name as it would be served", field, text, read if read == name else f"{read}, which is {name}"
        )
    return name


def _refuse_long_label(labels: Sequence[str], field: str, value: object) -> None:
    """Raise RefusedError if a part of a domain is too long for DNS, which counts its A-label."""
    for label in labels:
        longer = 0 if label.isascii() else len("xn--")
        if longer + len(label.encode("punycode", "replace") if longer else label) > _LABEL_MAX:
            letters = " as xn--…" if longer else ""
            _refuse("a domain name", field, value, f"at most {_LABEL_MAX} characters between dots{letters}")


def _is_a_label(label: str) -> bool:
    """Say whether the text after xn-- is the one Punycode (RFC 3492) of a label that people can read."""
    try:
        read = label[4:].encode("ascii").decode("punycode")
        same = read.encode("punycode").decode("ascii") == label[4:]
    except UnicodeError:
        return False
    hidden = any(unicodedata.category(letter) in _NEVER_IN_A_LABEL for letter in read)
    return same and not hidden and not read.isascii() and unicodedata.normalize("NFC", read.lower()) == read


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def domain(value: object, *, field: str = "domain") -> str:
    """Return a host name as A-labels in lower case without the dot of the root (RFC 1035, RFC 5890).

    No wildcard and no address.
    """
    what, expected = "a domain name", "shop.example.com"
    text = _text(value, what, field, expected).removesuffix(".")
    text = text.lower() if text.isascii() else _as_a_labels(text, field)
    labels = text.split(".")
    if len(text) > _DOMAIN_MAX:
        _refuse(what, field, value, f"at most {_DOMAIN_MAX} characters")
    _refuse_long_label(labels, field, value)
    if _is_address(text):
        _refuse(what, field, value, f"a name such as {expected}, not an address")
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        _refuse(what, field, value, expected)
    if any(label.startswith("xn--") and not _is_a_label(label) for label in labels):
        _refuse(what, field, value, "a valid A-label after xn--")
    return text


def container(value: object, *, field: str = "container") -> str:
    """Return a container's name in the form that DNS can ask for.

    Docker's DNS ignores case. A name with an edge network's name in it could be taken for another tenant's qualified
    name.
    """
    what, expected = "a container's name", "letters, digits, '_', '-' and '.', the first a letter or digit"
    text = _text(value, what, field, expected)
    if len(text) > _CONTAINER_MAX:
        _refuse(what, field, value, f"at most {_CONTAINER_MAX} characters")
    if any(len(label) > _LABEL_MAX for label in text.split(".")):
        rule = f"at most {_LABEL_MAX} characters between dots, because the proxy finds the container by its name in DNS"
        _refuse("a container's name that DNS can ask for", field, value, rule)
    if not _CONTAINER.fullmatch(text):
        _refuse(what, field, value, expected)
    if contains_edge(text):
        _refuse("a container's name that may be proxied", field, value, f"a name without {EDGE} in it")
    return text


def port(value: object, *, field: str = "port") -> int:
    """Return a TCP port, 1 to 65535."""
    what, expected = "a port", "a whole number from 1 to 65535"
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        _refuse(what, field, value, expected)
    if isinstance(value, str) and not (value.isascii() and _DIGITS.fullmatch(value)):
        _refuse(what, field, value, expected)
    number = int(value)
    if not 1 <= number <= 65535:
        _refuse(what, field, value, expected)
    return number


def path(value: object, *, field: str = "path") -> str:
    """Return the prefix of a route: a normalised absolute path of unreserved characters (RFC 3986, section 2.3)."""
    what, expected = "a route's path", "a path such as / or /api/, of letters, digits and . _ ~ @ : + -"
    text = _text(value, what, field, expected)
    if len(text) > _PATH_MAX:
        _refuse(what, field, value, f"at most {_PATH_MAX} characters")
    if not text.isascii() or not _PATH.fullmatch(text):
        _refuse(what, field, value, expected)
    if any(part in (".", "..") for part in text.split("/")):
        _refuse(what, field, value, "a path without . and .. in it")
    if text.startswith(("/.well-known/acme-challenge", "/.well-known/vsa")):
        _refuse(
            "a route that a site may take",
            field,
            value,
            "a path outside /.well-known/acme-challenge and /.well-known/vsa",
        )
    return text


def tenant(value: object, *, field: str = "tenant") -> str:
    """Return a tenant's name. The name becomes a part of a network's name."""
    what, expected = "a tenant's name", "1 to 32 lower-case letters, digits and inner hyphens"
    text = _text(value, what, field, expected)
    if not _TENANT.fullmatch(text):
        _refuse(what, field, value, expected)
    return text


def email(value: object, *, field: str = "email") -> str:
    """Return the email address of an ACME account's contact."""
    what, expected = "an email address", "ops@example.com"
    text = _text(value, what, field, expected)
    if len(text) > 254 or not text.isascii() or not _EMAIL.fullmatch(text):
        _refuse(what, field, value, expected)
    return text


def ca(value: object, *, field: str = "ca") -> str:
    """Return a certificate authority: one of the names, or the https URL of an ACME directory (RFC 8555)."""
    what, expected = "a certificate authority", f"{', '.join(CAS)} or the https URL of an ACME directory"
    text = _text(value, what, field, expected)
    if text in CAS:
        return text
    found = _HTTPS.fullmatch(text) if text.isascii() and len(text) <= 250 else None
    if not found or (found[2] and not 1 <= int(found[2]) <= 65535):
        _refuse(what, field, value, expected)
    return text


def certificate_name(value: object, *, field: str) -> str:
    """Return a name that a certificate may cover: a domain, or a wildcard such as ``*.shop.example.com``."""
    text = value.strip() if isinstance(value, str) else ""
    if text.startswith("*."):
        return f"*.{domain(text[2:], field=field)}"
    return domain(value, field=field)


def dns_plugin(value: object, *, field: str) -> str:
    """Return the name of a certbot plugin for DNS-01 challenges, without its prefix ``dns-``."""
    text = value.removeprefix("dns-") if isinstance(value, str) else ""
    if not _DNS_PLUGIN.fullmatch(text):
        _refuse("the name of a DNS plugin of certbot", field, value, "rfc2136, cloudflare, infomaniak …")
    return text


def profile(value: object, *, field: str = "profile") -> str:
    """Return the name of a proxy profile."""
    if value not in PROFILES:
        _refuse("a profile", field, value, ", ".join(PROFILES))
    return str(value)


def _network_around(text: str) -> str | None:
    """Return what to write instead of a network whose host bits are not zero; None for anything else."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    return f"{network} for the network, or {text.partition('/')[0]} for the one address"


def cidr(value: object, *, field: str) -> str:
    """Return an address or a network in canonical form. The host bits must be zero."""
    expected = "an address or a network such as 203.0.113.0/24 or 2001:db8::/32"
    text = _text(value, "a network", field, expected)
    try:
        network = ipaddress.ip_network(text, strict=True)
    except ValueError:
        _refuse("a network", field, value, _network_around(text) or expected)
    if "%" in text:
        _refuse("a network", field, value, expected)
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def boolean(value: object, *, field: str) -> bool:
    """Return true or false, as manifests and roles give them; text is refused."""
    if not isinstance(value, bool):
        _refuse("true or false", field, value, "true or false")
    return value


def switch(value: object, *, field: str) -> bool:
    """Return true or false for on, off, true, false, yes or no."""
    text = _text(value, "on or off", field, "on or off").lower()
    if text not in _SWITCH:
        _refuse("on or off", field, value, ", ".join(_SWITCH))
    return _SWITCH[text]


def www(value: object, *, field: str = "www") -> str:
    """Return ``add`` or ``remove``: what becomes of www. before a domain."""
    if value not in ("add", "remove"):
        _refuse("a way to redirect www", field, value, "add, remove")
    return str(value)


def rate(value: object, *, field: str = "rate_limit") -> str:
    """Return a request rate per client in NGINX's form (ngx_http_limit_req_module)."""
    text = _text(value, "a request rate", field, "10r/s or 30r/m")
    if not _RATE.fullmatch(text):
        _refuse("a request rate", field, value, "10r/s or 30r/m")
    return text


def size(value: object, *, field: str) -> str:
    """Return a size in NGINX's form: bytes, or with k, m or g."""
    text = (
        str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value, "a size", field, "64m")
    )
    if not _SIZE.fullmatch(text):
        _refuse("a size", field, value, "64m, 1g or 0 for no limit")
    return text


def is_larger(text: str, than: int) -> bool:
    """Say whether a size of the form of `size` is larger than a number of bytes. 0 is no limit, so it is larger."""
    found = _SIZE.fullmatch(text)
    if found is None or found[1] is None:
        return True  # no limit; what is no size the renderer refuses
    return int(found[1]) * _UNITS[found[2]] > than


def duration(value: object, *, field: str, whole_seconds: bool = False) -> str:
    """Return a time with its unit in NGINX's form. With ``whole_seconds`` milliseconds are refused."""
    text = _text(value, "a duration", field, "30s, 10m or 1h")
    if not _DURATION.fullmatch(text) or (whole_seconds and text.endswith("ms")):
        _refuse("a duration", field, value, "30s, 10m or 1h")
    return text


def whole_number(value: object, *, field: str, least: int, most: int) -> int:
    """Return a whole number within bounds. Text of digits is accepted, because ``-e NAME=VALUE`` gives text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        _refuse("a whole number here", field, value, f"{least} to {most}")
    return value


def user(value: object, *, field: str = "user") -> str:
    """Return the name of a basic-auth user. RFC 7617 forbids a colon in it; htpasswd reads a leading # as a comment."""
    expected = "1 to 64 letters, digits and . _ @ + -, the first a letter, digit or _"
    text = _text(value, "a user's name", field, expected)
    if not _USER.fullmatch(text):
        _refuse("a user's name", field, value, expected)
    return text


def password(value: str, *, field: str = "password") -> str:
    """Return a password that bcrypt hashes as a whole and a browser can send. RefusedError never shows the value."""
    try:
        length = len(value.encode())
    except UnicodeEncodeError:
        raise RefusedError("the password is not text", field=field, expected="UTF-8") from None
    if not value:
        raise RefusedError("the password is empty", field=field, expected=f"1 to {PASSWORD_MAX_BYTES} bytes of UTF-8")
    if length > PASSWORD_MAX_BYTES:
        raise RefusedError(
            f"the password has {length} bytes, and bcrypt would ignore all after the first {PASSWORD_MAX_BYTES}",
            field=field,
            expected=f"at most {PASSWORD_MAX_BYTES} bytes of UTF-8",
        )
    if any(unicodedata.category(letter) == "Cc" for letter in value):
        raise RefusedError(
            "the password has a control character in it, which no browser can send",
            field=field,
            expected="a single line of printable characters",
        )
    return value


def password_hash(value: object, *, field: str = "hash") -> str:
    """Return a bcrypt hash in the form of crypt(3), of cost 10 to 15. RefusedError never shows the value."""
    if not isinstance(value, str) or not _BCRYPT.fullmatch(value):
        raise RefusedError(
            "this is not a bcrypt hash", field=field, expected=f"$2y$… with a cost of {BCRYPT_COST} to 15"
        )
    return value


def stack_name(value: object, *, field: str = "stack") -> str:
    """Return the name of a stack, which is also the name of its folder and of its Compose project."""
    expected = "1 to 63 lower-case letters, digits and inner hyphens"
    text = _text(value, "a stack's name", field, expected)
    if not _STACK.fullmatch(text):
        _refuse("a stack's name", field, value, expected)
    return text


def relative_path(value: object, *, field: str) -> str:
    """Return a relative path of at most ten parts that stays below the folder of a stack."""
    what, expected = "a path below the stack's folder", "data/uploads"
    parts = _text(value, what, field, expected).split("/")
    if len(parts) > 10 or not all(_PATH_PART.fullmatch(part) for part in parts):
        _refuse(what, field, value, expected)
    if "." in parts or ".." in parts:
        _refuse(what, field, value, expected)
    return "/".join(parts)


def variable(value: object, *, field: str) -> str:
    """Return the name of an environment variable."""
    text = _text(value, "a variable's name", field, "DB_PASSWORD")
    if not _VARIABLE.fullmatch(text):
        _refuse("a variable's name", field, value, "DB_PASSWORD")
    return text
