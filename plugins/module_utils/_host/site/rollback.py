# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``vsa site rollback``: give one site the manifest that it had in an earlier generation, in one transaction.

All other sites stay as they are, whatever changed since. The site's NGINX file is rendered from the manifest with the
present templates and settings, so it fits the main file that all sites share.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from ..._core.errors import RefusedError, VsaError
from ..._core.hints import Hint
from ..._core.proxy.plan import manifest_file
from ..._core.result import OK, WARNING, Result, Step, joined
from ..._core.run_context import RunContext
from ..._core.site.manifest import Site, refuse_double_names
from ..machine.docker import Engine
from ..proxy.doors import refuse_new_doors
from ..proxy.module import VhostRequest
from ..proxy.module import run as change_proxy
from ..proxy.transaction import Proxy
from ..proxy.values import Change
from ..store.generations import Record
from ..store.host import Host, no_proxy, read_host
from ..store.layout import Paths
from .certificates import add_steps, ensure_before_switch, issue_request
from .names import Report
from .preflight import MOST_LISTED, check_containers, preflight_step, refuse_stopped_proxy

__all__ = ("RollbackRequest", "roll_back_site")

_STAYS = "users, containers, data and certificates are as they are now: a rollback does not change them"


@dataclass(frozen=True)
class RollbackRequest:
    """What ``vsa site rollback`` asks for.

    * ``generation``: its number; None means the last one in which the site was another than now.
    * ``force``: keep the change if the site answered before and does not afterwards.
    * ``templates``: the text of each template and page of the role ``vhost``.
    """

    run: RunContext
    domain: str
    templates: Mapping[str, str]
    generation: int | None = None
    force: bool = False


def roll_back_site(
    request: RollbackRequest,
    *,
    check: bool,
    diff: bool,
    paths: Paths | None = None,
    engine: Engine | None = None,
    proxy: Proxy | None = None,
) -> Result:
    """Bring one site back to an earlier generation, or return what would change if ``check``.

    RefusedError if no kept generation has the site otherwise than now, if the generation is none of those, or if the
    host lacks what the site needed then. The error lists the generations in which the site is another.
    """
    paths = paths or Paths()
    if not paths.nginx.is_dir():
        raise no_proxy()
    engine = engine or Engine()
    proxy = proxy or Proxy(engine, paths)
    if not check:
        proxy.end_cut_off(request.run)
    host = read_host(paths)
    record, text = _Versions(host, request.domain).chosen(request.generation)
    site = host.parse(request.domain, text)
    step, answering = _preflight(host, engine, proxy, site)
    done = Result(
        steps=(_target_step(host, record, site, text), step),
        data={"audit_id": request.run.audit_id, "rolled_back_to": record.number},
    )
    vhost = VhostRequest(
        run=request.run,
        templates=request.templates,
        change=Change(site.domain, text=text),
        answering=answering,
        force=request.force,
    )
    plan = functools.partial(change_proxy, vhost, check=True, diff=False, proxy=proxy, host=host)
    try:
        certificate = issue_request(site, host.settings, names_checked=False)
        done = joined(done, ensure_before_switch(host, certificate, plan, check=check))
        return joined(done, change_proxy(vhost, check=check, diff=diff, proxy=proxy, host=host))
    except VsaError as error:
        add_steps(error, done)
        raise


class _Versions:
    """The versions of one site in the generations before the live one."""

    def __init__(self, host: Host, domain: str) -> None:
        self._host = host
        self._domain = domain
        versions = host.generations.versions(domain)
        self._now = versions.get(host.number)
        self._earlier = {number: version for number, version in versions.items() if number < host.number}
        if self._now is None and not any(self._earlier.values()):
            raise host.no_such_site(domain)

    def chosen(self, generation: int | None) -> tuple[Record, str]:
        """Return the record of the generation to go back to, and the text of the site's manifest in it."""
        number = self._last_other() if generation is None else generation
        if number not in self._earlier:
            raise self._refusal("there is no such earlier generation", number)
        if self._earlier[number] is None:
            hint = None if self._now is None else Hint("site.unprovision", {"domain": self._domain})
            raise self._refusal(f"generation {number} does not have {self._domain}", number, hint=hint)
        record = self._host.generations.record(number)
        name = manifest_file(self._domain)
        text = self._host.generations.text(record, name) if record else None
        if record is None or text is None or self._host.generations.verify(number, record.files, names=[name]):
            raise self._refusal(f"the manifest of {self._domain} in generation {number} was edited by hand", number)
        return record, text

    def _last_other(self) -> int:
        others = [number for number, version in self._earlier.items() if version != self._now]
        if not others:
            raise self._refusal(f"no kept generation has {self._domain} otherwise than now", "the one before")
        return others[-1]

    def _refusal(self, message: str, value: object, *, hint: Hint | None = None) -> RefusedError:
        return RefusedError(
            message, field="generation", value=value, there_are=self._others(), hint=hint or Hint("vhost.history")
        )

    def _others(self) -> list[str]:
        """Return a line for each version of the site that is not the present one, the latest first."""
        lines: list[str] = []
        later = self._now
        for number in sorted(self._earlier, reverse=True):
            version = self._earlier[number]
            if version not in (None, self._now, later) and len(lines) < MOST_LISTED:
                lines.append(self._line(number))
            later = version
        return lines

    def _line(self, number: int) -> str:
        record = self._host.generations.record(number)
        change = record.sites.get(self._domain, {}).get("last_change") if record else None
        if not change:
            return str(number)
        return f"{number} ({change['verb']} by {change['actor']}, {change['time']})"


def _preflight(host: Host, engine: Engine, proxy: Proxy, site: Site) -> tuple[Step, bool]:
    """Check names and containers, and say whether the containers answer.

    A container that is there and does not answer is a warning: the operator wants the site back as it was. So is any
    problem of a container if the site was closed for maintenance.
    """
    refuse_stopped_proxy(proxy.nginx)
    others = {domain: entry for domain, entry in host.index.items() if domain != site.domain}
    refuse_double_names(site, {name: domain for domain, entry in others.items() for name in entry["names"]})
    refuse_new_doors(host, (site,))
    try:
        return preflight_step(check_containers(engine, host.paths, site), Report()), True
    except RefusedError as error:
        if error.field != "port" and not site.maintenance:
            raise
        return Step("preflight", WARNING, error.message), False


def _target_step(host: Host, record: Record, site: Site, text: str) -> Step:
    """Return the step that says what the site goes back to, and what a rollback leaves alone."""
    change = record.sites.get(site.domain, {}).get("last_change") or {}
    made = f", made by {change['verb']} of {change['actor']}, {change['time']}" if change else ""
    notes = [_STAYS]
    if host.record is not None and host.record.inputs != record.inputs:
        notes.append("templates or settings changed since then: its NGINX file is made with the present ones")
    live = host.live.files.get(manifest_file(site.domain))
    if host.manifests.get(site.domain) not in (None, live, text):
        notes.append(f"sites/{site.domain}.yml was edited by hand: the edit is replaced")
    return Step("version", OK, f"as in generation {record.number}{made}", tuple(notes))
