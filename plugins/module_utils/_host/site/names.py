# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do the names of a site lead to this host, and may the CA issue for them: asked before the CA is.

A validation that fails counts at the CA: after five of them within an hour Let's Encrypt refuses the name.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field

from ..._core.errors import RefusedError, VsaError
from ..._core.hints import Hint
from ..._core.libraries import MissingLibraryError
from ..._core.networks import within
from ..._core.site.manifest import Site
from ..cert.caa import check_caa
from ..machine.disk import disk_errors_refused
from ..machine.resolver import EMPTY, FAILED, FOUND, MISSING, SILENT, Names, Reply
from ..store.layout import Paths
from .challenge import answers_challenge, placed_challenge

__all__ = ("Report", "Validation", "check_names")

_CONNECT_SECONDS = 3.0
_AT_ONCE = 8
_KINDS = ((socket.AF_INET, "A"), (socket.AF_INET6, "AAAA"))
# The answers of a resolver that mean that a name has no address, not that the resolver failed.
_NO_ADDRESS = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


@dataclass(frozen=True)
class Validation:
    """What a CA is about to validate: the names of a certificate, and whether by HTTP or by DNS."""

    authority: str
    names: tuple[str, ...]
    by_dns: bool = False


@dataclass
class Report:
    """What a check found: ``facts`` go into one line, each warning gets its own."""

    facts: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Found:
    """The addresses of a name, each with its kind (A or AAAA).

    * ``problem``: why there is none; ``certain``: DNS says that there is none, so a CA finds none either.
    * ``notes``: what the resolvers of the host say otherwise.
    * ``final``: the authoritative servers said it.
    """

    addresses: tuple[tuple[str, str], ...] = ()
    problem: str | None = None
    certain: bool = False
    notes: tuple[str, ...] = ()
    final: bool = False


@dataclass(frozen=True)
class _Verdict:
    """What a name's addresses mean.

    ``fact``: it leads here. ``problems`` say what is wrong. ``hopeless``: a CA that asks by HTTP must fail.
    """

    fact: str = ""
    problems: tuple[str, ...] = ()
    hopeless: bool = False


def check_names(
    paths: Paths, site: Site, *, validation: Validation | None, strict: bool = True, write: bool = True
) -> Report:
    """Check whether every address of every name of a site leads to this host's proxy.

    ``validation`` is what a CA is about to validate, None if none is asked. Then every problem is a warning. Otherwise
    RefusedError if the CA must fail, because a name has no address, because every address of a name answers and leads
    elsewhere, or because CAA records forbid it. Without ``strict`` these are warnings too. An address of a trusted
    proxy counts as leading here; one at which nobody answers is a warning. Without ``write`` (check mode) no challenge
    may be placed, and the names are only looked up.
    """
    report = Report()
    refusals: list[VsaError] = []
    dns = Names() if validation is not None else None
    by_http = validation is not None and not validation.by_dns
    placed = placed_challenge(paths) if write else nullcontext()
    with disk_errors_refused(), placed as token, ThreadPoolExecutor(_AT_ONCE) as pool:
        verdicts = list(pool.map(lambda name: _verdict(site, name, token, dns), site.names))
    for name, verdict in zip(site.names, verdicts, strict=True):
        if verdict.fact:
            report.facts.append(verdict.fact)
        if verdict.hopeless and strict and by_http:
            refusals.append(_elsewhere_error(name, verdict.problems[0]))
        else:
            report.warnings += verdict.problems
    if validation is not None and dns is not None and not refusals:
        caa = check_caa(paths, dns, validation.names, authority=validation.authority, by_dns=validation.by_dns)
        report.warnings += caa.warnings
        if strict:
            refusals += caa.refusals
        else:
            report.warnings += [error.message for error in caa.refusals]
    if refusals:
        raise _in_one(refusals)
    return report


def _elsewhere_error(name: str, problem: str) -> RefusedError:
    note = "if the CA sees other DNS records than this host"
    return RefusedError(
        problem,
        field="domain",
        value=name,
        expected="addresses of this host: the CA asks there",
        hint=Hint("site.provision", {"dns_check": False}, same=True, note=note),
    )


def _in_one(refusals: Sequence[VsaError]) -> VsaError:
    first, *others = refusals
    first.details = [*first.details, *(error.message for error in others)]
    return first


# -- where a name leads ------------------------------------------------------------------------------------------------


def _verdict(site: Site, name: str, token: str | None, dns: Names | None) -> _Verdict:
    found = _looked_up(name) if dns is None else _resolved(name, dns.resolvers(name), dns)
    verdict = _judged(site, name, token, found)
    if dns is None or not verdict.hopeless or found.final:
        return verdict
    # The resolver of this host may know an old answer. A CA asks the authoritative servers.
    own = _found(name, dns.authoritative(name), final=True)
    if not (own.addresses or own.certain) or own.addresses == found.addresses:
        return verdict
    note = f"{name}: the resolvers of this host {_said(found)}, its own name servers {_said(own)}"
    judged = _judged(site, name, token, own)
    return _Verdict(judged.fact, (*judged.problems, note), hopeless=judged.hopeless)


