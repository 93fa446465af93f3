# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Revoke a certificate at its CA: never one that a site uses, unless a new one replaces it first.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

from ..._core import forms
from ..._core.cert.certbot_output import Problem, already_revoked, read_failure
from ..._core.cert.options import REVOCATION_REASONS
from ..._core.cert.status import Facts
from ..._core.errors import NOTHING_CHANGED, NotRolledBackError, RefusedError, RolledBackError, VsaError
from ..._core.forms import LETSENCRYPT
from ..._core.hints import Hint
from ..._core.nearest import there_are
from ..._core.result import CHANGED, WOULD_CHANGE, Result, Step
from ..machine.disk import disk_errors_refused, disk_errors_told
from ..machine.docker import Engine
from ..store.certificates import read_pair
from ..store.host import Host
from ..store.layout import Paths
from ..store.lineages import certbot_lock, lineage_remains, read_lineages, remove_lineage
from .certbot import SCRIPTS, Certbot
from .issue import ensure_certificate
from .wanted import IssueRequest

__all__ = ("RevokeRequest", "revoke_certificate")


@dataclass(frozen=True)
class RevokeRequest:
    """What the operator asks for with ``vsa cert revoke``.

    * ``reason``: one of REVOCATION_REASONS.
    * ``replacement``: a certificate to issue first, for a site that stays; None removes the lineage.
    """

    domain: object
    reason: str = REVOCATION_REASONS[0]
    replacement: IssueRequest | None = None


@dataclass(frozen=True)
class _Revocation:
    """What certbot needs to revoke a certificate: two files below /etc/letsencrypt, the CA and the reason."""

    domain: str
    facts: Facts
    certificate: str
    key: str
    reason: str

    @property
    def text(self) -> str:
        """Return issuer and reason for a step."""
        return f"{self.facts.issuer}, {self.reason}"

    @property
    def command(self) -> str:
        """Return the command with which an operator can do the same on the host."""
        return (
            f"docker exec vsa-certbot /bin/sh {SCRIPTS}/certbot.sh revoke --non-interactive --no-delete-after-revoke "
            f"--server {self.facts.server} --cert-path /etc/letsencrypt/{self.certificate} "
            f"--key-path /etc/letsencrypt/{self.key} --reason {self.reason}"
        )


def revoke_certificate(host: Host, request: RevokeRequest, *, check: bool, engine: Engine | None = None) -> Result:
    """Revoke a certificate; without a replacement its lineage is removed too.

    RefusedError if a site uses the certificate and there is no replacement. The certificate's own key signs the request
    to the CA, so a lost ACME account does not matter.
    """
    domain = forms.domain(request.domain)
    facts = _revocable(host.paths, domain)
    if request.replacement is None:
        _refuse_in_use(host, domain)
    # Found before a replacement moves the links to the new files.
    revocation = _Revocation(
        domain=domain,
        facts=facts,
        certificate=_in_archive(host.paths, domain, "cert"),
        key=_in_archive(host.paths, domain, "privkey"),
        reason=request.reason,
    )
    if check:
        return _result(WOULD_CHANGE, f"would be revoked: {revocation.text}")
    replaced: tuple[Step, ...] = ()
    if request.replacement is not None:
        # By force: the present certificate may well be good.
        issue = dataclasses.replace(request.replacement, force=True)
        replaced = ensure_certificate(host, issue, check=False, engine=engine).steps
    certbot = Certbot(host.paths, engine=engine)
    told = disk_errors_refused()
    if replaced:
        told = disk_errors_told("a new certificate is in place, the previous one is still valid")
    with told:
        certbot.trust(host.settings.ca_bundle)
    done = certbot.revoke(
        revocation.certificate, key=revocation.key, server=facts.server or "", reason=revocation.reason
    )
    # A run before this one may have revoked it, and then failed to remove the lineage.
    if done.code and not already_revoked(done.output):
        raise _failure(revocation, read_failure(done.output, code=done.code), replaced=bool(replaced))
    if replaced:
        return _result(CHANGED, f"the previous certificate was revoked: {revocation.text}", before=replaced)
    with certbot_lock(host.paths), disk_errors_told(lambda: _half_removed(host.paths, domain)):
        removed = remove_lineage(host.paths, domain)
    return _result(CHANGED, f"revoked: {revocation.text}; the lineage was removed", notes=removed)


def _half_removed(paths: Paths, domain: str) -> str:
    left = ", ".join(lineage_remains(paths, domain))
    return f"the CA has revoked it; what is left of its lineage: {left or 'nothing'}"


def _revocable(paths: Paths, domain: str) -> Facts:
    """Return the facts of a certificate that can be revoked. RefusedError if it is missing, self-signed or damaged."""
    lineages = read_lineages(paths)
    if domain not in lineages.acme and domain in lineages.selfsigned:
        raise RefusedError(
            "no CA issued this self-signed certificate, so nobody can revoke it",
            field="domain",
            value=domain,
            hint=Hint("cert.issue", {"domain": domain, "force": True}),
        )
    if domain not in lineages.acme:
        raise RefusedError(
            "this host has no certificate of this name",
            field="domain",
            value=domain,
            there_are=there_are(domain, lineages.acme),
            hint=Hint("cert.status"),
        )
    reading = read_pair(paths, domain, LETSENCRYPT)
    facts = reading.facts
    if facts is None or facts.pair_problem or facts.server is None or not Certbot(paths).usable(domain):
        problem = reading.unreadable or (facts and facts.pair_problem) or "parts of its lineage are missing"
        raise RefusedError(
            f"it cannot be revoked from this host: {problem}",
            field="domain",
            value=domain,
            expected="a complete lineage with its key",
            hint=(
                Hint("cert.issue", {"domain": domain}),
                Hint("site.unprovision", {"domain": domain}, note="to remove what is left of a revoked lineage"),
            ),
        )
    return facts


def _refuse_in_use(host: Host, domain: str) -> None:
    if domain in host.manifests or domain in host.live.domains:
        raise RefusedError(
            f"the site {domain} uses this certificate",
            field="domain",
            value=domain,
            hint=(
                Hint("cert.revoke", {"domain": domain, "replace": True}),
                Hint("site.unprovision", {"domain": domain, "keep_cert": True}),
            ),
        )


def _in_archive(paths: Paths, domain: str, name: str) -> str:
    """Return the path of the present version of a lineage's file, relative to /etc/letsencrypt."""
    link = paths.letsencrypt / "live" / domain / f"{name}.pem"
    target = Path(os.path.normpath(link.parent / os.readlink(link)))
    return str(target.relative_to(paths.letsencrypt))


def _failure(revocation: _Revocation, problem: Problem, *, replaced: bool) -> VsaError:
    """Return the error for a revocation that failed. After a replacement the host is not as it was before."""
    message = f"the CA did not revoke it: {problem.message}"
    details = list(problem.details)
    if replaced:
        return NotRolledBackError(
            message,
            field="domain",
            value=revocation.domain,
            state="a new certificate is served, the previous one is still valid",
            hint=revocation.command,
            details=details,
        )
    return RolledBackError(
        message,
        field="domain",
        value=revocation.domain,
        state=NOTHING_CHANGED,
        hint=Hint("cert.revoke", {"domain": revocation.domain, "reason": revocation.reason}),
        details=details,
    )


def _result(state: str, text: str, *, notes: list[str] | None = None, before: tuple[Step, ...] = ()) -> Result:
    return Result(changed=True, steps=(*before, Step("revocation", state, text, tuple(notes or ()))))
