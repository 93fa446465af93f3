"""Turn the events of ansible-runner into a report. Nothing here has effects, so recorded events can test all of it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from vsa.ansible.failure import COLLECTION, ansible_broke, task_failed, unreachable, way_to_find_out, without_schema
from vsa.ansible.report import HostResult, Report
from vsa.core import EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE

__all__ = ("Fold", "HostEnded", "Output", "Seen", "StepsDone", "TaskSkipped", "TaskStarted")

_INTERNAL_KEYS = frozenset(
    "schema steps diff changed failed msg skipped invocation warnings deprecations exception ansible_facts "
    "skip_reason false_condition vsa_exit vsa_error bootstrap place generation_changes".split()
)
_CONCERN = re.compile(r"([A-Za-z][\w -]*) \| (.+)")
_ANNOUNCED = re.compile(r"(warning|would change): (.+)", re.DOTALL)
_OUTPUT_KEPT = 200


@dataclass(frozen=True)
class TaskStarted:
    """A host starts a task."""

    host: str
    task: str


@dataclass(frozen=True)
class TaskSkipped:
    """A host skipped the task that it had started."""

    host: str


@dataclass(frozen=True)
class StepsDone:
    """A host has done steps. ``diffs`` are Ansible's own diffs, which are shown after the steps."""

    host: str
    steps: tuple[dict[str, Any], ...]
    diffs: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class HostEnded:
    """A task of a host failed, or the host could not be reached. A rescue may still take care of the failure."""

    host: str
    message: str


@dataclass(frozen=True)
class Output:
    """Lines that Ansible itself printed."""

    text: str


Seen = TaskStarted | TaskSkipped | StepsDone | HostEnded | Output


@dataclass
class _Concern:
    """One step, made of consecutive tasks that are named ``<Concern> | <What it does>`` and are not our modules."""

    name: str
    changed: list[str] = field(default_factory=list)
    diffs: list[dict[str, Any]] = field(default_factory=list)

    def step(self, *, check: bool) -> dict[str, Any]:
        if not self.changed:
            return {"name": self.name, "state": "ok", "text": "as it should be"}
        return {"name": self.name, "state": "would_change" if check else "changed", "text": " · ".join(self.changed)}


