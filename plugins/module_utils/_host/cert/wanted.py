# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificate a site is to have, how one is said to the operator, and who may read it.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..._core import forms
from ..._core.cert.options import CertNote, certificate_name, dns_plugin, needed_names
from ..._core.cert.status import Facts, authority_label, judge, rfc3339, time_left
from ..._core.contradictions import refuse_said_and_unset
from ..._core.errors import RefusedError
from ..._core.settings import Settings
from ..._core.site.manifest import parse
from ..store.cert_options import read_note
from ..store.certificates import certificate_directory
from ..store.layout import Paths
from ..store.manifests import read_manifest
from ..store.settings import read_settings

__all__ = (
    "KEYS_GROUP",
    "Wanted",
    "certificate_result",
    "certificate_view",
    "issued_words",
    "refuse_missing_credentials",
    "set_rights_of",
    "time_now",
    "trust_notes",
    "wanted_certificate",
    "wrong_rights",
)

KEYS_GROUP = 101


@dataclass(frozen=True)
class Wanted:
    """A certificate as it should be: ``names`` (the domain first), and ``dns`` where DNS answers the challenges."""

    names: tuple[str, ...]
    authority: str
    email: str | None = None
    ca_bundle: str | None = None
    note: CertNote = field(default_factory=CertNote)
    dns: str | None = None
    dns_wait: int | None = None

    @property
    def domain(self) -> str:
        """Return the site's own name, which is the lineage's."""
        return self.names[0]


def time_now() -> datetime.datetime:
    """Return the present moment."""
    return datetime.datetime.now(datetime.timezone.utc)


def _note(options: Mapping[str, Any], paths: Paths, domain: str) -> CertNote:
    """Return what is known beyond the manifest, after the words of this run."""
    known = read_note(paths, domain)
    unset = tuple(options.get("unset") or ())
    refuse_said_and_unset({name: options.get(name) or None for name in unset}, unset)
    san, plugin = options.get("san"), options.get("dns")
    names = known.san if san is None else [certificate_name(name, field=f"san/{at}") for at, name in enumerate(san)]
    return CertNote(
        san=() if "san" in unset else tuple(dict.fromkeys(name for name in names if name != domain)),
        dns=None if "dns" in unset else known.dns if plugin is None else dns_plugin(plugin, field="dns"),
    )


def _plugin(names: tuple[str, ...], note: CertNote, settings: Settings, *, authority: str) -> str | None:
    """Return the plugin that answers the challenges by DNS, or None for HTTP."""
    if authority == "selfsigned":
        return None
    return note.dns or (settings.dns_plugin if any(name.startswith("*.") for name in names) else None)


def _seconds(duration: str | None) -> int | None:
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    return None if duration is None else int(duration[:-1]) * units[duration[-1]]


def wanted_certificate(options: Mapping[str, Any], paths: Paths) -> Wanted:
    """Return the certificate that the words of a task, the note, the manifest and the host's settings ask for."""
    domain = forms.domain(options["domain"])
    settings = read_settings(paths)
    manifest: Mapping[str, Any] = read_manifest(paths, domain) or {}
    said = options["names"] or (parse(manifest).names if manifest else (domain,))
    names = tuple(dict.fromkeys(forms.domain(name, field=f"names/{number}") for number, name in enumerate(said)))
    if domain not in names:
        raise RefusedError("the names of a certificate include the domain", field="names", value=", ".join(names))
    note = _note(options, paths, domain)
    above = f"*.{domain.partition('.')[2]}"
    if above in note.san:
        raise RefusedError(
            "this wildcard covers the domain itself, and a CA takes only one of the two",
            field="san",
            value=above,
            expected=f"a certificate of its own: --domain {above[2:]} --san '{above}'",
        )
    email = options["email"] or manifest.get("email") or settings.email
    authority = forms.ca(options["ca"] or manifest.get("ca") or settings.ca)
    needed = needed_names(domain, names, note)
    return Wanted(
        names=needed,
        authority=authority,
        email=None if email is None else forms.email(email),
        ca_bundle=settings.ca_bundle,
        note=note,
        dns=_plugin(needed, note, settings, authority=authority),
        dns_wait=_seconds(settings.dns_propagation),
    )


