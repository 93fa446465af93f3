# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a VPS: calls the transaction engine as the modules do, with faults that no module offers.

Reads one JSON object from standard input and prints one JSON line. Its keys:

* ``call``: apply, prepare, commit, rollback, unprovision (with ``options`` of its request) or rename (with ``to``);
* ``domain``, ``said``, ``absent``, ``sync``, ``templates``, ``answering``, ``base``, ``plan``, ``to``;
* ``lock_seconds``: how long a run waits for the host's lock;
* ``docker``: a container's name that Docker refuses;
* the faults ``kill`` (die by SIGKILL before that step), ``stop`` (stop NGINX before that step) and ``empty`` (truncate
  that staged file before the test).

With ``--ready`` it prints a line before it reads, so that a measurement does not count the start of Python.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import Actor
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import LIST, listed_files, stored_name
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Engine
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.transaction import Proxy
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Change, Request
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths


def main() -> None:
    """Carry out one call."""
    engine = Engine()
    if "--ready" in sys.argv[1:]:
        # A module has looked at settings and certificate before it comes to the transaction.
        importlib.import_module("yaml")
        importlib.import_module("cryptography.x509")
        importlib.import_module("cryptography.hazmat.primitives.serialization")
        print("ready", flush=True)
    wanted = json.load(sys.stdin)
    passed: list[str] = []

    def on_step(step: str) -> None:
        passed.append(step)
        if step == wanted.get("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        if step == wanted.get("stop"):
            subprocess.run(["docker", "stop", "-t", "5", "vsa-nginx"], check=True, capture_output=True, timeout=60)
        if step == "test" and wanted.get("empty"):
            newest = max(int(entry.name) for entry in proxy.paths.generations.iterdir())
            listed = listed_files((proxy.paths.generations / str(newest) / LIST).read_text())
            staged = proxy.paths.nginx / stored_name(wanted["empty"], listed[wanted["empty"]])
            staged.chmod(0o644)
            staged.write_text("")

    proxy = Proxy(engine, Paths(), on_step=on_step)
    changes = ()
    if wanted.get("domain"):
        unset = tuple(wanted.get("unset", ()))
        absent = wanted.get("absent", False)
        changes = (Change(wanted["domain"], wanted.get("said", {}), unset=unset, absent=absent),)
    run = RunContext(audit_id="019ab3a4-0000-7000-8000-000000000000", actor=Actor("test"), verb="test")
    request = Request(
        templates=wanted["templates"],
        run=run,
        changes=changes,
        sync=wanted.get("sync", False),
        answering=tuple(wanted.get("answering", ())),
    )
    result: Mapping[str, object]
    try:
        call = wanted["call"]
        if wanted.get("lock_seconds"):
            lock = importlib.import_module("ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.lock")
            lock.host_lock.__wrapped__.__kwdefaults__["timeout"] = wanted["lock_seconds"]
        if wanted.get("docker"):
            engine.connect("flowbiz_ext", f"{wanted['docker']}{'x' * 2000}")
        if call == "unprovision":
            # Imported here, so that the other calls do not load it.
            from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import as_module_result
            from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.removal.run import (
                RemovalRequest,
                remove_site_from_host,
            )

            removing = RunContext(run.audit_id, run.actor, "site.unprovision")
            removal = RemovalRequest(removing, wanted["domain"], wanted["templates"], **wanted.get("options", {}))
            check = wanted.get("check", False)
            result = as_module_result(remove_site_from_host(removal, check=check, diff=False, on_step=on_step))
        elif call == "rename":
            from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import as_module_result
            from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.rename import (
                RenameRequest,
                rename_site,
            )

            renaming = RunContext(run.audit_id, run.actor, "site.rename")
            rename = RenameRequest(renaming, wanted["domain"], wanted["to"], wanted["templates"])
            result = as_module_result(
                rename_site(rename, check=False, diff=False, engine=engine, proxy=proxy, on_step=on_step)
            )
        elif call == "commit":
            outcome = proxy.commit(base=wanted["base"], plan_hash=wanted["plan"])
            result = {"number": outcome.number}
        elif call == "prepare":
            prepared = proxy.prepare(request)
            result = {"number": prepared.number, "base": prepared.plan.base, "plan": prepared.plan.hash}
        else:
            done = proxy.rollback(wanted.get("to"), run) if call == "rollback" else proxy.apply(request)
            prepared, outcome_or_none = done
            result = {"changed": outcome_or_none is not None, "number": prepared.number or prepared.plan.base}
            if outcome_or_none is not None:
                result |= {"proven": outcome_or_none.proven, "notes": outcome_or_none.notes}
            result["warnings"] = list(prepared.desired.warnings)
    except VsaError as error:
        result = {"error": type(error).__name__, **error.as_result()}
    print(json.dumps({"steps": passed, **result}))


if __name__ == "__main__":
    main()
