# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate revoked at its CA: never one that a site serves, unless another takes its place first.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..._core import forms
from ..._core.cert.certbot_output import read_failure
from ..._core.cert.status import Facts
from ..._core.errors import NotRolledBackError, RefusedError, RolledBackError
from ..._core.hints import Hint
from ..machine.docker import Engine
from ..machine.lock import host_lock
from ..store.certificates import read_pair
from ..store.generations import Generations
from ..store.layout import Paths
from ..store.manifests import read_manifests
from ..store.settings import read_settings
from .certbot import SCRIPTS, Certbot
from .chain import lineage_names, remove_lineage
from .issue import bring_certificate

__all__ = ("REASONS", "revoke_certificate")

# Those of RFC 5280 that certbot knows.
REASONS = ("unspecified", "keycompromise", "affiliationchanged", "superseded", "cessationofoperation")


def _facts(paths: Paths, domain: str) -> Facts:
    there = lineage_names(paths)
    if domain not in there["letsencrypt"]:
        own = domain in there["selfsigned"]
        raise RefusedError(
            "a self-signed certificate has nobody to revoke it" if own else "this host has no certificate of this name",
            field="domain",
            value=domain,
            there_are=[] if own else sorted(there["letsencrypt"])[:20],
            hint=Hint("cert.issue", {"domain": domain, "force": True}) if own else Hint("cert.status"),
        )
    reading = read_pair(paths, domain, "letsencrypt")
    facts = reading.facts
    if facts is None or facts.pair_problem or facts.server is None or not Certbot(paths).usable(domain):
        problem = reading.unreadable or (facts and facts.pair_problem) or "parts of its lineage are gone"
        raise RefusedError(
            f"it cannot be revoked from here: {problem}",
            field="domain",
            value=domain,
            expected="a whole lineage with its key",
            hint=Hint("cert.issue", {"domain": domain}),
        )
    return facts


def _refuse_in_use(paths: Paths, domain: str) -> None:
    live = Generations(paths)
    if domain in read_manifests(paths) or domain in live.read(live.live_number()).domains:
        raise RefusedError(
            f"the site {domain} serves it",
            field="domain",
            value=domain,
            hint=(
                Hint("cert.revoke", {"domain": domain, "replace": True}),
                Hint("site.unprovision", {"domain": domain, "keep_cert": True}),
            ),
        )


def _in_archive(paths: Paths, domain: str, name: str) -> str:
    """Return where the present version of a lineage's file lies, below certbot's state."""
    link = paths.letsencrypt / "live" / domain / f"{name}.pem"
    target = Path(os.path.normpath(link.parent / os.readlink(link)))
    return str(target.relative_to(paths.letsencrypt))


def revoke_certificate(
    options: Mapping[str, Any], *, check: bool, paths: Paths | None = None, engine: Engine | None = None
) -> dict[str, Any]:
    """Return the result of the module ``cert`` for the action ``revoke``.

    With ``replace`` another one is brought first and seen served; without, a certificate in use is refused, and the
    lineage goes with the certificate. The certificate's own key signs the request, so a lost account does not matter.
    """
    paths = paths or Paths()
    domain, reason = forms.domain(options["domain"]), options["reason"]
    facts = _facts(paths, domain)
    if not options["replace"]:
        _refuse_in_use(paths, domain)
    words = f"{facts.issuer}, {reason}"
    if check:
        return _result("would_change", f"would be revoked: {words}")
    certificate, key = (_in_archive(paths, domain, name) for name in ("cert", "privkey"))
    steps = []
    if options["replace"]:
        replaced = bring_certificate({**options, "force": True}, check=False, paths=paths, engine=engine)
        steps = replaced["steps"]
    certbot = Certbot(paths, engine=engine)
    certbot.trust(read_settings(paths).ca_bundle)
    done = certbot.revoke(certificate, key=key, server=facts.server or "", reason=reason)
    if done.code:
        problem = read_failure(done.output, code=done.code)
        again = (
            f"docker exec vsa-certbot /bin/sh {SCRIPTS}/certbot.sh revoke --non-interactive --no-delete-after-revoke "
            f"--server {facts.server} --cert-path /etc/letsencrypt/{certificate} --key-path /etc/letsencrypt/{key} "
            f"--reason {reason}"
        )
        kind = NotRolledBackError if steps else RolledBackError
        raise kind(
            f"the CA did not revoke it: {problem.message}",
            field="domain",
            value=domain,
            state="a new certificate is served, the old one is still valid" if steps else "nothing was changed",
            hint=again if steps else Hint("cert.revoke", {"domain": domain, "reason": reason}),
            details=list(problem.details),
        )
    if not steps:
        with host_lock(paths.certbot_lock):
            removed = remove_lineage(paths, domain)
        return _result("changed", f"revoked: {words}; the lineage was removed", notes=removed)
    return _result("changed", f"the one of before was revoked: {words}", before=steps)


def _result(
    state: str, text: str, *, notes: list[str] | None = None, before: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    step = {"name": "revocation", "state": state, "text": text, "notes": notes or []}
    return {"changed": True, "schema": 1, "steps": [*(before or ()), step]}
