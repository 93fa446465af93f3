# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first half of the transaction: write a plan as a new generation and let NGINX test it. Nothing live is touched.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ..._core.errors import InternalError, RefusedError
from ..._core.hints import Hint
from ..._core.proxy.plan import GENERATION, MAIN, Plan, culprit_line, site_of
from ..._core.run_context import RunContext
from ..._core.times import rfc3339
from ..machine.clock import time_now
from ..store.access_logs import log_names, remove_logs
from ..store.generations import Generations, Record
from ..store.layout import CONTAINER_NGINX, Paths

if TYPE_CHECKING:
    from .nginx import ConfigTest
    from .protocols import ProxyNginx

__all__ = ("NginxRefusedError", "Staging")

# Each site that is tested by itself costs a run of nginx -t. With more changed sites than these the message of the
# first test has to do.
_MOST_PROBES = 50
_PROBE = "probe.conf"

_Index = Mapping[str, Mapping[str, Any]]


class NginxRefusedError(RefusedError):
    """NGINX refuses a generation. ``domain`` is the site that is to blame, None if unknown; ``output`` the message."""

    def __init__(self, message: str, *, domain: str | None, output: str, **named: Any) -> None:
        super().__init__(message, **named)
        self.domain = domain
        self.output = output


class Staging:
    """Stages and tests plans on one host."""

    def __init__(
        self, paths: Paths, nginx: ProxyNginx, generations: Generations, on_step: Callable[[str], None]
    ) -> None:
        self._paths = paths
        self._nginx = nginx
        self._generations = generations
        self._on_step = on_step

    def stage(
        self,
        plan: Plan,
        sites: _Index,
        *,
        run: RunContext,
        answering: list[str],
        meanwhile: Callable[[], None] = lambda: None,
        whole: bool = True,
    ) -> int:
        """Write and test a plan, and return the number of its generation. If that fails, nothing of it remains.

        * ``sites``: the index of the sites for generation.json.
        * ``meanwhile`` is called while NGINX tests; it may refuse the plan.
        * ``whole``: test all sites. Otherwise test only the changed ones. That is enough if NGINX runs: it reads all
          of them at the reload before it uses any.

        NginxRefusedError names the site that NGINX refuses, and the line.
        """
        whole = whole or _main_is_new(plan) or self._nginx.master() is None
        number = self._generations.next_number()
        logs_before = log_names(self._paths)
        self._on_step("stage")
        try:
            self._generations.open(number)
            hashes = self._write_and_test(number, plan, meanwhile, whole=whole)
            self._on_step("finish")
            record = self._record(number, plan, sites, run, files=hashes, answering=answering, whole=whole)
            new_logs = sorted(log_names(self._paths) - logs_before)
            self._generations.finish(dataclasses.replace(record, logs=new_logs))
        except BaseException:
            self._generations.discard(number)
            remove_logs(self._paths, log_names(self._paths) - logs_before)
            raise
        return number

    def _record(
        self,
        number: int,
        plan: Plan,
        sites: _Index,
        run: RunContext,
        *,
        files: dict[str, str],
        answering: list[str],
        whole: bool,
    ) -> Record:
        """Return the record of a generation; ``files`` are the hashes of its files."""
        now = rfc3339(time_now())
        origin: dict[str, Any] = {"audit_id": run.audit_id, "actor": run.actor.displayed, "verb": run.verb}
        return Record(
            number=number,
            base=plan.base,
            time=now,
            **origin,
            plan=plan.hash,
            inputs=plan.inputs,
            marker=plan.marker,
            files=files,
            sites=self._with_last_change(plan, sites, {"generation": number, "time": now, **origin}),
            changed=list(plan.sites_changed),
            removed=list(plan.sites_removed),
            networks=list(plan.networks),
            joins=[list(join) for join in plan.joins],
            answering=answering,
            summary=plan.summary(),
            whole=whole,
        )

    def _write_and_test(self, number: int, plan: Plan, meanwhile: Callable[[], None], *, whole: bool) -> dict[str, str]:
        """Write the files of a plan, test them, and return their hashes.

        The files that the test reads are written first. The others are written while NGINX tests.
        """
        first = dict(plan.files) if whole else _files_of_changed_sites(plan)
        rest = {name: text for name, text in plan.files.items() if name not in first}
        hashes = self._generations.write(number, first)
        self._on_step("test")
        with ThreadPoolExecutor(max_workers=1) as pool:
            if whole:
                test = pool.submit(self._nginx.test, number)
            else:
                test = pool.submit(self._test_sites, number, plan.sites_changed)
            hashes |= self._generations.write(number, rest)
            meanwhile()
            wrong = self._generations.verify(number, hashes)
        if wrong:
            raise InternalError(f"what was staged is not what was meant: {', '.join(wrong)}")
        result = test.result()
        if not result.good:
            raise self._refusal(result, number, plan)
        return hashes

    def _with_last_change(self, plan: Plan, sites: _Index, stamp: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the index of the sites with the last change of each: this run's ``stamp``, or the one from before."""
        base = self._generations.record(plan.base)
        before = base.sites if base else {}
        changed = {site_of(change.name) for change in plan.changes}
        stamped = {}
        for domain, entry in sites.items():
            last_change = stamp if domain in changed else before.get(domain, {}).get("last_change")
            stamped[domain] = {**entry, "last_change": last_change}
        return stamped

    def _refusal(self, result: ConfigTest, number: int, plan: Plan) -> NginxRefusedError:
        """Return the error for a test that failed."""
        domain, line, message = culprit_line(result.output, number)
        domain = domain or self._find_culprit(number, plan)
        place = f"sites/{domain}.conf" if domain else MAIN
        return NginxRefusedError(
            f"NGINX refuses {domain or 'the main file'}: {message}",
            domain=domain,
            output=message,
            field="vhost",
            value=f"{place}:{line}" if domain and line else place,
            details=[text for text in result.output.splitlines() if text.strip()][:5],
            hint=Hint("vhost.show", {"domain": domain}) if domain else None,
        )

    def _find_culprit(self, number: int, plan: Plan) -> str | None:
        """Test the changed sites one by one beside those that were live, and return the first that NGINX refuses."""
        unchanged = set(map(site_of, plan.files)) - {None, *plan.sites_changed}
        others = sorted(domain for domain in unchanged if domain)
        for domain in plan.sites_changed[:_MOST_PROBES]:
            if not self._test_sites(number, (*others, domain)).good:
                return domain
        return None

    def _test_sites(self, number: int, domains: Iterable[str]) -> ConfigTest:
        """Test the main file with some of the sites only."""
        directory = self._generations.directory(number)
        main = (directory / MAIN).read_text(encoding="utf-8")
        includes = "\n".join(_include(number, domain) for domain in domains)
        probe = directory / _PROBE
        probe.write_text(main.replace(_include(number, "*"), includes), encoding="utf-8")
        try:
            return self._nginx.test(number, main=_PROBE)
        finally:
            probe.unlink()


def _include(number: object, domain: str) -> str:
    """Return the line of the main file that includes a site; ``*`` stands for all sites."""
    return f"include {CONTAINER_NGINX}/generations/{number}/sites/{domain}.conf;"


def _main_is_new(plan: Plan) -> bool:
    """Say whether the main file changes, or is an operator's own that includes the sites in another way."""
    changes = any(change.name == MAIN for change in plan.changes)
    return changes or _include(GENERATION, "*") not in plan.files[MAIN]


def _files_of_changed_sites(plan: Plan) -> dict[str, str]:
    """Return the files that a test of the changed sites reads: their own, and those that belong to no site."""
    read = {None, *plan.sites_changed}
    return {name: text for name, text in plan.files.items() if site_of(name) in read}
