# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first half of the transaction: a plan is written as a new generation and NGINX tests it; nothing live is touched.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..._core.errors import InternalError, RefusedError
from ..._core.proxy.plan import MAIN, Plan, culprit_line, site_of
from ..._core.proxy.render import GENERATION
from ..store.access_logs import log_names, remove_logs
from ..store.generations import Generations, Record
from ..store.layout import CONTAINER_NGINX, Paths
from .nginx import Nginx, TestResult

__all__ = ("NginxRefusedError", "Staging")

# One test of a generation costs a start of nginx -t; beyond this many changed sites NGINX's own words must do.
_MOST_PROBES = 50


def _include(number: object) -> str:
    """Return the line of the main file that reads all sites."""
    return f"include {CONTAINER_NGINX}/generations/{number}/sites/*.conf;"


def _new_main(plan: Plan) -> bool:
    """Say whether the main file is another one, or an operator's own that reads the sites in a way of its own."""
    return any(change.name == MAIN for change in plan.changes) or _include(GENERATION) not in plan.files[MAIN]


def _tested(plan: Plan) -> dict[str, str]:
    """Return the files that a test of what changed reads: those of the changed sites, and all that are no site's."""
    changed = set(plan.sites_changed)
    return {name: text for name, text in plan.files.items() if (domain := site_of(name)) is None or domain in changed}


class NginxRefusedError(RefusedError):
    """NGINX does not take a generation; ``domain`` is the site that is to blame, where one is, ``words`` NGINX's."""

    def __init__(self, message: str, *, domain: str | None, words: str, **named: Any) -> None:
        super().__init__(message, **named)
        self.domain = domain
        self.words = words


class Staging:
    """Stages and tests plans on one host."""

    def __init__(self, paths: Paths, nginx: Nginx, generations: Generations, on_step: Callable[[str], None]) -> None:
        self._paths = paths
        self._nginx = nginx
        self._generations = generations
        self._on_step = on_step

    def stage(
        self,
        plan: Plan,
        sites: dict[str, dict[str, Any]],
        *,
        origin: dict[str, Any],
        answering: list[str],
        meanwhile: Callable[[], None] = lambda: None,
        whole: bool = True,
    ) -> int:
        """Write and test a plan, and return the number of its generation. On any failure nothing of it remains.

        ``sites`` is the index that the record keeps, ``origin`` its audit_id, actor and verb; ``meanwhile`` may refuse
        the plan while NGINX tests it. RefusedError names the site that NGINX refuses, and the line. Without ``whole``
        only the sites that change are tested, where a running NGINX is to read the rest anyway before it takes any.
        """
        if not whole:
            whole = _new_main(plan) or self._nginx.master() is None
        number = self._generations.next_number()
        time = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
        logs_before = log_names(self._paths)
        self._on_step("stage")
        first = plan.files if whole else _tested(plan)
        try:
            self._generations.open(number)
            hashes = self._generations.write(number, first)
            self._on_step("test")
            with ThreadPoolExecutor(max_workers=1) as pool:
                # NGINX reads the new files in a process of its own; what else they need is done beside it.
                test = pool.submit(self._nginx.test, number) if whole else pool.submit(self._test_changed, number, plan)
                rest = {name: text for name, text in plan.files.items() if name not in first}
                hashes |= self._generations.write(number, rest)
                meanwhile()
                sites = self._stamped(plan, sites, {"generation": number, "time": time, **origin})
                wrong = self._generations.verify(number, hashes)
            if wrong:
                raise InternalError(f"what was staged is not what was meant: {', '.join(wrong)}")
            self._judge(test.result(), number, plan)
            self._on_step("finish")
            self._generations.finish(
                Record(
                    number=number,
                    base=plan.base,
                    time=time,
                    **origin,
                    plan=plan.hash,
                    inputs=plan.inputs,
                    marker=plan.marker,
                    files=hashes,
                    sites=sites,
                    changed=list(plan.sites_changed),
                    removed=list(plan.sites_removed),
                    networks=list(plan.networks),
                    joins=[list(join) for join in plan.joins],
                    answering=answering,
                    summary=plan.summary(),
                    whole=whole,
                    logs=sorted(log_names(self._paths) - logs_before),
                )
            )
        except BaseException:
            self._generations.discard(number)
            remove_logs(self._paths, log_names(self._paths) - logs_before)
            raise
        return number

    def _stamped(
        self, plan: Plan, sites: dict[str, dict[str, Any]], stamp: dict[str, Any]
    ) -> dict[str, dict[str, Any]]:
        """Return the index of the sites with who changed each of them last: this run, or whoever it was before."""
        base = self._generations.record(plan.base)
        before = base.sites if base else {}
        touched = {site_of(change.name) for change in plan.changes}
        return {
            domain: {**entry, "last_change": stamp if domain in touched else before.get(domain, {}).get("last_change")}
            for domain, entry in sites.items()
        }

    def _judge(self, result: TestResult, number: int, plan: Plan) -> None:
        if result.good:
            return
        domain, line, words = culprit_line(result.output, number)
        if domain is None:
            domain = self._culprit(number, plan)
        place = (
            f"sites/{domain}.conf:{line}" if domain and line else (f"sites/{domain}.conf" if domain else "nginx.conf")
        )
        raise NginxRefusedError(
            f"NGINX refuses {domain or 'the main file'}: {words}",
            domain=domain,
            words=words,
            field="vhost",
            value=place,
            details=[text for text in result.output.splitlines() if text.strip()][:5],
            hint=f"vsa vhost show {domain}" if domain else None,
        )

    def _culprit(self, number: int, plan: Plan) -> str | None:
        """Test the changed sites one by one beside those that were live, and return the first that is refused."""
        changed = plan.sites_changed
        kept = sorted(
            domain
            for name in plan.files
            if name.startswith("sites/") and (domain := site_of(name)) and domain not in changed
        )
        for domain in changed[:_MOST_PROBES]:
            if not self._probe(number, (*kept, domain)).good:
                return domain
        return None

    def _test_changed(self, number: int, plan: Plan) -> TestResult:
        return self._probe(number, plan.sites_changed)

    def _probe(self, number: int, domains: Iterable[str]) -> TestResult:
        """Test the main file with some of the sites."""
        directory = self._generations.directory(number)
        main = (directory / MAIN).read_text(encoding="utf-8")
        lines = "\n".join(_include(number).replace("*", domain) for domain in domains)
        probe = directory / "probe.conf"
        probe.write_text(main.replace(_include(number), lines), encoding="utf-8")
        try:
            return self._nginx.test(number, main=probe.name)
        finally:
            probe.unlink()
