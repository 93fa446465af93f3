# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first half of the transaction: a plan is written as a new generation and NGINX tests it; nothing live is touched.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .._core.errors import InternalError, RefusedError
from .._core.plan import Plan, culprit_line, site_of
from .generations import Generations, Record
from .logs import log_names, remove_logs
from .nginx import Nginx, TestResult
from .paths import CONTAINER_NGINX, Paths

__all__ = ("NginxRefusedError", "Staging")

# One test of a generation costs a start of nginx -t; beyond this many changed sites NGINX's own words must do.
_MOST_PROBES = 50


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
    ) -> int:
        """Write and test a plan, and return the number of its generation. On any failure nothing of it remains.

        ``sites`` is the index that the record keeps, ``origin`` its audit_id, actor and verb; ``meanwhile`` may refuse
        the plan while NGINX tests it. RefusedError names the site that NGINX refuses, and the line.
        """
        number = self._generations.next_number()
        time = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
        logs_before = log_names(self._paths)
        self._on_step("stage")
        hashes = self._generations.stage(number, plan)
        try:
            self._on_step("test")
            with ThreadPoolExecutor(max_workers=1) as pool:
                # NGINX reads the new files in a process of its own; what else they need is done beside it.
                test = pool.submit(self._nginx.test, number)
                meanwhile()
                sites = self._stamped(plan, sites, {"generation": number, "time": time, **origin})
                self._generations.settle(number, hashes)
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
        directory = self._generations.directory(number)
        main = (directory / "nginx.conf").read_text(encoding="utf-8")
        include = f"include {CONTAINER_NGINX}/generations/{number}/sites/*.conf;"
        changed = [domain for domain in plan.sites_changed if (directory / f"sites/{domain}.conf").exists()]
        kept = sorted(
            domain
            for name in plan.files
            if name.startswith("sites/") and (domain := site_of(name)) and domain not in changed
        )
        for domain in changed[:_MOST_PROBES]:
            lines = "\n".join(
                f"include {CONTAINER_NGINX}/generations/{number}/sites/{name}.conf;" for name in (*kept, domain)
            )
            probe = directory / "probe.conf"
            probe.unlink(missing_ok=True)
            probe.write_text(main.replace(include, lines), encoding="utf-8")
            good = self._nginx.test(number, main="probe.conf").good
            probe.unlink()
            if not good:
                return domain
        return None
