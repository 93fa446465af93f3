# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: audit
type: aggregate
short_description: Leave an audit record of each playbook run
version_added: 0.1.0
description:
  - Writes a record when a playbook starts and one when it ends, with one id, to a hash-chained file of JSON lines
    (C(/var/log/vsa/audit.jsonl) for root on a managed host, else C(vsa/audit.jsonl) below the XDG state directory).
  - Values of unknown variables are masked; results of tasks are never recorded, only which tasks changed something,
    with their diffs masked.
  - Runs that were killed are closed by the next run. A failure to write the record is a warning and never fails a run.
author:
  - flowbiz (@flowbiz)
requirements:
  - enable it in ansible.cfg by C(callbacks_enabled = flowbiz.vsa.audit) in the section C(defaults)
options:
  loki_url:
    description: The base URL of the Loki that the trail is pushed to at the end of a run.
    type: str
    env:
      - name: VSA_LOKI_URL
    ini:
      - section: callback_audit
        key: loki_url
  loki_auth_file:
    description: A file of mode 0600 with C(user:password), or a bearer token alone.
    type: path
    env:
      - name: VSA_LOKI_AUTH_FILE
    ini:
      - section: callback_audit
        key: loki_auth_file
  loki_ca_bundle:
    description: A PEM file with the certificates to trust besides the system's.
    type: path
    env:
      - name: VSA_LOKI_CA_BUNDLE
    ini:
      - section: callback_audit
        key: loki_ca_bundle
"""

import atexit
import functools
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase
from ansible.utils.vars import load_extra_vars
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.mask import Masker
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import (
    INTERRUPTED,
    STATUS,
    Counts,
    TaskChange,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import worst_exit
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.trail import RecordedRun, Trail
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.attribution import set_audit_id
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._audit.after_run import index_and_send
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._audit.opening import opening_record
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._loki.settings import LokiSettings, loki_settings

# As path and as it is linked to: a clone is found by either.
_HOMES = tuple(dict.fromkeys((Path(__file__).absolute().parents[2], Path(__file__).resolve().parents[2])))
_OUTCOMES = {"refused": 3, "rolled back": 4, "not rolled back": 6}
_OUTCOME = re.compile(r"(refused|rolled back|not rolled back): (.*)")


def _guarded(method: Callable[..., None]) -> Callable[..., None]:
    """Make a hook that never raises and that one thread at a time is in: loop items come on a thread of their own."""

    @functools.wraps(method)
    def call(self: CallbackModule, *args: Any, **named: Any) -> None:
        with self._lock:
            try:
                method(self, *args, **named)
            except Exception as error:  # whatever it is, it is not worth the run
                self._warn(f"the record of this run is not complete: {type(error).__name__}: {error}")

    return call


class CallbackModule(CallbackBase):
    """Follows a run, and leaves its record."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "flowbiz.vsa.audit"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._lock = threading.RLock()
        self._warned = False
        self._run: RecordedRun | None = None
        self._trail: Trail | None = None
        self._masker = Masker()
        self._began = time.monotonic()
        self._changes: list[TaskChange] = []
        self._failures: dict[str, tuple[int, str]] = {}
        self._hosts: dict[str, None] = {}
        self._asks_inventory = False
        self._counted: dict[str, dict[str, int]] = {}
        self._process = os.getpid()
        atexit.register(self._left_over)

    @_guarded
    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._close(INTERRUPTED, error="the run went on to another playbook without saying how this one ended")
        arguments = _plain(load_extra_vars(playbook._loader))
        places = Places.here(os.environ)
        self._trail = Trail(places)
        self._trail.sweep()
        said_id = str(arguments.get("vsa_audit_id") or "")
        if said_id and not self._trail.under_way(said_id) and self._trail.knows(said_id):
            del arguments["vsa_audit_id"]  # that one has its end: this is the next playbook of the same command line
        name, verb = _named(playbook)
        said = {key: context.CLIARGS.get(key) for key in ("subset", "tags", "skip_tags")}
        said["tags"] = [tag for tag in said["tags"] or () if tag != "all"]
        said["limit"] = said.pop("subset")
        given = {key: value for key, value in said.items() if value}
        record = opening_record(
            places=places,
            environ=os.environ,
            verb=verb,
            playbook=name,
            arguments={**given, **arguments},
            check=bool(context.CLIARGS.get("check")),
        )
        self._masker = Masker(arguments)
        self._changes, self._failures, self._hosts, self._began = [], {}, {}, time.monotonic()
        self._run = self._trail.register(record)
        set_audit_id(self._run.record.id)
        self._run.started()
        if self._trail.kept_back:
            self._warn(f"{places.log} cannot be written now: the record waits in {places.spool}")

    @_guarded
    def v2_playbook_on_play_start(self, play: Any) -> None:
        if self._run is None:
            return
        # The play that looks whether there is a host: its failure is the caller's.
        self._asks_inventory = play.hosts in ("localhost", ["localhost"])
        if self._asks_inventory:
            return
        inventory = play.get_variable_manager()._inventory
        names = [host.get_name() for host in inventory.get_hosts(play.hosts)] if inventory else []
        self._hosts.update(dict.fromkeys(names))
        self._run.hosts(names)

    @_guarded
    def v2_runner_on_ok(self, result: Any) -> None:
        outcome = result.result
        if self._run is None or not outcome.get("changed"):
            return
        task = result.task
        change = TaskChange(
            host=result.host.get_name(),
            task=self._masker.line(_written_name(task)),
            action=str(getattr(task, "resolved_action", None) or task.action),
            diff=None if outcome.get("_ansible_no_log") or task.no_log is True else self._masker.diff(_diffs(outcome)),
        )
        self._changes.append(change)
        self._run.change(change)

    @_guarded
    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            code, words = _failure(result)
            code = 2 if self._asks_inventory and code == 3 else code
            self._failures[result.host.get_name()] = code, self._masker.line(words)

    @_guarded
    def v2_runner_on_unreachable(self, result: Any) -> None:
        lines = [line.strip() for line in str(result.result.get("msg") or "").splitlines() if line.strip()]
        words = lines[-1] if lines else "it cannot be reached"
        self._failures[result.host.get_name()] = 5, self._masker.line(words)

    @_guarded
    def v2_playbook_on_stats(self, stats: Any) -> None:
        began = time.monotonic()
        counts: dict[str, Counts] = {}
        for host in sorted(stats.processed):
            total = stats.summarize(host)
            before = self._counted.get(host, {})
            self._counted[host] = total
            found = {key: total[key] - before.get(key, 0) for key in ("ok", "changed", "failures", "unreachable")}
            if any(found.values()):
                counts[host] = Counts(found["ok"], found["changed"], found["failures"], found["unreachable"])
        failed = [host for host, seen in counts.items() if seen.failed or seen.unreachable]
        codes = {host: self._failures.get(host, (4, "a task failed"))[0] for host in failed}
        worst = worst_exit(list(codes.values()))
        first = next((host for host, code in codes.items() if code == worst and code), None)
        error = f"{first}: {self._failures.get(first, (4, 'a task failed'))[1]}" if first else None
        # The look at the inventory, on localhost, is no host's affair.
        acted = {host: seen for host, seen in counts.items() if host in self._hosts}
        self._close(STATUS[worst], counts=acted or counts, hosts=tuple(self._hosts), error=error)
        if self._trail is not None:
            words = index_and_send(self._trail.places, self._loki(self._trail.places), began=began)
            if words:
                self._warn(words)

    def _loki(self, places: Places) -> LokiSettings | None:
        if url := self.get_option("loki_url"):
            files = (self.get_option("loki_auth_file"), self.get_option("loki_ca_bundle"))
            return LokiSettings(url, *(Path(file) if file else None for file in files))
        return loki_settings({}, config=None, places=places)

    def _close(self, status: str, **known: Any) -> None:
        if self._run is not None:
            run, self._run = self._run, None
            set_audit_id(None)
            took = round(time.monotonic() - self._began, 3)
            run.close(status, duration=took, changes=tuple(self._changes), **known)

    def _left_over(self) -> None:
        """Close what has no end when Ansible exits: after an interrupt, or an error that is no task's."""
        if self._run is not None and os.getpid() == self._process:
            try:
                self._close(INTERRUPTED, hosts=tuple(self._hosts), error="Ansible ended before the playbook did")
            except Exception as error:
                self._warn(f"{type(error).__name__}: {error}")

    def _warn(self, words: str) -> None:
        if not self._warned:
            self._warned = True
            self._display.warning(f"audit: {words}")


