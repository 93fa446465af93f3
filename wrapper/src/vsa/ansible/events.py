"""From ansible-runner's events to a report: a fold without effects, so that recorded events test it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from vsa.ansible.failure import ansible_broke, task_failed, unreachable, without_schema
from vsa.ansible.report import HostResult, Report
from vsa.core import EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE

__all__ = ("Fold", "HostEnded", "Output", "Seen", "StepsDone", "TaskSkipped", "TaskStarted")

_COLLECTION = "flowbiz.vsa."
_INTERNAL_KEYS = frozenset(
    "schema steps diff changed failed msg skipped invocation warnings deprecations exception ansible_facts "
    "skip_reason false_condition vsa_exit vsa_error bootstrap".split()
)
_CONCERN = re.compile(r"([A-Za-z][\w -]*) \| (.+)")
_SAID = re.compile(r"(warning|would change): (.+)", re.DOTALL)
_OUTPUT_KEPT = 200


@dataclass(frozen=True)
class TaskStarted:
    """A host begins a task."""

    host: str
    task: str


@dataclass(frozen=True)
class TaskSkipped:
    """The task that a host had begun was not for it."""

    host: str


@dataclass(frozen=True)
class StepsDone:
    """A host has done steps; ``diffs`` are Ansible's own, to be shown after them."""

    host: str
    steps: tuple[dict[str, Any], ...]
    diffs: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class HostEnded:
    """A host's task failed, or the host could not be reached; it may still be rescued."""

    host: str
    message: str


@dataclass(frozen=True)
class Output:
    """Lines that Ansible itself printed."""

    text: str


Seen = TaskStarted | TaskSkipped | StepsDone | HostEnded | Output


@dataclass
class _Concern:
    """Consecutive tasks ``<Concern> | <What it does>`` of modules that are not ours: one step together."""

    name: str
    changed: list[str] = field(default_factory=list)
    diffs: list[dict[str, Any]] = field(default_factory=list)

    def step(self, *, check: bool) -> dict[str, Any]:
        if not self.changed:
            return {"name": self.name, "state": "ok", "text": "as it should be"}
        return {"name": self.name, "state": "would_change" if check else "changed", "text": " · ".join(self.changed)}


