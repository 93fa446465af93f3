"""Turn what Ansible reports about a failure into an error that an operator can act on. One pure function per case."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from vsa.ansible.access import connection_obstacle, python_obstacle, sudo_obstacle, vault_obstacle
from vsa.core import (
    EXIT_INTERNAL,
    EXIT_NOT_ROLLED_BACK,
    EXIT_REFUSED,
    EXIT_ROLLED_BACK,
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    NOTHING_CHANGED,
    announced_outcome,
)

__all__ = (
    "COLLECTION",
    "REPORT_IT",
    "Failure",
    "ansible_broke",
    "not_yaml",
    "task_failed",
    "unreachable",
    "way_to_find_out",
    "without_schema",
)

Failure = tuple[dict[str, Any], int]
"""An error in the shape that our modules return under ``vsa_error``, and its exit code."""

COLLECTION = "flowbiz.vsa."
"""What the full names of our own actions begin with."""

REPORT_IT = "this is a fault of VSA itself: run the same with -vvv, and report its output together with vsa --version"

_PREFIXES = re.compile(
    r"^(?:\s*(?:Task failed|Module failed|Action failed|Failed to connect to the host via ssh|\[ERROR\]"
    r"|Error processing keyword 'hosts'|The lookup plugin 'flowbiz\.vsa\.hosts' failed"
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
    "lookup plugin 'flowbiz.vsa.hosts' failed",
)
# Ansible's words if a collection of others is not installed. Our own collection is where this wrapper is.
_MISSING = re.compile(r"couldn't resolve module/action '((?!flowbiz\.vsa\.)\w+\.\w+)\.\w+'")
_DETAIL_LINES = 20
_VAULTED = {
    "message": "a vaulted value of the inventory could not be decrypted",
    "expected": "the password of the vault",
}
_WENT_BEFORE = "what was done before stays; the same again goes on from there"
# Ansible's words if a module printed no JSON.
_NO_RESULT = "Module result deserialization failed: No start of json"
# The codes of a shell, or of Python, whose program a signal ended: the kernel when memory runs out, or somebody.
_SIGNALS = {137: "KILL", -9: "KILL", 143: "TERM", -15: "TERM"}
_NOT_KNOWN = "what happened on the host is not known: the connection or Ansible ended while a task ran"
_CUT_OFF = "what happened on the host is not known: the program ended in the middle of its work"
_FINISH = "the same command again finishes what was begun"
_FIND_OUT = f"vsa vhost history shows what is live; {_FINISH}"
# How to find out what a verb left on a host, by its noun. Every other noun changes the proxy.
_LOOKS = {
    "stack": "vsa stack ps shows what runs",
    "cert": "vsa cert status shows what is served",
    "host": "vsa status shows the state of the host",
}


def way_to_find_out(verb: str) -> str:
    """Return how to find out what a verb left on a host that was lost while the verb ran."""
    noun = verb.partition(".")[0]
    if noun == "bootstrap":
        return _FINISH
    return f"{_LOOKS[noun]}; {_FINISH}" if noun in _LOOKS else _FIND_OUT


def task_failed(
    result: Mapping[str, Any],
    *,
    task: str,
    action: str,
    first: bool = True,
    reads: bool = False,
    find_out: str = _FIND_OUT,
) -> Failure:
    """Return the failure of one task: the error of our own module, or the best that can be made of another failure.

    ``action`` is the full name of the task's action. A task that only says something (bootstrap has some) says how it
    ended at the start of its message: ``refused:``, ``rolled back:`` or ``not rolled back:``. A module of ours that
    fails without ``vsa_exit`` has crashed, unless a signal ended its program. ``first`` says whether the run had
    changed nothing on the host before, ``reads`` whether the task could change nothing. ``find_out`` is the way to find
    out what a task did whose program was ended.
    """
    if isinstance(result.get("vsa_error"), Mapping) and isinstance(result.get("vsa_exit"), int):
        error, code = dict(result["vsa_error"]), result["vsa_exit"]
        if not first and error.get("state") == NOTHING_CHANGED:
            return {**error, "state": _WENT_BEFORE}, EXIT_NOT_ROLLED_BACK if code == EXIT_REFUSED else code
        return error, code
    culprit = _failed_item(result)
    message = _message(culprit)
    no_access = _without_access(message, _tail(culprit), state=NOTHING_CHANGED if first else _WENT_BEFORE)
    if no_access is not None:
        return no_access
    signal = _SIGNALS.get(culprit.get("rc", 0)) if message.startswith(_NO_RESULT) else None
    if signal is not None:
        return _cut_off(task, signal, first=first, reads=reads, find_out=find_out)
    if action.startswith(COLLECTION):
        return {
            "message": f"{task}: {message}",
            "details": _tail(culprit),
            "state": "its state was not reported",
            "try": REPORT_IT,
        }, EXIT_INTERNAL
    announced = announced_outcome(message, action=action)
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


def _cut_off(task: str, signal: str, *, first: bool, reads: bool, find_out: str) -> Failure:
    """Return the error of a task whose program a signal ended on the host."""
    error = {
        "message": f"{task}: the signal {signal} ended its program on the host",
        "details": ["if memory ran out there, journalctl -k says so"],
    }
    if reads:
        return {**error, "state": NOTHING_CHANGED if first else _WENT_BEFORE}, EXIT_ROLLED_BACK
    return {**error, "state": _CUT_OFF, "try": find_out}, EXIT_NOT_ROLLED_BACK


def _without_access(message: str, tail: Sequence[str], *, state: str) -> Failure | None:
    """Return the error if a task failed before it could begin: a vaulted value, sudo, or no Python. Else None."""
    vault = vault_obstacle(message)
    if vault is not None:
        return {**_VAULTED, "details": message.splitlines()[:1], "state": state, "try": vault.way_out}, EXIT_USAGE
    sudo, python = sudo_obstacle(message), python_obstacle("\n".join((message, *tail)))
    if sudo is None and message.startswith(_NO_RESULT):
        # sudo refused the user: its words stand where the module's result would be.
        said = next((line for line in tail if sudo_obstacle(line)), "")
        sudo, message = sudo_obstacle(said), said or message
    if sudo is not None:
        needed, way_out = "a way to become root on this host", sudo.way_out
    elif python is not None:
        needed, way_out = "Python 3 on this host", python.way_out
        message = "this host has no Python"
    else:
        return None
    return {"message": message.splitlines()[0], "expected": needed, "state": state, "try": way_out}, EXIT_UNREACHABLE


def unreachable(
    result: Mapping[str, Any], *, changed: bool = False, reads: bool = False, find_out: str = _FIND_OUT
) -> Failure:
    """Return the error of a host that could not be reached, or whose connection was lost.

    ``changed`` says whether the run had already changed the host, ``reads`` whether the lost task could change nothing.
    Only if the SSH client says that it got no connection, it is known that the task did not start. ``find_out`` is the
    way to find out what happened otherwise.
    """
    text = _message(_failed_item(result))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    obstacle = connection_obstacle(text)
    # ssh prints warnings first ("Permanently added …"). The reason of the failure is the last line.
    error: dict[str, Any] = {"message": lines[-1], "details": lines[:-1]}
    if obstacle is not None:
        error["try"] = obstacle.way_out
    if changed and (obstacle is not None or reads):
        error["state"] = _WENT_BEFORE
    elif obstacle is not None or reads:
        error["state"] = NOTHING_CHANGED
    else:
        error |= {"state": _NOT_KNOWN, "try": find_out}
    return error, EXIT_UNREACHABLE


def not_yaml(place: str, words: str) -> Failure:
    """Return the error of a file of the inventory that is not YAML: its place (file and line), and what is wrong."""
    return {
        "message": f"{place} is not YAML: {words}",
        "field": "file",
        "value": place,
        "expected": "YAML, as Ansible reads it",
        "state": NOTHING_CHANGED,
    }, EXIT_USAGE


def without_schema(task: str) -> Failure:
    """Return the error of a result of our module that arrived without its content."""
    return {
        "message": f"{task}: the result arrived without its content",
        "expected": "a result with schema: 1",
        "state": "its state was not reported",
        "try": REPORT_IT,
    }, EXIT_INTERNAL


def ansible_broke(output: str, code: int | None, *, started: bool = False, find_out: str = _FIND_OUT) -> Failure:
    """Return the error of a run that ended without a result: a usage error or an internal error, in Ansible's words.

    ``started`` says whether a task had begun on a host. Then it is not known what happened there, and ``find_out`` is
    the way to find out.
    """
    lines = [line.rstrip() for line in _CONTROL.sub("", output).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("[ERROR]", "ERROR!", "usage:"))]
    vault = vault_obstacle("\n".join(errors))
    if vault is not None and not started:
        return {**_VAULTED, "details": errors[-1:], "state": NOTHING_CHANGED, "try": vault.way_out}, EXIT_USAGE
    collection = _MISSING.search("\n".join(errors))
    if collection is not None and not started:
        return {
            "message": f"the collection {collection[1]} is missing on this workstation",
            "details": errors[-1:],
            "state": NOTHING_CHANGED,
            "try": f"{sys.executable} -m pip install ansible",
        }, EXIT_USAGE
    message = _PREFIXES.sub("", (errors or lines or [f"Ansible ended with code {code} and said nothing"])[-1])
    if any(sign in line for sign in _USAGE for line in lines):
        return {"message": message, "details": lines[:-1][-_DETAIL_LINES:], "state": NOTHING_CHANGED}, EXIT_USAGE
    return {
        "message": f"Ansible could not run this: {message}",
        "details": [line for line in lines if message not in line][-_DETAIL_LINES:],
        "state": _NOT_KNOWN if started else NOTHING_CHANGED,
        "try": find_out if started else REPORT_IT,
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
