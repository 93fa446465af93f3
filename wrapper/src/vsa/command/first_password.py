"""The password of the first user of a site that a stack brings: made here, kept in a file or shown once."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vsa.ansible.private import secret_file
from vsa.ansible.report import Report
from vsa.core import UsageError

__all__ = ("FirstPassword", "added", "first_password")

_RANDOM_BYTES = 18


@dataclass
class FirstPassword:
    """A file with a password for the first user. ``shown`` is the password, None if the operator named the file.

    ``used`` says whether a host has the user now.
    """

    path: str
    shown: str | None = None
    used: bool = False


@contextlib.contextmanager
def first_password(chosen: str | None, *, check: bool) -> Iterator[FirstPassword]:
    """Yield the file with the password of a first user.

    * ``chosen`` is the file that the operator named. A file that exists has the password. A new one is written before
      the run, so that a run that is killed loses no password, and removed if no host needed the password.
    * Without a file the password is in a private one, and is to be shown.
    """
    place = None if chosen is None else Path(chosen).expanduser().resolve()
    if place is not None and place.is_file():
        yield FirstPassword(str(place))
        return
    password = secrets.token_urlsafe(_RANDOM_BYTES)
    if place is None or check:
        with secret_file(password) as path:
            yield FirstPassword(path, shown=password if place is None else None)
        return
    made = FirstPassword(str(place))
    _write(place, password)
    try:
        yield made
    finally:
        if not made.used:
            place.unlink(missing_ok=True)


def _write(place: Path, password: str) -> None:
    """Write a new file that nobody else can read. UsageError if it cannot be made."""
    try:
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(f"{password}\n")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise UsageError(
            f"the file for the password cannot be made: {error.strerror}",
            field="--password-file",
            value=str(place),
            expected="a file, or the name of a new one in a directory that is there",
        ) from error


def added(report: Report) -> bool:
    """Say whether a host has a new user now. The step of the module auth says so."""
    steps = [step for host in report.hosts.values() for step in host.steps]
    return any(step.get("name") == "users" and step.get("state") == "changed" for step in steps)
