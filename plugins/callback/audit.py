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
  - The values of variables that VSA does not know are masked. The record lists the tasks that changed something, with
    masked diffs; it never has the result of a task.
  - The playbooks C(flowbiz.vsa.audit.list) and C(flowbiz.vsa.audit.show) read a trail, and leave no record.
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
    description: A file of mode 0600 that holds C(user:password), or a bearer token alone.
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
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase
from ansible.utils.vars import load_extra_vars
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.generations import GenerationChange, from_result
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.mask import Masker
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.query import TRAIL_VERBS
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import (
    INTERRUPTED,
    Counts,
    TaskChange,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import (
    EXIT_INTERNAL,
    EXIT_ROLLED_BACK,
    EXIT_UNREACHABLE,
    STATUS,
    announced_outcome,
    worst_exit,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.trail import RecordedRun, Trail
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.attribution import refusal, set_audit_id, set_refusal
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._audit.after_run import index_and_send
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._audit.opening import opening_record
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._loki.settings import LokiSettings, loki_settings

# The collection's directory as Ansible found it, and with links resolved: in a clone these are two paths.
_HOMES = tuple(dict.fromkeys((Path(__file__).absolute().parents[2], Path(__file__).resolve().parents[2])))
_UNKNOWN_FAILURE = (EXIT_ROLLED_BACK, "a task failed")


def _guarded(method: Callable[..., None]) -> Callable[..., None]:
    """Make a hook that never raises, and that only one thread runs at a time: loop items come on their own thread."""

    @functools.wraps(method)
    def call(self: CallbackModule, *args: Any, **named: Any) -> None:
        with self._lock:
            try:
                method(self, *args, **named)
            except Exception as error:  # no error of the record may fail the run
                self._warn(f"the record of this run is not complete: {type(error).__name__}: {error}")

    return call


class CallbackModule(CallbackBase):
    """Follows a run and writes its audit record."""

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
        self._process = os.getpid()
        # Ansible's statistics are totals over all playbooks of a command line. These are the totals before this one.
        self._counted: dict[str, dict[str, int]] = {}
        self._forget()
        atexit.register(self._close_at_exit)

    def _forget(self, arguments: Mapping[str, Any] | None = None) -> None:
        """Begin anew for the next playbook, whose extra variables are ``arguments``."""
        self._masker = Masker(arguments)
        self._began = time.monotonic()
        self._changes: list[TaskChange] = []
        self._generations: list[GenerationChange] = []
        self._failures: dict[str, tuple[int, str]] = {}
        self._hosts: dict[str, None] = {}

    @_guarded
    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._close(INTERRUPTED, error="the run went on to another playbook without saying how this one ended")
        arguments = _plain(load_extra_vars(playbook._loader))
        set_refusal(None)
        if _only_reads_a_trail(playbook):
            self._trail = None
            self._forget(arguments)
            return
        places = Places.here(os.environ)
        self._trail = Trail(places)
        self._trail.sweep()
        if self._is_another_playbook(self._trail, arguments):
            del arguments["vsa_audit_id"]
        name, verb = _name_and_verb(playbook)
        record = opening_record(
            places=places,
            environ=os.environ,
            verb=verb,
            playbook=name,
            arguments={**_command_line(), **arguments},
            check=bool(context.CLIARGS.get("check")),
        )
        self._forget(arguments)
        self._run = self._trail.register(record)
        set_audit_id(self._run.record.id)
        self._run.started()
        if self._trail.kept_back:
            self._warn(f"{places.log} cannot be written now: the record waits in {places.spool}")

    @staticmethod
    def _is_another_playbook(trail: Trail, arguments: Mapping[str, Any]) -> bool:
        """Say whether the run of ``vsa_audit_id`` has ended: then this is a further playbook of the command line."""
        audit_id = str(arguments.get("vsa_audit_id") or "")
        return bool(audit_id) and not trail.under_way(audit_id) and trail.knows(audit_id)

    @_guarded
    def v2_playbook_on_play_start(self, play: Any) -> None:
        if self._run is None:
            return
        inventory = play.get_variable_manager()._inventory
        names = [host.get_name() for host in inventory.get_hosts(play.hosts)] if inventory else []
        self._hosts.update(dict.fromkeys(names))
        self._run.hosts(names)

    @_guarded
    def v2_runner_on_ok(self, result: Any) -> None:
        outcome, task = result.result, result.task
        generations = self._note_generations(result)
        if self._run is None or not outcome.get("changed"):
            return
        hidden = outcome.get("_ansible_no_log") or task.no_log is True or generations
        change = TaskChange(
            host=result.host.get_name(),
            task=self._masker.line(_written_name(task)),
            action=_action(task),
            diff=None if hidden else self._masker.diff(_diffs(outcome)),
        )
        self._changes.append(change)
        self._run.change(change)

    def _note_generations(self, result: Any) -> bool:
        """Note what one of our modules did to which sites. Return whether it names any: then it has their diffs too."""
        outcome, task = result.result, result.task
        hidden = outcome.get("_ansible_no_log") or task.no_log is True
        if self._run is None or hidden or not _action(task).startswith("flowbiz.vsa."):
            return False
        host = result.host.get_name()
        found = from_result(outcome.get("generation_changes"), host=host, masker=self._masker)
        self._generations += found
        for change in found:
            self._run.change(change)
        return bool(found)

    @_guarded
    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._note_generations(result)
        if ignore_errors:
            return
        code, text = _failure(result)
        self._failures[result.host.get_name()] = code, self._masker.line(text)

    @_guarded
    def v2_runner_on_unreachable(self, result: Any) -> None:
        lines = [line.strip() for line in str(result.result.get("msg") or "").splitlines()]
        lines = [line for line in lines if line]
        # ssh prints its warnings first; the last line says why it failed.
        text = lines[-1] if lines else "it cannot be reached"
        self._failures[result.host.get_name()] = EXIT_UNREACHABLE, self._masker.line(text)

    @_guarded
    def v2_playbook_on_stats(self, stats: Any) -> None:
        began = time.monotonic()
        counts = self._counts_of_this_playbook(stats)
        code, error = self._worst_failure(counts)
        self._close(STATUS[code], counts=counts, hosts=tuple(self._hosts), error=error)
        if self._trail is not None:
            warning = index_and_send(self._trail.places, self._loki(self._trail.places), began=began)
            if warning:
                self._warn(warning)

    def _counts_of_this_playbook(self, stats: Any) -> dict[str, Counts]:
        """Return how many tasks ended how, for each host that this playbook acted on."""
        counts: dict[str, Counts] = {}
        for host in sorted(stats.processed):
            total = stats.summarize(host)
            before = self._counted.get(host, {})
            self._counted[host] = total
            found = {key: total[key] - before.get(key, 0) for key in ("ok", "changed", "failures", "unreachable")}
            if any(found.values()):
                counts[host] = Counts(found["ok"], found["changed"], found["failures"], found["unreachable"])
        return counts

    def _worst_failure(self, counts: Mapping[str, Counts]) -> tuple[int, str | None]:
        """Return the exit code of the run, and the error of the first host that ended with it."""
        failed = [host for host, found in counts.items() if found.failed or found.unreachable]
        failures = {host: self._failures.get(host, _UNKNOWN_FAILURE) for host in failed}
        worst = worst_exit([code for code, _message in failures.values()])
        for host, (code, text) in failures.items():
            if code == worst:
                return worst, f"{host}: {text}"
        return worst, None

    def _loki(self, places: Places) -> LokiSettings | None:
        url = self.get_option("loki_url")
        if not url:
            return loki_settings({}, config=None, places=places)
        auth_file, ca_bundle = self.get_option("loki_auth_file"), self.get_option("loki_ca_bundle")
        return LokiSettings(
            url=url,
            auth_file=Path(auth_file) if auth_file else None,
            ca_bundle=Path(ca_bundle) if ca_bundle else None,
        )

    def _close(self, status: str, **known: Any) -> None:
        """Write the last record of the run, if one is under way."""
        if self._run is None:
            return
        run, self._run = self._run, None
        set_audit_id(None)
        took = round(time.monotonic() - self._began, 3)
        changes, generations = tuple(self._changes), tuple(self._generations)
        run.close(status, duration=took, changes=changes, generations=generations, **known)

    def _close_at_exit(self) -> None:
        """Close a run that is still open when Ansible exits: after a refusal, an interrupt, or an error of no task."""
        if self._run is None or os.getpid() != self._process:
            return
        refused = refusal()
        try:
            if refused is not None:
                self._close(STATUS[refused.exit_code], hosts=tuple(self._hosts), error=refused.message)
                return
            self._close(INTERRUPTED, hosts=tuple(self._hosts), error="Ansible ended before the playbook did")
        except Exception as error:
            self._warn(f"{type(error).__name__}: {error}")

    def _warn(self, text: str) -> None:
        if not self._warned:
            self._warned = True
            self._display.warning(f"audit: {text}")


def _command_line() -> dict[str, Any]:
    """Return the options of ansible-playbook that a record shows, those that were given."""
    tags = [tag for tag in context.CLIARGS.get("tags") or () if tag != "all"]  # "all" is Ansible's default
    options = {
        "tags": tags,
        "skip_tags": context.CLIARGS.get("skip_tags"),
        "limit": context.CLIARGS.get("subset"),
    }
    return {name: value for name, value in options.items() if value}


def _name_and_verb(playbook: Any) -> tuple[str, str]:
    """Return a playbook's name, and the verb of the first play in it that is this collection's."""
    verbs = [name for name in _names_of_plays(playbook) if name is not None]
    # Ansible does not find a playbook with a hyphen in its name, so the file's name has an underscore instead.
    verb = verbs[0].replace("_", "-") if verbs else "playbook"
    name = _name_in_collection(playbook._file_name)
    if name is not None and name != "site":
        return f"flowbiz.vsa.{name}", verb
    path, here = Path(playbook._file_name).absolute(), Path.cwd()
    if path.is_relative_to(here):
        path = path.relative_to(here)
    return str(path), verb


def _names_of_plays(playbook: Any) -> list[str | None]:
    """Return the name in this collection of the file that each play comes from, None for any other file."""
    return [_name_in_collection(play.get_path().rpartition(":")[0]) for play in playbook.get_plays()]


def _only_reads_a_trail(playbook: Any) -> bool:
    """Say whether every play of a playbook is one of a verb that reads a trail."""
    names = _names_of_plays(playbook)
    return bool(names) and set(names) <= set(TRAIL_VERBS)


def _name_in_collection(file: str) -> str | None:
    """Return the name of a playbook of this collection (``site.provision``), or None for any other file."""
    for home in _HOMES:
        for path in (Path(file), Path(os.path.realpath(file))):
            if path.is_relative_to(home / "playbooks"):
                return ".".join(path.relative_to(home / "playbooks").with_suffix("").parts)
    return None


def _plain(values: Any) -> Any:
    """Return extra variables as plain values: Ansible's own types carry tags, and some of them are not JSON."""
    if isinstance(values, Mapping):
        return {str(key): _plain(value) for key, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [_plain(value) for value in values]
    if values is None or isinstance(values, (bool, int, float)):
        return values
    return str.__str__(values) if isinstance(values, str) else "***"


def _action(task: Any) -> str:
    """Return the full name of a task's module."""
    return str(getattr(task, "resolved_action", None) or task.action)


def _written_name(task: Any) -> str:
    """Return a task's name as it is written in its file: a templated name may hold a value."""
    source = task.get_ds()
    name = source.get("name") if isinstance(source, Mapping) else None
    return str(name) if isinstance(name, str) else str(task.action)


def _diffs(outcome: Mapping[str, Any]) -> list[Any]:
    """Return the diffs of a task and of its loop items, without those of items with no_log."""
    items = [item for item in outcome.get("results") or () if isinstance(item, Mapping)]
    shown = [item for item in items if item.get("changed") and not item.get("_ansible_no_log")]
    diffs: list[Any] = []
    for part in (outcome, *shown):
        diff = part.get("diff")
        if diff:
            diffs += diff if isinstance(diff, list) else [diff]
    return diffs


def _failure(result: Any) -> tuple[int, str]:
    """Return the exit code of a failed task, and a text that shows nothing of a foreign module's result."""
    outcome, task = result.result, result.task
    error, code = outcome.get("vsa_error"), outcome.get("vsa_exit")
    if isinstance(error, Mapping) and code in STATUS:
        return code, str(error.get("message"))
    action = _action(task)
    if not outcome.get("_ansible_no_log"):
        announced = announced_outcome(str(outcome.get("msg") or ""), action=action)
        if announced:
            return announced
    ours = action.startswith("flowbiz.vsa.")
    return EXIT_INTERNAL if ours else EXIT_ROLLED_BACK, f"{action} failed in the task {_written_name(task)!r}"
