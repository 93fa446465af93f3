"""Execute a :class:`~vsa.ansible.run.Run`. No other file imports ansible-runner.

Four things differ from the plain use of ansible-runner:

* The extra variables are in a file of mode 0600 in the private directory. So no typed value is on a command line.
* ansible-runner writes a copy of ``os.environ`` into its artifacts. So it gets a scrubbed environment.
* The event handler only puts events into a queue. It is called in the loop that reads Ansible's output, and any work
  there would stall the output.
* The event handler returns False, so that ansible-runner leaves no copy of an event on disk.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shlex
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from vsa.ansible.config import Config
from vsa.ansible.environment import scrubbed, with_short_tmpdir
from vsa.ansible.private import private_directory
from vsa.ansible.run import Run
from vsa.ansible.unsafe import marked_unsafe
from vsa.core import collections_root

__all__ = ("Execution", "local_name")

_TICK = 0.1
_GRACE_SECONDS = 15
_UNBROKEN = 1000
# With -v Ansible prints its plain output, with -vv results too, with -vvv everything.
_ANSIBLE_VERBOSITY = {0: 0, 1: 0, 2: 1}
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def local_name() -> str:
    """Return the name of this machine in the inventory that ``--local`` makes."""
    name = socket.gethostname().partition(".")[0]
    return name if name and all(letter.isalnum() or letter in "-_" for letter in name) else "localhost"


class Execution:
    """A run in progress. Iterate over it to get the events; None comes ten times a second if there is no event.

    Use it as a context manager. After the last event ``code`` is Ansible's exit code, and ``interrupted`` says whether
    a signal ended the run. INT, TERM and HUP are passed on to Ansible. A second signal, or the end of fifteen seconds,
    kills Ansible.
    """

    def __init__(self, run: Run, *, config: Config, caller: Mapping[str, str], audit: Mapping[str, Any]) -> None:
        self.code: int | None = None
        self.interrupted = False
        self._run = run
        self._config = config
        self._caller = caller
        self._audit = audit
        self._events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._child: int | None = None
        self._kill_at: float | None = None
        self._failure: BaseException | None = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Execution:
        """Start Ansible."""
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Put the signals back and remove the private directory; a run still going on is ended first."""
        if self._thread.is_alive():
            self._signalled(signal.SIGTERM, None)
            self._thread.join()
        self._stack.close()

    def __iter__(self) -> Iterator[dict[str, Any] | None]:
        """Yield events until Ansible has ended, and None after each tenth of a second without an event."""
        while True:
            try:
                event = self._events.get(timeout=_TICK)
            except queue.Empty:
                yield None
                continue
            if event is None:
                break
            yield event
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _start(self) -> None:
        import ansible_runner.interface  # imported here: it takes 0.1 s, and --help does not need it

        private = self._stack.enter_context(private_directory())
        for number in _SIGNALS:
            self._stack.callback(signal.signal, number, signal.signal(number, self._signalled))
        columns = shutil.get_terminal_size().columns if self._run.verbosity else _UNBROKEN
        _watch_children(self._child_started, columns=columns)
        root = collections_root()
        environment = scrubbed(self._caller, root=root, private=private, config=self._config)
        if self._config.interpreter is None:
            # The interpreter is fixed, because its discovery costs a round trip for each host.
            environment.setdefault("ANSIBLE_PYTHON_INTERPRETER", "/usr/bin/python3")
        with _environment(with_short_tmpdir(environment, private=private)):
            runner = ansible_runner.interface.init_runner(
                **_arguments(self._run, private=private, audit=self._audit),
                event_handler=self._enqueue,
                cancel_callback=self._cancelled,
            )
        self._thread = threading.Thread(target=self._work, args=(runner,), name="ansible-runner")
        self._thread.start()

    def _enqueue(self, event: dict[str, Any]) -> bool:
        self._events.put(event)
        return False

    def _work(self, runner: Any) -> None:
        try:
            _, self.code = runner.run()
        except BaseException as error:  # __iter__ raises it again
            self._failure = error
        finally:
            self._events.put(None)

    def _child_started(self, child: int) -> None:
        self._child = child
        if self.interrupted:
            self._pass_on(signal.SIGTERM)

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        if self.interrupted:
            self._kill_at = 0.0
        else:
            self._kill_at = time.monotonic() + _GRACE_SECONDS
        self.interrupted = True
        # ansible-runner starts Ansible with SIGHUP ignored, so Ansible gets TERM instead of HUP.
        self._pass_on(signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)

    def _pass_on(self, number: int) -> None:
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child, number)

    def _cancelled(self) -> bool:
        """Say whether ansible-runner is to kill what is left. It asks about once a second."""
        return self._kill_at is not None and time.monotonic() > self._kill_at


def _arguments(run: Run, *, private: Path, audit: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of ansible-runner. All typed values go into files of the private directory."""
    extravars = {**run.extravars, **audit}
    words = [*(["--check"] if run.check else []), *(["--diff"] if run.diff else [])]
    arguments: dict[str, Any] = {
        "private_data_dir": str(private),
        "project_dir": str(Path.cwd()),
        "ident": audit["vsa_audit_id"],
        "playbook": run.playbook,
        "extravars": marked_unsafe(extravars),
        "limit": run.limit,
        "verbosity": _ANSIBLE_VERBOSITY.get(run.verbosity, run.verbosity),
        "cmdline": shlex.join(words) or None,
        "quiet": True,
        "fact_cache_type": "memory",
        "settings": {"pexpect_timeout": 1, "suppress_output_file": True},
    }
    if run.local:
        arguments["inventory"] = [str(_local_inventory(private))]
    elif run.inventory is not None:
        # A list, because ansible-runner takes a string for the content of an inventory and writes it to a file.
        arguments["inventory"] = [run.inventory]
    return arguments


def _local_inventory(private: Path) -> Path:
    path = private / "local.json"
    here = {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3"}
    path.write_text(json.dumps({"all": {"hosts": {local_name(): here}}}), encoding="utf-8")
    return path


@contextlib.contextmanager
def _environment(environment: Mapping[str, str]) -> Iterator[None]:
    """Replace ``os.environ`` while ansible-runner copies it."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _watch_children(born: Callable[[int], None], *, columns: int) -> None:
    """Replace pexpect in ansible-runner, to learn the process id of Ansible and to save a sleep at its end.

    ansible-runner keeps the child in a local variable, so there is no other way to pass a signal on (its own way is
    SIGKILL). pexpect sleeps 0.1 s when it closes a terminal, which is a tenth of a short run.
    """
    import pexpect  # with ansible-runner
    from ansible_runner import runner as module

    class Spawn(pexpect.spawn):  # type: ignore[misc]
        """A child process whose id is known as soon as the process exists."""

        def _spawnpty(self, args: list[str], **kwargs: Any) -> Any:
            # Ansible breaks its messages at the width of the terminal. Unbroken messages can be parsed.
            kwargs["dimensions"] = (24, columns)
            process = super()._spawnpty(args, **kwargs)
            process.delayafterclose = 0
            born(process.pid)
            return process

    class Watched:
        """The part of pexpect that ansible-runner uses, with our spawn."""

        spawn = Spawn
        exceptions = pexpect.exceptions
        EOF = pexpect.EOF
        TIMEOUT = pexpect.TIMEOUT

    module.pexpect = Watched
