# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`stack up` and the policy: refuse a stack with findings that nobody allowed, and keep what the operator allows.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from ..._core.errors import RefusedError
from ..._core.finding import Finding
from ..._core.result import CHANGED, OK, WOULD_CHANGE, Step
from ..._core.run_context import RunContext
from ..._core.stack.config import Project, read_project
from ..._core.stack.files import File
from ..._core.stack.manifest import Stack
from ..._core.stack.mounted import is_labelled
from ..._core.stack.policy import refusal
from ..._core.stack.rules.catalogue import NAMES, NEVER, remedy_of
from ..._core.times import rfc3339
from ..machine.clock import time_now
from ..machine.docker import Engine
from ..store.allowed import AllowedFindings
from ..store.layout import Paths
from .policy import judge_stack, with_mounts
from .reading import ComposeReader, ask_compose

__all__ = ("Question", "Verdict", "keep_allowed", "pass_judgement")


@dataclass(frozen=True)
class Question:
    """The version of a stack to judge, and the findings that the operator ``allow``s by name in this ``run``.

    Nobody judges an ``own`` stack, one of the collection: Compose is only asked how it reads the files.
    """

    stack: Stack
    files: Mapping[str, File]
    env: str
    own: bool = False
    allow: tuple[str, ...] = ()
    run: RunContext | None = None


@dataclass(frozen=True)
class Verdict:
    """The stack may run.

    * ``text``: what Compose says of the stack, empty if it could not be asked. ``steps``: what the operator reads about
      findings that are allowed.
    * ``labelled``: for an own stack, whether a service in the text has the hash of the files that it mounts.
    * ``findings``: what the policy found; ``accepted``: those that this run allows.
    """

    text: str = ""
    steps: tuple[Step, ...] = ()
    findings: tuple[Finding, ...] = ()
    accepted: tuple[Finding, ...] = ()
    labelled: bool = False

    @property
    def project(self) -> Project:
        """Return what Compose says as a value."""
        return read_project(self.text)

    @property
    def changed(self) -> bool:
        """Say whether the operator allowed something new."""
        return any(step.state == CHANGED for step in self.steps)


def pass_judgement(
    question: Question, *, paths: Paths, engine: Engine | None, check: bool, compose: ComposeReader
) -> Verdict:
    """Return the verdict about a stack. RefusedError with all findings that are not allowed; nothing is written then.

    In check mode a host without an engine may lack Compose too; the stack is not judged then, and a step says so.
    """
    _refuse_unknown(question.allow)
    stack = question.stack
    try:
        if question.own:
            said = ask_compose(stack, question.files, question.env, paths=paths, compose=compose)
            said = with_mounts(said, stack, question.files, question.env, paths=paths)
            return Verdict(json.dumps(said), labelled=is_labelled(said))
        judged = judge_stack(stack, question.files, question.env, paths=paths, engine=engine, compose=compose)
    except RefusedError as error:
        if engine is not None or not check:
            raise
        return Verdict(steps=(Step("policy", OK, f"the stack could not be judged: {error.message}"),))
    known = AllowedFindings(paths, stack.tenant, stack.name).keys()
    new = [finding for finding in judged.findings if (finding.name, finding.subject) not in known]
    accepted = [finding for finding in new if finding.name in question.allow]
    refused = [finding for finding in new if finding.name not in question.allow]
    if refused:
        raise refusal(stack.name, refused)
    steps = _steps(question, judged.findings, accepted, check=check)
    return Verdict(judged.text, steps, judged.findings, tuple(accepted))


def keep_allowed(question: Question, verdict: Verdict, *, paths: Paths) -> None:
    """Keep what this run allows, with who allowed it, and forget what the stack no longer has."""
    present = {(finding.name, finding.subject) for finding in verdict.findings}
    allowed = AllowedFindings(paths, question.stack.tenant, question.stack.name)
    allowed.keep(present, verdict.accepted, run=question.run, now=rfc3339(time_now()))


def _refuse_unknown(names: tuple[str, ...]) -> None:
    for name in names:
        if name not in NAMES:
            raise RefusedError("there is no such finding", field="allow", value=name, there_are=list(NAMES))
        if name in NEVER:
            raise RefusedError(
                f"nobody can allow {name}: {NEVER[name]}",
                field="allow",
                value=name,
                expected=remedy_of(name),
            )


def _steps(
    question: Question, findings: tuple[Finding, ...], accepted: list[Finding], *, check: bool
) -> tuple[Step, ...]:
    """Return a step that names what the stack may do although the policy refuses it; none if it has no finding."""
    unused = sorted(set(question.allow) - {finding.name for finding in findings})
    notes = tuple(f"{finding.name}: {finding.text}" for finding in findings)
    notes += tuple(f"{name}: the stack has no such finding, so nothing was allowed" for name in unused)
    notes += tuple(f"the port {port.port}/{port.protocol} is declared: {port.reason}" for port in question.stack.ports)
    if not notes:
        return ()
    if accepted:
        names = ", ".join(dict.fromkeys(finding.name for finding in accepted))
        state = WOULD_CHANGE if check else CHANGED
        return (Step("policy", state, f"{names} {'would be' if check else 'is now'} allowed for this stack", notes),)
    return (Step("policy", OK, "the stack reaches the host as the operator allowed" if findings else "passed", notes),)