class Fold:
    """Takes events in their order by :meth:`feed`, and gives the report by :meth:`finish`.

    Tasks of other collections become steps too where they are named ``<Concern> | <What it does>``: one step for each
    concern (the tasks of bootstrap are such tasks). A ``debug`` that says ``warning: …`` or ``would change: …`` is a
    step as well. ``clock`` gives seconds, for the durations of the hosts.
    """

    def __init__(self, *, check: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self.report = Report()
        self._check = check
        self._clock = clock
        self._started: dict[str, float] = {}
        self._concerns: dict[str, _Concern] = {}
        self._failures: Mapping[str, int] | None = None
        self._hollow: set[str] = set()
        self._output: list[str] = []

    def feed(self, event: Mapping[str, Any]) -> Iterator[Seen]:
        """Yield what an event means for somebody who watches."""
        kind, data = event.get("event", ""), event.get("event_data") or {}
        if text := event.get("stdout"):
            self._output = [*self._output[-_OUTPUT_KEPT:], text]
            yield Output(text)
        if kind == "playbook_on_stats":
            self._failures = {**(data.get("failures") or {}), **(data.get("dark") or {})}
            yield from (done for host in list(self._concerns) if (done := self._close_concern(host)))
            return
        host = data.get("host")
        if host is None or not kind.startswith("runner_on_"):
            return
        task = str(data.get("task") or data.get("task_action") or "task")
        result = data.get("res") or {}
        if data.get("play_pattern") == "localhost":
            # The play that looks at the inventory before any host is asked.
            if kind == "runner_on_failed" and not data.get("ignore_errors"):
                error, _ = task_failed(result, task=task, ours=False)
                self.report.error = {**error, "state": "nothing was changed"}
                self.report.error_exit = result.get("vsa_exit", EXIT_USAGE)
            return
        yield from self._of_host(host, kind.removeprefix("runner_on_"), task, data, result)

    def _of_host(
        self, host: str, kind: str, task: str, data: Mapping[str, Any], result: Mapping[str, Any]
    ) -> Iterator[Seen]:
        known = self.report.hosts.setdefault(host, HostResult())
        now = self._clock()
        known.seconds = now - self._started.setdefault(host, now)
        if kind == "start":
            yield TaskStarted(host, task.rpartition(" | ")[2])
            return
        if kind == "skipped":
            yield TaskSkipped(host)
            return
        ours = str(data.get("resolved_action") or data.get("task_action") or "").startswith(_COLLECTION)
        if kind == "unreachable":
            known.error, known.exit_code = unreachable(result, changed=known.changed)
            yield HostEnded(host, known.error["message"])
        elif kind == "failed" and not data.get("ignore_errors"):
            yield from self._take(host, known, result, partial=True)
            known.error, known.exit_code = task_failed(result, task=task, ours=ours)
            yield HostEnded(host, known.error["message"])
        elif kind in ("ok", "failed"):
            if ours and "schema" not in result:
                self._hollow.add(host)
                known.error, known.exit_code = without_schema(task)
                yield HostEnded(host, known.error["message"])
            elif "schema" in result:
                yield from self._take(host, known, result)
            else:
                yield from self._plain(host, known, task, data, result)

    def _take(
        self, host: str, known: HostResult, result: Mapping[str, Any], *, partial: bool = False
    ) -> Iterator[Seen]:
        """Add a result of ours: its steps, warnings and diffs, and what remains as payload."""
        steps = [step for step in result.get("steps") or () if isinstance(step, dict)]
        if "schema" in result:
            steps += [
                {"name": "warning", "state": "warning", "text": str(text)} for text in result.get("warnings") or ()
            ]
        if steps and (done := self._close_concern(host)):
            yield done
        known.steps += steps
        if not partial:
            known.changed |= bool(result.get("changed"))
            known.payload.update(
                {key: value for key, value in result.items() if key not in _INTERNAL_KEYS and not key.startswith("_")}
            )
        diffs = _diffs(result)
        known.diffs += diffs
        if steps or diffs:
            yield StepsDone(host, tuple(steps), diffs)

    def _plain(
        self, host: str, known: HostResult, task: str, data: Mapping[str, Any], result: Mapping[str, Any]
    ) -> Iterator[Seen]:
        """Add a result of another collection: to the step of its concern, or its diff alone."""
        changed, diffs = bool(result.get("changed")), _diffs(result)
        known.changed |= changed
        known.diffs += diffs if changed else ()
        named = _CONCERN.fullmatch(task)
        aside = (
            _SAID.fullmatch(str(result.get("msg") or "")) if str(data.get("task_action")).endswith("debug") else None
        )
        if aside:
            name = named[1].lower() if named else aside[1]
            state = "warning" if aside[1] == "warning" else "would_change"
            first, *notes = aside[2].splitlines()
            yield from self._step(host, {"name": name, "state": state, "text": first, "notes": notes})
        elif named:
            yield from self._concern(host, named[1].lower(), named[2] if changed else None, diffs)
        elif changed and diffs:
            yield StepsDone(host, (), diffs)

    def _concern(self, host: str, name: str, changed: str | None, diffs: tuple[dict[str, Any], ...]) -> Iterator[Seen]:
        concern = self._concerns.get(host)
        if concern is None or concern.name != name:
            if done := self._close_concern(host):
                yield done
            concern = self._concerns[host] = _Concern(name)
        if changed:
            concern.changed.append(changed)
            concern.diffs += diffs

    def _step(self, host: str, step: dict[str, Any]) -> Iterator[Seen]:
        if done := self._close_concern(host):
            yield done
        self.report.hosts[host].steps.append(step)
        yield StepsDone(host, (step,))

    def _close_concern(self, host: str) -> StepsDone | None:
        concern = self._concerns.pop(host, None)
        if concern is None:
            return None
        step = concern.step(check=self._check)
        self.report.hosts[host].steps.append(step)
        return StepsDone(host, (step,), tuple(concern.diffs))

    def finish(self, code: int | None, *, interrupted: bool = False) -> Report:
        """Return the report once the run has ended with Ansible's exit code.

        Raises nothing: a run that ended without a result says so in ``report.error``.
        """
        report = self.report
        for host in list(self._concerns):
            self._close_concern(host)
        if interrupted:
            report.error = {
                "message": "interrupted",
                "state": "what was under way on a host ends there or is rolled back",
                "try": "vsa vhost history",
            }
            report.error_exit = EXIT_INTERRUPTED
            return report
        for host, known in report.hosts.items():
            # A failure that a rescue or ignore_unreachable took care of is not in the final count.
            if known.error and self._failures is not None and host not in self._failures and host not in self._hollow:
                known.error, known.exit_code = None, EXIT_OK
        failed = report.error or any(known.error for known in report.hosts.values())
        if code != 0 and not failed:
            report.error, report.error_exit = ansible_broke("\n".join(self._output), code)
        elif not report.hosts and not failed:
            report.error = {
                "message": "no host matches",
                "expected": "at least one host",
                "state": "nothing was changed",
            }
            report.error_exit = EXIT_USAGE
        return report


def _diffs(result: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    found = result.get("diff") or ()
    return tuple(
        entry for entry in ([found] if isinstance(found, dict) else found) if isinstance(entry, dict) and entry
    )
