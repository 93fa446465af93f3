"""Turn what Ansible reports about a failure into an error that an operator can act on. One pure function per case."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from vsa.core import EXIT_INTERNAL, EXIT_ROLLED_BACK, EXIT_UNREACHABLE, EXIT_USAGE, announced_outcome

__all__ = ("REPORT_IT", "Failure", "ansible_broke", "task_failed", "unreachable", "without_schema")

Failure = tuple[dict[str, Any], int]
"""An error in the shape that our modules return under ``vsa_error``, and its exit code."""

REPORT_IT = "this is a fault of VSA itself: run the same with -vvv, and report its output together with vsa --version"

_PREFIXES = re.compile(
    r"^(?:\s*(?:Task failed|Module failed|Action failed|Failed to connect to the host via ssh|\[ERROR\]"
    r'|Data could not be sent to remote host "[^"]*"\. Make sure this host can be reached over ssh):\s*)+'
)
# A further line of the message of a foreign task: "expected  at least 2.18".
_FACT = re.compile(r"\s*(field|value|expected|there are|it said|state|try)\s{2,}(.+)")
_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\r")
# What Ansible prints before any play if the command line or the inventory is wrong.
_USAGE = (
    "leaves us with no hosts to target",
    "does not match any hosts",
    "No inventory was parsed",
    "Unable to parse",
    "Completely failed to parse inventory",
    "could not match supplied host pattern",
)
_DETAIL_LINES = 20


def task_failed(result: Mapping[str, Any], *, task: str, ours: bool) -> Failure:
    """Return the failure of one task: the error of our own module, or the best that can be made of another failure.

    A foreign task (bootstrap's are) says how it ended at the start of its message: ``refused:``, ``rolled back:`` or
    ``not rolled back:``. A module of ours that fails without ``vsa_exit`` has crashed.
    """
    if isinstance(result.get("vsa_error"), Mapping) and isinstance(result.get("vsa_exit"), int):
        return dict(result["vsa_error"]), result["vsa_exit"]
    culprit = _failed_item(result)
    message = _message(culprit)
    if ours:
        return {
            "message": f"{task}: {message}",
            "details": _tail(culprit),
            "state": "its state was not reported",
            "try": REPORT_IT,
        }, EXIT_INTERNAL
    announced = announced_outcome(message)
    if announced:
        code, rest = announced
        return _spelled_out(rest.splitlines()), code
    return {
        "message": message.splitlines()[0],
        "field": "task",
        "value": task,
        "details": message.splitlines()[1:] + _tail(culprit),
        "state": "what ran before this task stays; the same again goes on from there",
    }, EXIT_ROLLED_BACK


def unreachable(result: Mapping[str, Any], *, changed: bool = False) -> Failure:
    """Return the error of a host that ssh could not reach. ``changed`` says whether the run had already changed it."""
    text = _message(_failed_item(result))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # ssh prints warnings first ("Permanently added …"). The reason of the failure is the last line.
    state = "what was done before stays; the same again goes on from there" if changed else "nothing was changed"
    return {"message": lines[-1], "details": lines[:-1], "state": state}, EXIT_UNREACHABLE


def without_schema(task: str) -> Failure:
    """Return the error of a result of our module that arrived without its content."""
    return {
        "message": f"{task}: the result arrived without its content",
        "expected": "a result with schema: 1",
        "state": "its state was not reported",
        "try": REPORT_IT,
    }, EXIT_INTERNAL


def ansible_broke(output: str, code: int | None) -> Failure:
    """Return the error of a run that ended before any play: a usage error or an internal error, in Ansible's words."""
    lines = [line.rstrip() for line in _CONTROL.sub("", output).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("[ERROR]", "ERROR!", "usage:"))]
    message = _PREFIXES.sub("", (errors or lines or [f"Ansible ended with code {code} and said nothing"])[-1])
    if any(sign in line for sign in _USAGE for line in lines):
        return {"message": message, "details": lines[:-1][-_DETAIL_LINES:], "state": "nothing was changed"}, EXIT_USAGE
    return {
        "message": f"Ansible could not run this: {message}",
        "details": [line for line in lines if message not in line][-_DETAIL_LINES:],
        "state": "nothing was changed",
        "try": REPORT_IT,
    }, EXIT_INTERNAL


def _spelled_out(lines: Sequence[str]) -> dict[str, Any]:
    """Return the error that the lines of a message describe: lines ``key  value``; other lines are details."""
    error: dict[str, Any] = {"message": lines[0] if lines else "it failed", "details": []}
    sentences: list[str] = []
    for line in lines[1:]:
        fact = _FACT.fullmatch(line)
        if fact is None and line.startswith("    ") and len(error) > 2:
            key = next(reversed(error))
            error[key] = f"{error[key]} {line.strip()}"
        elif fact is None:
            sentences.append(line.strip())
        elif fact[1] == "it said":
            error["details"].append(fact[2])
        else:
            error[fact[1].replace(" ", "_")] = fact[2]
    if "there_are" in error:
        error["there_are"] = error["there_are"].split(", ")
    if "state" not in error and sentences:
        # A last sentence without a key is the state that the host is in.
        error["state"] = sentences.pop()
    error["details"] += sentences
    return error


def _failed_item(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the first failed item of a loop's result, or the result itself."""
    items = result.get("results")
    if isinstance(items, list):
        for item in items:
            if isinstance(item, Mapping) and (item.get("failed") or item.get("unreachable") or "exception" in item):
                return item
    return result


def _message(result: Mapping[str, Any]) -> str:
    message = _PREFIXES.sub("", _CONTROL.sub("", str(result.get("msg") or ""))).strip()
    return message or "it failed and said nothing"


def _tail(result: Mapping[str, Any]) -> list[str]:
    """Return the last lines of what a command or a crashed module printed."""
    outputs = [result.get(key) for key in ("stderr", "module_stderr", "module_stdout", "stdout")]
    text = next((output for output in outputs if output), "")
    lines = [line.rstrip() for line in _CONTROL.sub("", str(text)).splitlines() if line.strip()]
    return lines[-_DETAIL_LINES:]
