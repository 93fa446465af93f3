# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask DNS for names with dnspython: each resolver of the host by itself, and the authoritative servers of a name.

``getaddrinfo`` cannot tell a name that does not exist from a resolver that fails. It also reads /etc/hosts, which no CA
knows. Note that this module is **private** to the collection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..._core.libraries import library

__all__ = ("EMPTY", "FAILED", "FOUND", "MISSING", "SILENT", "Names", "Reply")

FOUND = "found"
EMPTY = "empty"
MISSING = "missing"
FAILED = "failed"
SILENT = "silent"

_SECONDS = 2.0
_AUTHORITATIVE_SECONDS = 6.0
_MOST_SERVERS = 4
_MOST_ALIASES = 8
_KINDS = ("A", "AAAA")


@dataclass(frozen=True)
class Reply:
    """What one or several servers say of a name.

    * ``outcome``: FOUND; EMPTY (the name has no such record); MISSING (NXDOMAIN); FAILED (SERVFAIL or another refusal,
      ``code``); SILENT (no answer in time).
    * ``records``: kind and text of each record, sorted. ``alias``: where a CNAME leads that no record follows.
    * ``final``: an authoritative server said it.
    """

    outcome: str
    records: tuple[tuple[str, str], ...] = ()
    code: str = ""
    alias: str = ""
    final: bool = False

    @property
    def certain(self) -> bool:
        """Say whether the server knew about the name."""
        return self.outcome in (FOUND, EMPTY, MISSING)


class Names:
    """Asks for names. MissingLibraryError if the host has no dnspython.

    ``servers`` are the addresses of resolvers, None for those of /etc/resolv.conf.
    """

    def __init__(self, servers: Sequence[str] | None = None, *, port: int = 53, seconds: float = _SECONDS) -> None:
        with library("dns"):
            import dns.exception
            import dns.flags
            import dns.message
            import dns.query
            import dns.rcode
            import dns.rdatatype
            import dns.resolver
        self._dns = dns
        self._port = port
        self._seconds = seconds
        self.servers = tuple(servers) if servers is not None else self._configured()

    def _configured(self) -> tuple[str, ...]:
        try:
            found = self._dns.resolver.Resolver().nameservers
        except (self._dns.exception.DNSException, OSError):
            return ()
        return tuple(str(server) for server in found)[:_MOST_SERVERS]

    # -- the resolvers of the host -------------------------------------------------------------------------------------

    def resolvers(self, name: str) -> dict[str, Reply]:
        """Return what each resolver of the host says about the addresses of a name."""
        return self._each(self.servers, lambda server: self._addresses(name, server, recursive=True))

    def records(self, name: str, kind: str) -> Reply:
        """Return the records of one kind, as the first resolver has them that knows about the name."""
        reply = Reply(SILENT)
        for server in self.servers:
            found = self._ask(name, kind, server, recursive=True)
            if found.certain:
                return found
            if reply.outcome == SILENT:
                reply = found
        return reply

    # -- the authoritative servers -------------------------------------------------------------------------------------

    def authoritative(self, name: str) -> Reply:
        """Return what the authoritative servers of a name say about its addresses; SILENT if none can be asked.

        A CA asks these servers. A CNAME is followed to the servers of its target.
        """
        deadline = time.monotonic() + _AUTHORITATIVE_SECONDS
        for _number in range(_MOST_ALIASES):
            servers = self._servers_of(name, deadline)
            replies = self._each(servers, partial(self._addresses, name, recursive=False))
            known = [reply for reply in replies.values() if reply.certain and reply.final]
            if not known or time.monotonic() > deadline:
                return Reply(SILENT)
            best = min(known, key=lambda reply: (FOUND, EMPTY, MISSING).index(reply.outcome))
            if best.outcome == FOUND or not best.alias:
                return best
            name = best.alias
        return Reply(SILENT)

    def _servers_of(self, name: str, deadline: float) -> list[str]:
        """Return addresses of the authoritative servers of the zone that a name is in."""
        labels = name.rstrip(".").split(".")
        for number in range(len(labels)):
            if time.monotonic() > deadline:
                return []
            found = self.records(".".join(labels[number:]), "NS")
            hosts = [text.rstrip(".") for kind, text in found.records if kind == "NS"]
            if hosts:
                return self._addresses_of(hosts[:_MOST_SERVERS])
        return []

    def _addresses_of(self, hosts: Sequence[str]) -> list[str]:
        """Return addresses of name servers, those of IPv4 first. A server without one is asked by IPv6."""
        found = []
        for family in _KINDS:
            replies = self._each(hosts, partial(self.records, kind=family))
            found += [text for reply in replies.values() for kind, text in reply.records if kind == family]
            if found:
                break
        return found[:_MOST_SERVERS]

    # -- one server ----------------------------------------------------------------------------------------------------

    @staticmethod
    def _each(of: Sequence[str], call: Callable[[str], Reply]) -> dict[str, Reply]:
        if not of:
            return {}
        with ThreadPoolExecutor(max_workers=len(of)) as pool:
            return dict(zip(of, pool.map(call, of), strict=True))

    def _addresses(self, name: str, server: str, *, recursive: bool) -> Reply:
        """Return what a server says about both families of addresses together."""
        replies = [self._ask(name, kind, server, recursive=recursive) for kind in _KINDS]
        records = tuple(record for reply in replies for record in reply.records)
        if records:
            return Reply(FOUND, records, final=all(reply.final for reply in replies))
        order = (MISSING, EMPTY, FAILED, SILENT)
        # A server may answer for one family only. If one question failed, nobody knows that there is no address.
        return max(replies, key=lambda reply: order.index(reply.outcome))

    def _ask(self, name: str, kind: str, server: str, *, recursive: bool) -> Reply:
        dns = self._dns
        try:
            query = dns.message.make_query(name, kind)
            if not recursive:
                query.flags &= ~dns.flags.RD
            answer, _tcp = dns.query.udp_with_fallback(query, server, timeout=self._seconds, port=self._port)
        except dns.exception.Timeout:
            return Reply(SILENT)
        except (dns.exception.DNSException, OSError, ValueError) as error:
            return Reply(FAILED, code=type(error).__name__)
        return self._reply(answer, kind)

    def _reply(self, answer: Any, kind: str) -> Reply:
        dns = self._dns
        final = bool(answer.flags & dns.flags.AA)
        code = answer.rcode()
        if code == dns.rcode.NXDOMAIN:
            return Reply(MISSING, code="NXDOMAIN", final=final)
        if code != dns.rcode.NOERROR:
            return Reply(FAILED, code=dns.rcode.to_text(code))
        records = []
        alias = ""
        asked = answer.question[0].name if answer.question else None
        for entry in answer.answer:
            found = dns.rdatatype.to_text(entry.rdtype)
            # The name servers of the target of a CNAME are not those of the name.
            if found == kind and (kind != "NS" or entry.name == asked):
                records += [(kind, item.to_text()) for item in entry]
            elif found == "CNAME":
                alias = next(iter(entry)).target.to_text().rstrip(".")
        if records:
            return Reply(FOUND, tuple(sorted(records)), final=final)
        return Reply(EMPTY, alias=alias, final=final)
