"""The audit trail at this door: a run is registered before Ansible starts, and closed where the callback could not.

What is under plugins/ is imported when it is needed: ``vsa --help`` does without.
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
    # By these names the rest of the wrapper knows the collection's own types.
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.chain import ChainProblem as ChainProblem
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.chain import ChainVerdict as ChainVerdict
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import AuditRecord as AuditRecord
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
    "recorded",
    "scratch_index",
    "send",
    "status_words",
    "trail",
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


@contextlib.contextmanager
def scratch_index() -> Iterator[Index]:
    """Yield an index that is made for this call alone: for where the real one cannot be read now."""
    import dataclasses
    import tempfile

    with tempfile.TemporaryDirectory(prefix="vsa-audit-") as folder:
        made = index(dataclasses.replace(places(), state=Path(folder)))
        made.rebuild()
        yield made


def verdict(head: str | None) -> ChainVerdict:
    """Return whether the trail is whole, and has the head still that is given and those that the index has seen."""
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.chain import verify

    known = dict.fromkeys(index().heads(), "the index")
    return verify(trail().lines(), heads={**known, **({head: "--head"} if head else {})})


def status_words() -> tuple[str, ...]:
    """Return the words for how a run is or has ended."""
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import STARTED

    return (STARTED, *STATUS.values())


def send(config: Path | None, *, seconds: float) -> Any:
    """Push what was not pushed yet, and return what came of it; None where no Loki is set."""
    from ansible_collections.flowbiz.vsa.plugins.plugin_utils._audit import after_run
    from ansible_collections.flowbiz.vsa.plugins.plugin_utils._loki.settings import loki_settings

    loki = loki_settings(os.environ, config=config, places=places())
    return None if loki is None else after_run.send(places(), loki, seconds=seconds)


class Recording:
    """The record of one run. It never raises: what goes wrong is said by ``warn``."""

    def __init__(self, run: Any, *, warn: Callable[[str], None], config: Path | None, masker: Any) -> None:
        self._run = run
        self._warn = warn
        self._config = config
        self._masker = masker

    def hosts(self, names: tuple[str, ...]) -> None:
        """Say on which hosts the run acts."""
        if self._run is not None:
            self._run.hosts(list(names))

    def close(self, status: str, *, error: str | None = None, **known: Any) -> None:
        """Write the last record where the callback has not."""
        if self._run is None:
            return
        from ansible_collections.flowbiz.vsa.plugins.plugin_utils._audit.after_run import index_and_send
        from ansible_collections.flowbiz.vsa.plugins.plugin_utils._loki.settings import loki_settings

        run, self._run, began = self._run, None, time.monotonic()
        with _warning(self._warn):
            if run.close(status, error=self._masker.line(error) if error else None, **known):
                loki = loki_settings(os.environ, config=self._config, places=places())
                words = index_and_send(places(), loki, began=began)
                if words:
                    self._warn(words)

    def ended(self, report: Report, *, code: int | None, took: float) -> None:
        """Write the last record of a playbook by what came of it, where the callback has not."""
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
    """Register a run, and see that its record has an end: by the callback, by what is called on the recording, or here.

    A verb without a playbook has its first record from here too. ``arguments`` are masked; ``vsa_audit_id`` among them
    is the id.
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
    except Exception as error:  # a record is never worth the run
        warn(f"the audit record of this run is not complete: {type(error).__name__}: {error}")
