# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first half of the transaction: write a plan as a new generation and let NGINX test it. Nothing live is touched.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ..._core.errors import InternalError, RefusedError
from ..._core.hints import Hint
from ..._core.proxy.plan import GENERATION, MAIN, Plan, culprit_line, site_file, site_list, site_of
from ..._core.run_context import RunContext
from ..._core.times import rfc3339
from ..._core.words import Words
from ..machine.clock import time_now
from ..machine.files import write_new
from ..store.access_logs import access_log, log_names, remove_logs
from ..store.generations import SECRET_MODE, Generations, Record
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
        * ``whole``: test all sites. Otherwise, if NGINX runs, test the changed sites alone, and none if templates and
          settings are those of the base: NGINX reads all sites at the reload before it uses any (docs/adr/0015).

        NginxRefusedError names the site that NGINX refuses, and the line.
        """
        whole = whole or _main_is_new(plan) or self._nginx.master() is None
        number = self._generations.next_number()
        logs_before = log_names(self._paths)
        self._on_step("stage")
        try:
            self._generations.open(number)
            hashes = self._write_and_test(number, plan, meanwhile, whole=whole)
            new_logs = (log_names(self._paths) | set(map(access_log, plan.sites_changed))) - logs_before
            self._on_step("finish")
            record = self._record(number, plan, sites, run, files=hashes, answering=answering, whole=whole)
            self._generations.finish(dataclasses.replace(record, logs=sorted(new_logs)))
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
        """Write the files of a plan, test them unless the reload is test enough, and return the hashes of all files.

        A file that the plan does not change was read and compared when the plan was made. So only what was written is
        hashed again.
        """
        changed = {change.name for change in plan.changes}
        hashes = self._generations.write(number, plan.files, base=plan.base, changed=changed)
        written = [name for name in hashes if name in changed or not site_of(name)]
        self._on_step("test")
        with ThreadPoolExecutor(max_workers=1) as pool:
            test = None
            if whole:
                test = pool.submit(self._nginx.test, number)
            elif not self._inputs_are_proven(plan):
                test = pool.submit(self._test_sites, number, hashes, plan.sites_changed)
            meanwhile()
            wrong = self._generations.verify(number, hashes, names=written)
        if wrong:
            raise InternalError(f"what was staged is not what was meant: {', '.join(wrong)}")
        result = test.result() if test else None
        if result is not None and not result.good:
            raise self._refusal(result, number, hashes, plan.sites_changed)
        return hashes

    def _inputs_are_proven(self, plan: Plan) -> bool:
        """Say whether NGINX took files that were rendered from the same templates and settings before."""
        base = self._generations.record(plan.base)
        return base is not None and base.inputs == plan.inputs

    def explain(self, record: Record) -> NginxRefusedError | None:
        """Return why NGINX refused a generation at the reload, if one of its changed sites alone is to blame."""
        if record.whole or not record.changed:
            return None
        result = self._test_sites(record.number, record.files, record.changed)
        return None if result.good else self._refusal(result, record.number, record.files, record.changed)

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

    def _refusal(
        self, result: ConfigTest, number: int, hashes: Mapping[str, str], changed: Sequence[str]
    ) -> NginxRefusedError:
        """Return the error for a test that failed."""
        domain, line, message = culprit_line(result.output, number)
        domain = domain or self._find_culprit(number, hashes, changed)
        place = f"sites/{domain}.conf" if domain else MAIN
        message = Words("NGINX", message).shown
        return NginxRefusedError(
            f"NGINX refuses {domain or 'the main file'}: {message}",
            domain=domain,
            output=message,
            field="vhost",
            value=f"{place}:{line}" if domain and line else place,
            details=result.said.lines(),
            hint=Hint("vhost.show", {"domain": domain}) if domain else None,
        )

    def _find_culprit(self, number: int, hashes: Mapping[str, str], changed: Sequence[str]) -> str | None:
        """Test the changed sites one by one beside those that were live, and return the first that NGINX refuses."""
        unchanged = set(map(site_of, hashes)) - {None, *changed}
        others = sorted(domain for domain in unchanged if domain)
        for domain in changed[:_MOST_PROBES]:
            if not self._test_sites(number, hashes, (*others, domain)).good:
                return domain
        return None

    def _test_sites(self, number: int, hashes: Mapping[str, str], domains: Iterable[str]) -> ConfigTest:
        """Test the main file with some of the sites only. ``hashes`` are those of the generation's files."""
        directory = self._generations.directory(number)
        main = (directory / MAIN).read_text(encoding="utf-8")
        chosen = {site_file(domain): hashes[site_file(domain)] for domain in domains}
        includes = site_list(chosen, root=CONTAINER_NGINX)
        probe = directory / _PROBE
        write_new(probe, main.replace(_include(number), includes).encode(), mode=SECRET_MODE)
        try:
            return self._nginx.test(number, main=_PROBE)
        finally:
            probe.unlink()


def _include(number: object) -> str:
    """Return the line of the main file that includes all sites."""
    return f"include {CONTAINER_NGINX}/generations/{number}/sites/*.conf;"


def _main_is_new(plan: Plan) -> bool:
    """Say whether the main file changes, or is an operator's own that includes the sites in another way."""
    changes = any(change.name == MAIN for change in plan.changes)
    return changes or _include(GENERATION) not in plan.files[MAIN]
