# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every certificate of a host: what lies on disk, what the proxy serves, and whether renewal does its work.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from ..._core import forms
from ..._core.cert.options import CertNote, needed_names
from ..._core.cert.status import (
    STATES,
    Attempts,
    Facts,
    Verdict,
    Window,
    judge,
    past_two_thirds,
    renewal_time,
    rfc3339,
)
from ..._core.errors import RefusedError, VsaError
from ..._core.hints import Hint
from ..._core.settings import Settings
from ..._core.site.manifest import certificate_authority, parse
from ..machine.files import load_yaml, read_text
from ..store.cert_options import read_note
from ..store.certificates import Reading
from ..store.layout import Paths
from ..store.settings import read_settings
from .ari import renewal_windows
from .certbot import Certbot
from .chain import Asker, Served, comparison, lineage_names, read_lineage, trust, way_in

__all__ = ("list_certificates",)


@dataclass(frozen=True)
class _Entry:
    """A lineage to look at: ``site`` says whether a site uses it."""

    domain: str
    names: tuple[str, ...]
    authority: str
    site: bool


def _note(paths: Paths, domain: str) -> CertNote:
    try:
        return read_note(paths, domain)
    except (VsaError, OSError, UnicodeDecodeError):
        return CertNote()  # whatever acts on the certificate says so


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
        names = needed_names(site.domain, site.names, _note(paths, site.domain))
        found[site.domain] = _Entry(site.domain, names, certificate_authority(site, settings), site=True)
    return found


def _entries(paths: Paths, settings: Settings) -> list[_Entry]:
    sites = _of_sites(paths, settings)
    entries = list(sites.values())
    for kind, domains in lineage_names(paths).items():
        for domain in sorted(domains):
            site = sites.get(domain)
            if site is None or (kind == "selfsigned") != (site.authority == "selfsigned"):
                # Without a site only the directory matters here: one of certbot's, whichever CA it was.
                entries.append(_Entry(domain, (), "selfsigned" if kind == "selfsigned" else "letsencrypt", site=False))
    return entries


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


def _renews(
    facts: Facts | None, verdict: Verdict, tries: Attempts, window: Window | None, now: datetime.datetime
) -> dict[str, Any]:
    """Return when it will be renewed and who says so; a date only where there is reason to believe in it."""
    found: dict[str, Any] = {"renews": None, "renews_by": None, "ari": None}
    if facts is None or facts.self_signed or facts.server is None:
        return found
    if window:
        found["ari"] = {"start": rfc3339(window.start), "end": rfc3339(window.end)}
    if verdict.state in ("ok", "due") and not tries.failures:
        moment = max(now, window.middle if window else renewal_time(facts))
        found.update(renews=f"{moment:%Y-%m-%d}", renews_by="ari" if window else "lifetime")
    return found


def _view(
    entry: _Entry,
    reading: Reading,
    tries: Attempts,
    answer: Served | None,
    windows: dict[str, Window],
    now: datetime.datetime,
) -> dict[str, Any]:
    facts = reading.facts
    names = entry.names or (facts.names if facts else ())
    verdict = judge(facts, names=names, now=now, unreadable=reading.unreadable)
    how = comparison(facts, answer)
    return {
        "domain": entry.domain,
        "site": entry.site,
        "state": verdict.state,
        "problem": _problem(verdict, tries, how, answer),
        "ca": entry.authority if entry.site else (facts.server if facts else None) or entry.authority,
        "issuer": facts.issuer if facts else None,
        "key": facts.key if facts else None,
        "key_matches": None if facts is None else facts.pair_problem is None,
        "names": list(facts.names) if facts else [],
        "not_before": rfc3339(facts.not_before) if facts else None,
        "not_after": rfc3339(facts.not_after) if facts else None,
        "seconds_left": verdict.seconds_left,
        "fraction_left": verdict.fraction_left,
        "past_two_thirds": past_two_thirds(facts, now=now) if facts else False,
        "fingerprint": facts.fingerprint if facts else None,
        "served": how,
        "served_fingerprint": answer.fingerprint if answer else None,
        "served_not_after": rfc3339(answer.not_after) if answer else None,
        **_renews(facts, verdict, tries, windows.get(facts.ari_id or "") if facts else None, now),
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


def _chosen(paths: Paths, settings: Settings, domain: str | None) -> list[_Entry]:
    entries = _entries(paths, settings)
    if domain is None:
        return entries
    chosen = [entry for entry in entries if entry.domain == domain]
    if not chosen:
        raise RefusedError(
            "this host has neither a site nor a certificate of this name",
            field="domain",
            value=domain,
            there_are=sorted({entry.domain for entry in entries})[:20],
            hint=Hint("cert.status"),
        )
    return chosen


def _answers(entries: list[_Entry], settings: Settings, address: str) -> dict[str, Served]:
    """Return what the proxy serves for each site."""
    # Whether a visitor trusts a self-signed one is no question, and would cost a second handshake.
    own = [entry.domain for entry in entries if entry.site and entry.authority == "selfsigned"]
    others = [entry.domain for entry in entries if entry.site and entry.authority != "selfsigned"]
    visitor = Asker(verify=True, ca_bundle=settings.ca_bundle, address=address)
    return {**visitor.ask(others), **Asker(address=address).ask(own)}


def list_certificates(domain: object, *, paths: Paths | None = None, address: str | None = None) -> dict[str, Any]:
    """Return the result of the module ``cert_info``: the worst first."""
    paths = paths or Paths()
    settings = read_settings(paths)
    entries = _chosen(paths, settings, None if domain is None else forms.domain(domain))
    now = datetime.datetime.now(datetime.timezone.utc)
    client = trust(settings.ca_bundle)
    answers = _answers(entries, settings, address or way_in(len(entries)))
    # One after the other: threads would take longer, since this is Python's own time.
    looked: list[tuple[Reading, Served | None]] = []
    for entry in entries:
        answer = answers.get(entry.domain) if entry.site else None
        looked.append((read_lineage(paths, entry.domain, entry.authority, client=client, answer=answer), answer))
    windows = renewal_windows(
        [reading.facts for reading, _answer in looked if reading.facts],
        cache=paths.letsencrypt / "vsa-ari.json",
        context=trust(settings.ca_bundle, names=True),
        now=now,
    )
    certbot = Certbot(paths)
    views = [
        _view(entry, reading, certbot.attempts(entry.domain), answer, windows, now)
        for entry, (reading, answer) in zip(entries, looked, strict=True)
    ]
    return {
        "changed": False,
        "schema": 1,
        "certificates": sorted(views, key=_rank),
        "renewal": _renewal(paths),
    }
