# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether certbot can renew a lineage: its settings, its links, its archive and its account, as they are on disk now.

A date says when certbot will try, not whether certbot can. A backup that was restored without its links is served, and
certbot refuses to renew it.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ..._core.cert.status import CANNOT_RENEW, DUE, VALID, CertificateStatus, directory_url
from ..._core.forms import SELFSIGNED
from ..._core.hints import Advice, Hint
from ..machine.files import read_bytes, read_text
from ..store.layout import Paths

__all__ = ("TO_MAKE_ANEW", "account_addresses", "lineage_parts", "lineage_problem", "renewal_problem", "with_renewal")

TO_MAKE_ANEW = "; to make it anew"
"""How the problem goes on if the command that repairs the lineage follows."""

_LINKS = ("cert", "chain", "fullchain", "privkey")
_END = b"-----END CERTIFICATE-----"
# Source: certbot, AccountFileStorage. It writes these three files of an account.
_ACCOUNT_FILES = ("private_key.json", "regr.json", "meta.json")


def lineage_parts(paths: Paths, domain: str) -> tuple[Path, ...]:
    """Return the three places of a lineage: its settings, its links, and the files that the links lead to."""
    top = paths.letsencrypt
    return top / "renewal" / f"{domain}.conf", top / "live" / domain, top / "archive" / domain


def lineage_problem(paths: Paths, domain: str) -> str | None:
    """Return why certbot cannot use a lineage; None if certbot can. A lineage without any part has no problem."""
    problem = _parts_problem(paths, domain)
    conf = f"renewal/{domain}.conf"
    text = None if problem is not None else read_text(f"{paths.letsencrypt}/{conf}")
    return problem if text is None else _reference_problem(conf, _settings(text))


def _parts_problem(paths: Paths, domain: str) -> str | None:
    """Return which part of a lineage is missing or no link; None if all are there, or none."""
    # With os.path, because a list asks this of 1,000 lineages, and pathlib takes longer for a path than the kernel.
    top = str(paths.letsencrypt)
    live = f"{top}/live/{domain}"
    conf, archive = f"{top}/renewal/{domain}.conf", f"{top}/archive/{domain}"
    there = {conf: os.path.isfile(conf), live: os.path.isdir(live), archive: os.path.isdir(archive)}
    if not any(there.values()):
        return None
    for part, exists in there.items():
        if not exists:
            return f"{_short(paths, part)} is missing"
    for name in _LINKS:
        link = f"{live}/{name}.pem"
        if not os.path.islink(link):
            return f"{_short(paths, link)} {'is a plain file, not a link' if os.path.exists(link) else 'is missing'}"
        if not os.path.exists(link):
            return f"{_short(paths, link)} leads nowhere"
    # certbot reads the old certificate before it asks for another one, and fails if that file is truncated.
    for name in ("cert", "chain"):
        if _END not in (read_bytes(f"{live}/{name}.pem") or b""):
            return f"{_short(paths, f'{live}/{name}.pem')} is cut off"
    return None


def _reference_problem(conf: str, settings: Mapping[str, str]) -> str | None:
    """Return which file the settings of a lineage do not name: certbot refuses settings that lack one of the four."""
    missing = [name for name in _LINKS if not settings.get(name)]
    return f"{conf} names no {' and no '.join(missing)}" if missing else None


def renewal_problem(paths: Paths, domain: str) -> str | None:
    """Return why the next renewal of a lineage must fail; None if nothing on disk stands against it.

    Only for a lineage of certbot.
    """
    try:
        problem = _parts_problem(paths, domain)
        if problem is not None:
            return problem
        conf = f"renewal/{domain}.conf"
        settings = _settings(read_text(f"{paths.letsencrypt}/{conf}") or "")
        return _reference_problem(conf, settings) or _account_problem(paths, conf, settings)
    except OSError as error:
        return f"{error.filename} cannot be read: {error.strerror}"


def with_renewal(paths: Paths, domain: str, authority: str, status: CertificateStatus) -> CertificateStatus:
    """Return the state of a certificate, or CANNOT_RENEW if the state is good and the next renewal must fail.

    The problem names the repair: certbot makes a lineage anew, and the old one is moved aside.
    """
    if authority == SELFSIGNED or status.state not in (VALID, DUE):
        return status
    problem = renewal_problem(paths, domain)
    if problem is None:
        return status
    repair = Advice(f"certbot cannot renew it: {problem}{TO_MAKE_ANEW}", _repair(domain))
    return dataclasses.replace(status, state=CANNOT_RENEW, problem=repair)


def _repair(domain: str) -> Hint:
    return Hint("cert.issue", {"domain": domain, "force": True})


def _account_problem(paths: Paths, conf: str, settings: Mapping[str, str]) -> str | None:
    """Return what is wrong with the account at the CA that the settings of a lineage name."""
    server, account = settings.get("server"), settings.get("account")
    if not server:
        return f"{conf} names no server"
    if not account:
        return None
    directory = _accounts_at(paths, server) / account
    for file in (f"{directory}/{name}" for name in _ACCOUNT_FILES):
        if not os.path.lexists(file):
            return f"its account at the CA is missing: {_short(paths, file)}"
        if os.stat(file).st_size == 0:
            return f"its account at the CA is empty: {_short(paths, file)}"
    return None


def account_addresses(paths: Paths, authority: str) -> frozenset[str]:
    """Return the addresses that a CA gave to the accounts of this host, as CAA records name them (``accounturi``)."""
    found = set()
    for place in _accounts_at(paths, directory_url(authority)).glob("*/regr.json"):
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):  # an account that certbot cannot use either
            found.add(str(json.loads(place.read_text(encoding="utf-8"))["uri"]))
    return frozenset(found)


def _accounts_at(paths: Paths, server: str) -> Path:
    """Return the directory of the accounts at a CA. certbot names it after the CA's address, with its port."""
    address = urlsplit(server)
    return paths.letsencrypt / "accounts" / address.netloc / address.path.lstrip("/")


def _settings(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if not line.lstrip().startswith("#"))
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


def _short(paths: Paths, path: str) -> str:
    return str(Path(path).relative_to(paths.letsencrypt))