# The playbook that every verb imports first.
_REQUIRE_HOSTS = "require_hosts"


def _named(playbook: Any) -> tuple[str, str]:
    """Return how a playbook is called, and the verb that it is: that of the first of our plays in it."""
    files = [play.get_path().rpartition(":")[0] for play in playbook.get_plays()]
    verbs = [found for file in files if (found := _of_collection(file)) not in (None, _REQUIRE_HOSTS)]
    # A hyphen of a verb is an underscore in the file's name, which Ansible would not find otherwise.
    verb = str(verbs[0]).replace("_", "-") if verbs else "playbook"
    name = _of_collection(playbook._file_name)
    if name is not None and name != "site":
        return f"flowbiz.vsa.{name}", verb
    path, here = Path(playbook._file_name).absolute(), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path), verb


def _of_collection(file: str) -> str | None:
    """Return noun and verb of a playbook of this collection (site.provision), or None for any other file."""
    for home in _HOMES:
        for path in (Path(file), Path(os.path.realpath(file))):
            if path.is_relative_to(home / "playbooks"):
                return ".".join(path.relative_to(home / "playbooks").with_suffix("").parts)
    return None


def _plain(values: Any) -> Any:
    """Return extra vars as plain values: Ansible's carry tags, and some of its types are no JSON."""
    if isinstance(values, Mapping):
        return {str(key): _plain(value) for key, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [_plain(value) for value in values]
    if values is None or isinstance(values, (bool, int, float)):
        return values
    return str.__str__(values) if isinstance(values, str) else "***"


def _written_name(task: Any) -> str:
    """Return a task's name as its file has it: templated it may hold a value."""
    source = task.get_ds()
    name = source.get("name") if isinstance(source, Mapping) else None
    return str(name) if isinstance(name, str) else str(task.action)


def _diffs(outcome: Mapping[str, Any]) -> list[Any]:
    items = [item for item in outcome.get("results") or () if isinstance(item, Mapping)]
    found = [outcome.get("diff")]
    found += [item.get("diff") for item in items if item.get("changed") and not item.get("_ansible_no_log")]
    return [one for entry in found if entry for one in (entry if isinstance(entry, list) else [entry])]


def _failure(result: Any) -> tuple[int, str]:
    """Return the exit code that a failed task stands for, and words without anything of a foreign task's result."""
    outcome, task = result.result, result.task
    error, code = outcome.get("vsa_error"), outcome.get("vsa_exit")
    if isinstance(error, Mapping) and code in STATUS:
        return code, str(error.get("message"))
    said = None if outcome.get("_ansible_no_log") else _OUTCOME.match(str(outcome.get("msg") or ""))
    if said:
        return _OUTCOMES[said[1]], said[2]
    action = str(getattr(task, "resolved_action", None) or task.action)
    return (1 if action.startswith("flowbiz.vsa.") else 4), f"{action} failed in the task {_written_name(task)!r}"