def refuse_missing_credentials(paths: Paths, wanted: Wanted) -> None:
    """Raise RefusedError where the challenges could not be answered: before a CA is asked, not while all is well."""
    wildcards = [name for name in wanted.names if name.startswith("*.")]
    how = "docs/howto/wildcards.md"
    if wildcards and wanted.dns is None and wanted.authority != "selfsigned":
        raise RefusedError(
            "a wildcard is validated by DNS alone, and no DNS plugin is configured",
            field="san",
            value=wildcards[0],
            expected="dns_plugin in the host's settings, or --dns",
            hint=how,
        )
    if wanted.dns is None:
        return
    path = paths.dns / f"{wanted.dns}.ini"
    problem = f"there are no credentials for the DNS plugin {wanted.dns}"
    if path.is_file():
        state = path.stat()
        if state.st_uid == 0 and not state.st_mode & 0o077:
            return
        problem = f"others than root may read the credentials in {path}: mode {state.st_mode & 0o7777:04o}"
        how = f"chown root: {path} && chmod 600 {path}"
    raise RefusedError(problem, field="dns", value=wanted.dns, expected=f"{path}, of root, mode 0600", hint=how)


def certificate_view(wanted: Wanted, facts: Facts | None) -> dict[str, Any]:
    """Return a certificate as results show it."""
    verdict = judge(facts, names=wanted.names, now=time_now())
    return {
        "domain": wanted.domain,
        "names": list(facts.names) if facts else [],
        "ca": wanted.authority,
        "issuer": facts.issuer if facts else None,
        "state": verdict.state,
        "problem": verdict.problem,
        "not_after": rfc3339(facts.not_after) if facts else None,
        "seconds_left": verdict.seconds_left,
        "fraction_left": verdict.fraction_left,
        "fingerprint": facts.fingerprint if facts else None,
    }


def certificate_result(wanted: Wanted, facts: Facts | None, state: str, text: str, notes: list[str]) -> dict[str, Any]:
    """Return the result of a task about one certificate, with its one step."""
    return {
        "changed": state in ("changed", "would_change"),
        "schema": 1,
        "certificate": certificate_view(wanted, facts),
        "steps": [{"name": "certificate", "state": state, "text": text, "notes": notes}],
    }


def issued_words(wanted: Wanted, facts: Facts) -> str:
    """Return what was issued, in words."""
    issuer = authority_label(wanted.authority, facts.issuer)
    return f"issued by {issuer}, {facts.key}, {time_left(round(facts.lifetime.total_seconds())).replace(' d', ' days')}"


def trust_notes(wanted: Wanted, facts: Facts) -> list[str]:
    """Return what an operator should know of who trusts a certificate."""
    if facts.chain_problem and wanted.authority == "staging":
        return ["a staging certificate: browsers will not trust it"]
    if wanted.authority == "selfsigned":
        return ["self-signed: browsers will not trust it"]
    return [facts.chain_problem] if facts.chain_problem else []


def wrong_rights(paths: Paths, wanted: Wanted) -> list[tuple[Path, int]]:
    """Return what has not the owner or mode with which NGINX's workers, and nobody else, can read the pair."""
    directory = certificate_directory(paths, wanted.domain, wanted.authority)
    top = paths.selfsigned if wanted.authority == "selfsigned" else paths.letsencrypt
    targets = {top: 0o750, directory.parent: 0o750, directory: 0o750}
    for name, mode in (("fullchain.pem", 0o644), ("privkey.pem", 0o640)):
        file = (directory / name).resolve()
        # A restored link that leads out of the tree is left alone: NGINX could not follow it either.
        if top.resolve() in file.parents and file.exists():
            targets[file] = mode
            targets.update({parent: 0o750 for parent in file.parents if top.resolve() in parent.parents})
    return [
        (target, mode)
        for target, mode in targets.items()
        if ((found := target.stat()).st_uid, found.st_gid, found.st_mode & 0o7777) != (0, KEYS_GROUP, mode)
    ]


def set_rights_of(paths: Paths, wanted: Wanted) -> bool:
    """Let NGINX's workers read the pair, and nobody else the key. Returns whether something was changed."""
    wrong = wrong_rights(paths, wanted)
    for target, mode in wrong:
        os.chown(target, 0, KEYS_GROUP)
        os.chmod(target, mode)
    return bool(wrong)
