"""Run commands and show progress: every part of the rig needs both."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["END", "LABEL", "RigError", "cache_dir", "docker", "lock", "run", "say", "step"]

#: Every object that the rig makes in the engine has this label; ``rig.py down`` finds the objects by the label.
LABEL = "vsa.rig=1"
#: Ends all processes of a VPS. A container that somebody paused there is frozen, and nothing frozen can be killed.
END = "find /sys/fs/cgroup -name freezer.state -exec sh -c 'echo THAWED >$0' {} \\; 2>/dev/null; kill -9 -1"

#: Seconds between two signs of life of a long step, if there is no terminal.
_HEARTBEAT = 5.0

# Only the legacy builder exists in Debian 12's engine and in every newer one.
_ENVIRONMENT = {**os.environ, "DOCKER_BUILDKIT": "0", "LC_ALL": "C.UTF-8"}


class RigError(RuntimeError):
    """The rig cannot do what was requested; the message is for the user."""


def cache_dir(*parts: str) -> Path:
    """Return a private directory (0700) in the user's cache, for keys, archives and logs; never in the repository."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vsa-rig"
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = root.joinpath(*parts)
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


@contextlib.contextmanager
def lock(name: str) -> Iterator[None]:
    """Let one process of this user run at a time, for steps that are not atomic in the engine."""
    with (cache_dir() / f"{name}.lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def say(text: str) -> None:
    """Print one line of progress on stderr: stdout belongs to results."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(text: str) -> Iterator[None]:
    """Announce a step, show that it is still running, and print its seconds."""
    start = time.monotonic()
    terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    done = threading.Event()

    def alive() -> None:
        while not done.wait(1.0 if terminal else _HEARTBEAT):
            seconds = time.monotonic() - start
            if terminal:
                print(f"\r  … {text} {seconds:.0f} s", end="", file=sys.stderr, flush=True)
            else:
                say(f"  … {text}, {seconds:.0f} s so far")

    if terminal:
        print(f"  … {text}", end="", file=sys.stderr, flush=True)
    else:
        say(f"  … {text}")
    thread = threading.Thread(target=alive, daemon=True)
    thread.start()
    mark = "✘"
    try:
        yield
        mark = "✔"
    finally:
        done.set()
        thread.join()
        lead = "\r\033[K" if terminal else ""
        say(f"{lead}  {mark} {text} ({time.monotonic() - start:.1f} s)")


def run(
    argv: Sequence[str],
    *,
    check: bool = True,
    input: str | bytes | None = None,
    timeout: float | None = None,
    log: Path | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command and return it with its output as text. With ``log`` both streams go to that file instead.

    Raises RigError with the end of the output if the command fails.
    """
    data = input.encode() if isinstance(input, str) else input
    # Without this, ssh and docker would read the input of the terminal.
    feed = {"input": data} if data is not None else {"stdin": subprocess.DEVNULL}
    with contextlib.ExitStack() as stack:
        if log is None:
            out: object = subprocess.PIPE
            err: object = subprocess.PIPE
        else:
            out = stack.enter_context(log.open("ab"))
            err = subprocess.STDOUT
        done = subprocess.run(  # type: ignore[call-overload]
            list(argv), stdout=out, stderr=err, timeout=timeout, cwd=cwd, env=_ENVIRONMENT, **feed
        )
    stdout = (done.stdout or b"").decode(errors="replace")
    stderr = (done.stderr or b"").decode(errors="replace")
    if check and done.returncode:
        said = log.read_text(errors="replace") if log else stderr + stdout
        tail = "\n".join("    " + line for line in said.strip().splitlines()[-20:])
        where = f"\n  the whole output: {log}" if log else ""
        raise RigError(f"{' '.join(argv)[:300]}\n  ended with {done.returncode}:\n{tail}{where}")
    return subprocess.CompletedProcess(list(argv), done.returncode, stdout, stderr)


def docker(
    *argv: str, check: bool = True, input: str | bytes | None = None, timeout: float | None = 600
) -> subprocess.CompletedProcess[str]:
    """Call the docker client once."""
    return run(["docker", *argv], check=check, input=input, timeout=timeout)
