# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every certificate of a host: what lies on disk, what the proxy serves, and whether renewal does its work.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .._core import forms
from .._core.certificate import STATES, Attempts, Facts, Verdict, judge, renewal_time, rfc3339
from .._core.errors import RefusedError, VsaError
from .._core.render import certificate_authority
from .._core.settings import Settings
from .._core.site import parse
from .certbot import Certbot
from .desired import read_settings
from .files import load_yaml, read_text
from .lineages import Served, lineage_names, read_facts, served, trust
from .paths import Paths

__all__ = ("list_certificates",)


@dataclass(frozen=True)
class _Entry:
    """A lineage to look at: ``site`` says whether a site uses it."""

    domain: str
    names: tuple[str, ...]
    authority: str
    site: bool


def _of_sites(paths: Paths, settings: Settings) -> dict[str, _Entry]:
    found = {}
    try:
        files = sorted(path for path in paths.sites.iterdir() if path.suffix == ".yml" and path.name[0] != ".")
    except FileNotFoundError:
        return {}
    for file in files:
        try:
            site = parse(load_yaml(read_text(file) or "", where=str(file)), where=f"sites/{file.stem}/")
        except (VsaError, OSError, UnicodeDecodeError):
            continue  # `vsa site list` names it; its lineage, if there is one, is listed without a site
        found[site.domain] = _Entry(site.domain, site.names, certificate_authority(site, settings), site=True)
    return found


def _entries(paths: Paths) -> list[_Entry]:
    settings = read_settings(paths)
    sites = _of_sites(paths, settings)
    entries = list(sites.values())
    for kind, domains in lineage_names(paths).items():
        for domain in sorted(domains):
            site = sites.get(domain)
            if site is None or (kind == "selfsigned") != (site.authority == "selfsigned"):
                # Without a site only the directory matters here: one of certbot's, whichever CA it was.
                entries.append(_Entry(domain, (), "selfsigned" if kind == "selfsigned" else "letsencrypt", site=False))
    return entries


def _comparison(facts: Facts | None, answer: Served | None) -> str | None:
    """Return how what is served compares with the disk: ``same``, ``older``, ``newer``, ``other`` or ``none``."""
    if answer is None:
        return None
    if answer.fingerprint is None or answer.not_after is None:
        return "none"
    if facts is None:
        return "other"
    if answer.fingerprint == facts.fingerprint:
        return "same"
    if answer.not_after == facts.not_after:
        return "other"
    return "older" if answer.not_after < facts.not_after else "newer"


def _problem(verdict: Verdict, tries: Attempts, how: str | None, answer: Served | None) -> str | None:
    if verdict.state in ("expiring", "expired") and tries.error:
        return f"overdue: the last try failed: {tries.error}"
    if verdict.problem and verdict.state != "ok":
        return verdict.problem
    if how == "none":
        return answer.error if answer else None
    if how in ("older", "other"):
        return "the proxy serves another certificate than the one on disk"
    return verdict.problem


def _view(
    entry: _Entry, facts: Facts | None, tries: Attempts, answer: Served | None, now: datetime.datetime
) -> dict[str, Any]:
    names = entry.names or (facts.names if facts else ())
    verdict = judge(facts, names=names, now=now)
    how = _comparison(facts, answer)
    # A date only where there is reason to believe in it.
    renews = facts is not None and not facts.self_signed and verdict.state in ("ok", "due") and not tries.failures
    return {
        "domain": entry.domain,
        "site": entry.site,
        "state": verdict.state,
        "problem": _problem(verdict, tries, how, answer),
        "ca": entry.authority if entry.site else (facts.server if facts else None) or entry.authority,
        "issuer": facts.issuer if facts else None,
        "key": facts.key if facts else None,
        "names": list(facts.names) if facts else [],
        "not_before": rfc3339(facts.not_before) if facts else None,
        "not_after": rfc3339(facts.not_after) if facts else None,
        "seconds_left": verdict.seconds_left,
        "fraction_left": verdict.fraction_left,
        "fingerprint": facts.fingerprint if facts else None,
        "served": how,
        "served_not_after": rfc3339(answer.not_after) if answer else None,
        "renews": f"{max(now, renewal_time(facts)):%Y-%m-%d}" if renews and facts else None,
        "last_failure": {"time": rfc3339(tries.last), "error": tries.error, "failures": tries.failures}
        if tries.failures
        else None,
    }


def _renewal(paths: Paths) -> dict[str, Any] | None:
    """Return when the renewal loop last came round and how that ended, or None where it never did."""
    text = read_text(paths.letsencrypt / "vsa-renew.state")
    values = dict(line.split("=", 1) for line in (text or "").splitlines() if "=" in line)
    if not values.get("exit", "").isdigit():
        return None
    return {"time": values.get("time"), "exit": int(values["exit"])}


def _rank(view: dict[str, Any]) -> tuple[int, float, str]:
    bad = STATES.index(view["state"])
    if view["site"] and view["served"] not in ("same", None):
        bad = max(bad, STATES.index("expiring"))
    return -bad, view["fraction_left"] or 0.0, view["domain"]


def _facts_of(paths: Paths, entries: Iterable[_Entry], client: ssl.SSLContext) -> list[Facts | None]:
    return [read_facts(paths, entry.domain, entry.authority, client=client) for entry in entries]


def list_certificates(domain: object, *, paths: Paths | None = None, address: str = "127.0.0.1") -> dict[str, Any]:
    """Return the result of the module ``cert_info``: the worst first."""
    paths = paths or Paths()
    wanted = None if domain is None else forms.domain(domain)
    entries = _entries(paths)
    if wanted is not None:
        known = sorted({entry.domain for entry in entries})
        entries = [entry for entry in entries if entry.domain == wanted]
        if not entries:
            raise RefusedError(
                "this host has neither a site nor a certificate of this name",
                field="domain",
                value=wanted,
                there_are=known[:20],
                hint="vsa cert status",
            )
    now = datetime.datetime.now(datetime.timezone.utc)
    facts = _facts_of(paths, entries, trust(read_settings(paths).ca_bundle))
    answers = served([entry.domain for entry in entries if entry.site], address=address)
    certbot = Certbot(paths)
    views = [
        _view(entry, found, certbot.attempts(entry.domain), answers.get(entry.domain) if entry.site else None, now)
        for entry, found in zip(entries, facts, strict=True)
    ]
    return {
        "changed": False,
        "schema": 1,
        "certificates": sorted(views, key=_rank),
        "renewal": _renewal(paths),
    }