def _judged(site: Site, name: str, token: str | None, found: _Found) -> _Verdict:
    """Ask the addresses of a name for the challenge, and say what their answers mean."""
    if found.problem is not None:
        return _Verdict(problems=(found.problem, *found.notes), hopeless=found.certain)
    here: list[str] = []
    wrong: list[str] = []
    silent: list[str] = []
    behind = False
    for kind, address in found.addresses:
        text = f"{kind} {address}"
        trusted = within(address, site.trusted_proxies)
        leads = token is None or trusted or _leads_here(address, name, token)
        behind = behind or trusted
        if leads is None:
            silent.append(text)
        else:
            (here if leads else wrong).append(text)
    problems = []
    if wrong:
        problems.append(f"{' and '.join(wrong)} {'do' if len(wrong) > 1 else 'does'} not lead to this host")
    if silent:
        problems.append(f"{' and '.join(silent)} could not be reached from this host, and was not checked")
    if problems:
        return _Verdict(problems=(f"{name}: {'; '.join(problems)}", *found.notes), hopeless=not here and not silent)
    fact = f"{' and '.join(here)} {'lead' if len(here) > 1 else 'leads'} here{', by a trusted proxy' if behind else ''}"
    return _Verdict(fact if name == site.domain else f"{name}: {fact}", found.notes)


def _leads_here(address: str, name: str, token: str) -> bool | None:
    """Say whether an address leads here; None if nobody answers there."""
    return answers_challenge(address, name, token, seconds=_CONNECT_SECONDS)


# -- what DNS says -----------------------------------------------------------------------------------------------------


def _looked_up(name: str) -> _Found:
    """Look a name up as programs of this host do. Without an address ask DNS itself why."""
    addresses = []
    failed = False
    for family, kind in _KINDS:
        try:
            answers = socket.getaddrinfo(name, 80, family, socket.SOCK_STREAM)
        except socket.gaierror as error:
            failed = failed or error.errno not in _NO_ADDRESS
            continue
        except (OSError, UnicodeError):
            failed = True
            continue
        addresses += [(kind, str(answer[4][0])) for answer in answers]
    if addresses:
        return _Found(tuple(dict.fromkeys(addresses)))
    try:
        return _found(name, _best(Names().resolvers(name)))
    except MissingLibraryError:
        # A host of before has no dnspython. No CA is asked, so the reason is a convenience.
        words = "could not be looked up: the resolver of this host fails" if failed else "has no address in DNS"
        return _Found(problem=f"{name} {words}", certain=not failed)


def _resolved(name: str, replies: Mapping[str, Reply], dns: Names) -> _Found:
    """Return what the resolvers of this host say of a name; if they disagree, the authoritative servers decide."""
    said = {(reply.outcome, reply.records) for reply in replies.values() if reply.certain}
    if len(said) < 2:
        return _found(name, _best(replies))
    words = [f"{server} {_said(_found(name, reply))}" for server, reply in replies.items() if reply.certain]
    note = f"the resolvers of this host disagree about {name}: {', '.join(words)}"
    own = dns.authoritative(name)
    if own.certain:
        found = _found(name, own, final=True)
        return _Found(found.addresses, found.problem, found.certain, (note,), final=True)
    known = [record for reply in replies.values() for record in reply.records]
    return _Found(tuple(dict.fromkeys(known)), notes=(note,))


def _best(replies: Mapping[str, Reply]) -> Reply:
    """Return the reply of the resolver that knows the most. A host without a resolver gets no answer."""
    order = (FOUND, EMPTY, MISSING, FAILED)
    known = [reply for reply in replies.values() if reply.outcome in order]
    return min(known, key=lambda reply: order.index(reply.outcome)) if known else Reply(SILENT)


def _found(name: str, reply: Reply, *, final: bool = False) -> _Found:
    if reply.outcome == FOUND:
        return _Found(reply.records, final=final)
    problems = {
        EMPTY: f"{name} has no address in DNS",
        MISSING: f"{name} does not exist in DNS (NXDOMAIN)",
        FAILED: f"{name}: the resolver of this host fails ({reply.code}), so nobody knows where it leads",
    }
    silent = f"{name}: no resolver of this host answers, so nobody knows where it leads"
    return _Found(problem=problems.get(reply.outcome, silent), certain=reply.certain, final=final)


def _said(found: _Found) -> str:
    if found.addresses:
        return f"say {' and '.join(f'{kind} {address}' for kind, address in found.addresses)}"
    return "say NXDOMAIN" if found.problem and "NXDOMAIN" in found.problem else "know no address"