class Fold:
    """Takes the events in their order by :meth:`feed`, and returns the report by :meth:`finish`.

    Tasks of other collections become steps too, if their names have the form ``<Concern> | <What it does>``: one step
    per concern. The tasks of bootstrap have such names. A ``debug`` task whose message begins with ``warning:`` or
    ``would change:`` is a step as well. ``clock`` returns seconds; the durations of the hosts come from it.
    ``in_own_words`` turns the hints in a module's result into commands to type. ``verb`` is the verb of the run: it
    decides how to find out what a run that was cut off left.
    """

    def __init__(
        self,
        *,
        check: bool = False,
        clock: Callable[[], float] = time.monotonic,
        in_own_words: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
        verb: str = "",
    ) -> None:
        self.report = Report()
        self._check = check
        self._clock = clock
        self._in_own_words = in_own_words
        self._find_out = way_to_find_out(verb)
        self._started: dict[str, float] = {}
        self._concerns: dict[str, _Concern] = {}
        self._failures: Mapping[str, int] | None = None
        self._without_schema: set[str] = set()
        # Hosts that were asked for the domain of the verb, and those that acted. The report is about the latter.
        self._asked: set[str] = set()
        self._acted: set[str] = set()
        self._output: list[str] = []

    def feed(self, event: Mapping[str, Any]) -> Iterator[Seen]:
        """Yield what an event means for somebody who watches the run."""
        kind, data = event.get("event", ""), event.get("event_data") or {}
        text = event.get("stdout")
        if text:
            self._output = [*self._output[-_OUTPUT_KEPT:], text]
            yield Output(text)
        if kind == "playbook_on_stats":
            self._failures = {**(data.get("failures") or {}), **(data.get("dark") or {})}
            for name in list(self._concerns):
                yield from self._close_concern(name)
            return
        host = data.get("host")
        if host is None or not kind.startswith("runner_on_"):
            return
        task = str(data.get("task") or data.get("task_action") or "task")
        result = self._in_own_words(data.get("res") or {})
        yield from self._host_event(host, kind.removeprefix("runner_on_"), task, data, result)

    def _host_event(
        self, host: str, kind: str, task: str, data: Mapping[str, Any], result: Mapping[str, Any]
    ) -> Iterator[Seen]:
        known = self.report.hosts.setdefault(host, HostResult())
        now = self._clock()
        known.seconds = now - self._started.setdefault(host, now)
        if kind == "start":
            yield from self._close_other_concern(host, task)
            yield TaskStarted(host, task.rpartition(" | ")[2])
            return
        if kind == "skipped":
            yield TaskSkipped(host)
            return
        if kind == "failed" and result.get("vsa_of_run"):
            self.report.error, self.report.error_exit = task_failed(result, task=task, action=_action(data))
            return
        action = _action(data)
        ours = action.startswith(COLLECTION)
        reads = self._check or action.endswith("_info")
        if kind == "unreachable":
            known.error, known.exit_code = unreachable(
                result, changed=known.changed, reads=reads, find_out=self._find_out
            )
            yield HostEnded(host, known.error["message"])
        elif kind == "failed" and not data.get("ignore_errors"):
            yield from self._add_own(host, known, result, partial=True)
            # In check mode "changed" means that something would change.
            first = self._check or not known.changed
            known.error, known.exit_code = task_failed(
                result, task=task, action=action, first=first, reads=reads, find_out=self._find_out
            )
            yield HostEnded(host, known.error["message"])
        elif kind in ("ok", "failed"):
            if ours and "schema" not in result:
                self._without_schema.add(host)
                known.error, known.exit_code = without_schema(task)
                yield HostEnded(host, known.error["message"])
            elif "schema" in result:
                (self._asked if "place" in result else self._acted).add(host)
                yield from self._add_own(host, known, result)
            else:
                yield from self._add_foreign(host, known, task, data, result)

    def _add_own(
        self, host: str, known: HostResult, result: Mapping[str, Any], *, partial: bool = False
    ) -> Iterator[Seen]:
        """Add the result of one of our modules: steps, warnings and diffs; all other keys are the payload.

        ``partial`` results, those of a failed task, add no payload.
        """
        steps = [step for step in result.get("steps") or () if isinstance(step, dict)]
        if "schema" in result:
            warnings = [str(text) for text in result.get("warnings") or ()]
            steps += [{"name": "warning", "state": "warning", "text": text} for text in warnings]
        if steps:
            yield from self._close_concern(host)
        known.steps += steps
        if not partial:
            known.changed |= bool(result.get("changed"))
            known.payload.update(_payload(result))
        diffs = _diffs(result)
        known.diffs += diffs
        if steps or diffs:
            yield StepsDone(host, tuple(steps), diffs)

    def _add_foreign(
        self, host: str, known: HostResult, task: str, data: Mapping[str, Any], result: Mapping[str, Any]
    ) -> Iterator[Seen]:
        """Add the result of a module of another collection, to the step of its concern or as a diff alone."""
        changed, diffs = bool(result.get("changed")), _diffs(result)
        if changed:
            known.changed = True
            known.diffs += diffs
        named = _CONCERN.fullmatch(task)
        announced = None
        if str(data.get("task_action")).endswith("debug"):
            announced = _ANNOUNCED.fullmatch(str(result.get("msg") or ""))
        if announced:
            kind, text = announced[1], announced[2]
            first, *notes = text.splitlines()
            name = named[1].lower() if named else kind
            state = "warning" if kind == "warning" else "would_change"
            yield from self._step(host, {"name": name, "state": state, "text": first, "notes": notes})
        elif named:
            yield from self._concern(host, named[1].lower(), named[2] if changed else None, diffs)
        elif changed and diffs:
            yield StepsDone(host, (), diffs)

    def _concern(self, host: str, name: str, changed: str | None, diffs: tuple[dict[str, Any], ...]) -> Iterator[Seen]:
        concern = self._concerns.get(host)
        if concern is None or concern.name != name:
            yield from self._close_concern(host)
            concern = self._concerns[host] = _Concern(name)
        if changed:
            concern.changed.append(changed)
            concern.diffs += diffs

    def _step(self, host: str, step: dict[str, Any]) -> Iterator[Seen]:
        yield from self._close_concern(host)
        self.report.hosts[host].steps.append(step)
        yield StepsDone(host, (step,))

    def _close_other_concern(self, host: str, task: str) -> Iterator[StepsDone]:
        """End the step of the present concern if a task of another one begins, so that progress overtakes no result."""
        concern, named = self._concerns.get(host), _CONCERN.fullmatch(task)
        if concern is not None and named is not None and named[1].lower() != concern.name:
            yield from self._close_concern(host)

    def _close_concern(self, host: str) -> Iterator[StepsDone]:
        """End the step of the host's present concern, if there is one."""
        concern = self._concerns.pop(host, None)
        if concern is not None:
            step = concern.step(check=self._check)
            self.report.hosts[host].steps.append(step)
            yield StepsDone(host, (step,), tuple(concern.diffs))

    def finish(self, code: int | None, *, interrupted: bool = False) -> Report:
        """Return the report after the run has ended with Ansible's exit code.

        Raises nothing. If a run ended without a result, ``report.error`` says so.
        """
        report = self.report
        for host in list(self._concerns):
            list(self._close_concern(host))
        if interrupted:
            report.error = {
                "message": "interrupted",
                "state": "what was under way on a host ends there or is rolled back",
                "try": self._find_out,
            }
            report.error_exit = EXIT_INTERRUPTED
            return report
        for host, known in report.hosts.items():
            if known.error and self._was_rescued(host):
                known.error, known.exit_code = None, EXIT_OK
        idle = {host for host in self._asked - self._acted if not report.hosts[host].error}
        report.hosts = {host: known for host, known in report.hosts.items() if host not in idle}
        failed = report.error or any(known.error for known in report.hosts.values())
        if code != 0 and not failed:
            output, started = "\n".join(self._output), bool(self._started) and not self._check
            report.error, report.error_exit = ansible_broke(output, code, started=started, find_out=self._find_out)
        elif not report.hosts and not failed:
            report.error = {
                "message": "no host matches",
                "expected": "at least one host",
                "state": "nothing was changed",
            }
            report.error_exit = EXIT_USAGE
        return report

    def _was_rescued(self, host: str) -> bool:
        """Say whether a rescue or ignore_unreachable took care of a failure: the final count has no such failure."""
        counted = self._failures is None or host in self._failures
        return not counted and host not in self._without_schema


def _action(data: Mapping[str, Any]) -> str:
    """Return the full name of the action of a task."""
    return str(data.get("resolved_action") or data.get("task_action") or "")


def _payload(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a verb shows of a module's result."""
    return {key: value for key, value in result.items() if key not in _INTERNAL_KEYS and not key.startswith("_")}


def _diffs(result: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    found = result.get("diff") or ()
    entries = [found] if isinstance(found, dict) else found
    return tuple(entry for entry in entries if isinstance(entry, dict) and entry)
