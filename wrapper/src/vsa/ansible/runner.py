"""The one place where a :class:`~vsa.ansible.run.Run` is executed, and the only file that imports ansible-runner.

What is particular about it, and why:

* the private directory holds the extra vars as a 0600 file, so that nothing typed is ever on a command line;
* runner copies ``os.environ`` and writes it into its artifacts, so it sees a scrubbed one;
* the event handler only enqueues: it runs in runner's reading loop, where any work would stall Ansible's output;
* it answers ``False``, so that runner leaves no copy of an event on disk.
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
from vsa.ansible.environment import scrubbed
from vsa.ansible.private import private_directory
from vsa.ansible.run import Run
from vsa.ansible.unsafe import marked_unsafe
from vsa.core import collections_root

__all__ = ("Execution", "local_name")

_TICK = 0.1
_GRACE_SECONDS = 15
_UNBROKEN = 1000
# -v shows Ansible's plain output, -vv adds results, -vvv is everything.
_ANSIBLE_VERBOSITY = {0: 0, 1: 0, 2: 1}
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def local_name() -> str:
    """Return the name under which this machine stands in the inventory that ``--local`` makes."""
    name = socket.gethostname().partition(".")[0]
    return name if name and all(letter.isalnum() or letter in "-_" for letter in name) else "localhost"


class Execution:
    """One run under way: iterate over it for the events, with ``None`` ten times a second in between.

    Use it as a context manager. After the last event ``code`` is Ansible's exit code and ``interrupted`` says whether a
    signal ended it. INT, TERM and HUP are handed on to Ansible; a second one, or fifteen seconds, ends it by force.
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
        """Yield events until Ansible has ended; ``None`` where nothing happened for a tenth of a second."""
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
        import ansible_runner.interface  # 0.1 s, and --help does not need it

        private = self._stack.enter_context(private_directory())
        for number in _SIGNALS:
            self._stack.callback(signal.signal, number, signal.signal(number, self._signalled))
        columns = shutil.get_terminal_size().columns if self._run.verbosity else _UNBROKEN
        _watch_children(self._born, columns=columns)
        root = collections_root()
        environment = scrubbed(self._caller, root=root, private=private, config=self._config)
        if self._config.interpreter is None:
            # Fixed, not discovered: discovery costs a round trip for each host.
            environment.setdefault("ANSIBLE_PYTHON_INTERPRETER", "/usr/bin/python3")
        with _environment(environment):
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
        except BaseException as error:  # it is raised again where the events are read
            self._failure = error
        finally:
            self._events.put(None)

    def _born(self, child: int) -> None:
        self._child = child
        if self.interrupted:
            self._pass_on(signal.SIGTERM)

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        if self.interrupted:
            self._kill_at = 0.0
        else:
            self._kill_at = time.monotonic() + _GRACE_SECONDS
        self.interrupted = True
        # runner starts Ansible with SIGHUP ignored, so that one is passed on as TERM.
        self._pass_on(signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)

    def _pass_on(self, number: int) -> None:
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child, number)

    def _cancelled(self) -> bool:
        """Tell runner, about once a second, whether to kill what is left."""
        return self._kill_at is not None and time.monotonic() > self._kill_at


def _arguments(run: Run, *, private: Path, audit: Mapping[str, Any]) -> dict[str, Any]:
    """Return runner's keyword arguments; all that was typed goes into files of the private directory."""
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
        # As a list: a text would be taken for the content of an inventory and written to a file.
        arguments["inventory"] = [run.inventory]
    return arguments


def _local_inventory(private: Path) -> Path:
    path = private / "local.json"
    here = {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3"}
    path.write_text(json.dumps({"all": {"hosts": {local_name(): here}}}), encoding="utf-8")
    return path


@contextlib.contextmanager
def _environment(environment: Mapping[str, str]) -> Iterator[None]:
    """Be in another environment for as long as runner copies it."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _watch_children(born: Callable[[int], None], *, columns: int) -> None:
    """Have runner tell the process id of the Ansible that it starts, and not sleep when it has ended.

    runner keeps its child in a local variable, so there is no other way to pass a signal on (its own way is SIGKILL);
    and pexpect sleeps 0.1 s on closing a terminal, which is a tenth of a short run.
    """
    import pexpect  # with ansible-runner
    from ansible_runner import runner as module

    class Spawn(pexpect.spawn):  # type: ignore[misc]
        """A child that is known as soon as it exists."""

        def _spawnpty(self, args: list[str], **kwargs: Any) -> Any:
            # Ansible breaks its messages at the terminal's width; unbroken they can be read again.
            kwargs["dimensions"] = (24, columns)
            process = super()._spawnpty(args, **kwargs)
            process.delayafterclose = 0
            born(process.pid)
            return process

    class Watched:
        """What runner uses of pexpect, with our spawn."""

        spawn = Spawn
        exceptions = pexpect.exceptions
        EOF = pexpect.EOF
        TIMEOUT = pexpect.TIMEOUT

    module.pexpect = Watched
