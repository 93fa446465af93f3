"""The wrapper's part in the audit trail: register a run before Ansible starts, and close it if the callback did not.

Files below plugins/ are imported where they are needed: ``vsa --help`` does not need them.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsa.core import EXIT_INTERNAL, EXIT_INTERRUPTED, EXIT_OK, STATUS, VsaError

if TYPE_CHECKING:
    # The rest of the wrapper imports the collection's types from here.
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.chain import ChainProblem as ChainProblem
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.chain import ChainVerdict as ChainVerdict
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import AuditRecord as AuditRecord
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import TaskChange as TaskChange
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.index import Index as Index
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.index import Row as Row
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.trail import Trail

    from vsa.ansible.report import Report

__all__ = (
    "Recording",
    "actor_option",
    "index",
    "places",
    "record_of",
    "recorded",
    "row_of",
    "scratch_index",
    "send",
    "trail",
    "unrecorded",
    "verdict",
)

# Ansible was killed: by a signal (runner then knows no code, a shell in between says 128 and its number), or by runner
# on our behalf (254).
_KILLED = (None, *range(129, 160), 254)


def places() -> Places:
    """Return where the trail of this machine and user lies."""
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places as Here

    return Here.here(os.environ)


def actor_option() -> dict[str, str | None]:
    """Return who runs this command, as the option ``actor`` of the collection's modules."""
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.login import current_actor

    return current_actor(os.environ).as_option()


def trail() -> Trail:
    """Return the trail of this machine and user."""
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.trail import Trail as Kept

    return Kept(places())


def index(of: Places | None = None) -> Index:
    """Return the index of the trail."""
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.index import Index as Kept

    return Kept(of or places())


def row_of(run: Mapping[str, Any]) -> Row:
    """Return a run of a host's own trail, as the module audit_info returned it."""
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.index import Row as Made

    return Made(**{**run, "hosts": tuple(run["hosts"]), "sites": tuple(run["sites"])})


def record_of(values: Mapping[str, Any]) -> AuditRecord:
    """Return a record of a host's own trail, as the module audit_info returned it."""
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import from_dict

    return from_dict(values)


@contextlib.contextmanager
def scratch_index() -> Iterator[Index]:
    """Yield an index that is made for this call alone: used if the real index cannot be read."""
    import dataclasses
    import tempfile

    with tempfile.TemporaryDirectory(prefix="vsa-audit-") as folder:
        made = index(dataclasses.replace(places(), state=Path(folder)))
        made.rebuild()
        yield made


def verdict(head: str | None) -> ChainVerdict:
    """Verify the trail: its chain, and that it still contains ``head`` and the heads that the index has seen."""
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.chain import verify

    known = dict.fromkeys(index().heads(), "the index")
    return verify(trail().lines(), heads={**known, **({head: "--head"} if head else {})})


def send(config: Path | None, *, seconds: float) -> Any:
    """Send the records that Loki does not have, and return a ShipResult; None if no Loki is set."""
    from ansible_collections.flowbiz.vsa.plugins.plugin_utils._audit import after_run
    from ansible_collections.flowbiz.vsa.plugins.plugin_utils._loki.settings import loki_settings

    loki = loki_settings(os.environ, config=config, places=places())
    return None if loki is None else after_run.send(places(), loki, seconds=seconds)


class Recording:
    """The record of one run. No method raises: ``warn`` gets a text about what went wrong."""

    def __init__(self, run: Any, *, warn: Callable[[str], None], config: Path | None, masker: Any) -> None:
        self._run = run
        self._warn = warn
        self._config = config
        self._masker = masker

    def hosts(self, names: tuple[str, ...]) -> None:
        """Note the hosts that the run acts on."""
        if self._run is not None:
            self._run.hosts(list(names))

    def changed(self, host: str, task: str, diff: str) -> None:
        """Note a change that this command itself made, with its diff."""
        if self._run is None:
            return
        from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import TaskChange as Made

        with _warning(self._warn):
            shown = self._masker.diff({"prepared": diff})
            self._run.change(Made(host, self._masker.line(task), "vsa", shown))

    def close(self, status: str, *, error: str | None = None, **known: Any) -> None:
        """Write the run's last record, unless the callback has written it."""
        if self._run is None:
            return
        run, self._run, began = self._run, None, time.monotonic()
        with _warning(self._warn):
            if run.close(status, error=self._masker.line(error) if error else None, **known):
                from ansible_collections.flowbiz.vsa.plugins.plugin_utils._audit.after_run import index_and_send
                from ansible_collections.flowbiz.vsa.plugins.plugin_utils._loki.settings import loki_settings

                loki = loki_settings(os.environ, config=self._config, places=places())
                words = index_and_send(places(), loki, began=began)
                if words:
                    self._warn(words)

    def ended(self, report: Report, *, code: int | None, took: float) -> None:
        """Write the last record of a playbook by its report, unless the callback has written it."""
        status = _word(EXIT_INTERRUPTED if code in _KILLED else report.exit_code)
        errors = [report.error, *(host.error for host in report.hosts.values())]
        error = next((str(found.get("message")) for found in errors if found), None)
        hosts = {"hosts": tuple(report.hosts)} if report.hosts else {}
        self.close(status, error=error, duration=round(took, 3), **hosts)


@contextlib.contextmanager
def recorded(
    *,
    verb: str,
    arguments: Mapping[str, Any],
    playbook: str | None = None,
    check: bool = False,
    target: str | None = None,
    config: Path | None = None,
    warn: Callable[[str], None] = lambda words: None,
) -> Iterator[Recording]:
    """Register a run, and close its record at the end, unless the callback or the caller has closed it.

    For a verb without a playbook this writes the first record too. ``arguments`` are masked; ``vsa_audit_id`` among
    them is the id.
    """
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.mask import Masker

    run: Any = None
    with _warning(warn):
        run = _registered(verb, arguments, playbook=playbook, check=check, target=target)
    recording = Recording(run, warn=warn, config=config, masker=Masker(arguments))
    try:
        yield recording
    except (KeyboardInterrupt, GeneratorExit):
        recording.close(_word(EXIT_INTERRUPTED), error="interrupted")
        raise
    except VsaError as error:
        recording.close(_word(error.exit_code), error=error.message)
        raise
    except BaseException as error:
        recording.close(_word(EXIT_INTERNAL), error=type(error).__name__)
        raise
    recording.close(_word(EXIT_OK))


@contextlib.contextmanager
def unrecorded() -> Iterator[Recording]:
    """Yield the recording of a run that leaves no record."""
    yield Recording(None, warn=lambda words: None, config=None, masker=None)


def _registered(
    verb: str, arguments: Mapping[str, Any], *, playbook: str | None, check: bool, target: str | None
) -> Any:
    from ansible_collections.flowbiz.vsa.plugins.plugin_utils._audit.opening import opening_record

    kept = trail()
    kept.sweep()
    record = opening_record(
        places=kept.places,
        environ=os.environ,
        verb=verb,
        playbook=playbook,
        arguments=arguments,
        check=check,
        target=target,
    )
    run = kept.register(record)
    if playbook is None:
        run.started()
    return run


def _word(exit_code: int) -> str:
    return STATUS.get(exit_code, STATUS[EXIT_INTERNAL])


@contextlib.contextmanager
def _warning(warn: Callable[[str], None]) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # no error of the record may fail the run
        warn(f"the audit record of this run is not complete: {type(error).__name__}: {error}")
