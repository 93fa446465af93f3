"""Ask the hub of a fleet which hosts report to it: one question over HTTPS, two seconds at most.

``hub_url`` in the inventory is the address of the hub. ``hub_auth_file`` names a file of mode 0600 with one line
``user:password`` of the hub's basic auth; a relative path is relative to the folder of the inventory. The file does not
lie in that folder itself: Ansible reads each file there as an inventory, and a secret does not belong into a
repository.
"""

from __future__ import annotations

import base64
import json
import queue
import stat
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsa.core import UsageError, checked
from vsa.fleet.read import Fleet, is_unknown

__all__ = ("Hub", "NoAnswerError", "ask", "hub_of")

_WAIT_SECONDS = 2.0
_PATH = "/api/v1/nodes"
_MOST = 4 << 20


class NoAnswerError(Exception):
    """The hub gave no answer that can be read. The text says why."""


@dataclass(frozen=True)
class Hub:
    """Where the hub is, and the credentials for its pages. ``authority`` is its name, with a port if it has one."""

    authority: str
    credentials: str | None

    @property
    def url(self) -> str:
        """Return the address as an operator writes it."""
        return f"https://{self.authority}"


def hub_of(fleet: Fleet) -> Hub | None:
    """Return the hub that the inventory names, None if it names none. UsageError if a value is wrong."""
    url = _value(fleet, "hub_url")
    if url is None:
        return None
    url = checked("hub_base", url, field="hub_url")
    named = _value(fleet, "hub_auth_file")
    credentials = None
    if named is not None:
        credentials = _credentials(fleet.folder / Path(named).expanduser())
    return Hub(url.removeprefix("https://"), credentials)


def ask(hub: Hub) -> dict[str, dict[str, Any]]:
    """Return what the hub knows of each node, by their names. NoAnswerError if the hub does not answer in time."""
    # A thread of its own, because no time-out ends the look-up of a name.
    answers: queue.SimpleQueue[object] = queue.SimpleQueue()
    threading.Thread(target=lambda: answers.put(_asked(hub)), daemon=True).start()
    try:
        answer = answers.get(timeout=_WAIT_SECONDS)
    except queue.Empty:
        raise NoAnswerError(f"no answer within {_WAIT_SECONDS:g} s") from None
    if isinstance(answer, NoAnswerError):
        raise answer
    return _by_name(answer)


def _value(fleet: Fleet, name: str) -> str | None:
    """Return a variable of the fleet: that of its hub, else of any host."""
    hubs = (fleet.groups or {}).get("hub", ())
    for host in (*hubs, *fleet.hosts):
        found = fleet.value(host, name)
        if isinstance(found, str) and not is_unknown(found):
            return found
    return None


def _credentials(path: Path) -> str:
    """Return the value of the header ``Authorization``. UsageError if the file is not there, or is open to others."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(
            f"the file cannot be read: {why}",
            field="hub_auth_file",
            value=str(path),
            expected="a file of mode 0600 with one line, user:password",
        ) from error
    if stat.S_IMODE(mode) & 0o077:
        raise UsageError(
            "others can read this file",
            field="hub_auth_file",
            value=str(path),
            expected="mode 0600",
            hint=f"chmod 600 {path}",
        )
    user, colon, password = text.strip().partition(":")
    if not user or not colon or not password or "\n" in text.strip():
        raise UsageError(
            "this is no file with a password",
            field="hub_auth_file",
            value=str(path),
            expected="one line, user:password",
        )
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def _asked(hub: Hub) -> object:
    """Return the JSON of the answer, or the error."""
    import http.client  # imported here, because only a fleet with a hub needs it
    import ssl

    headers = {"Accept": "application/json", "User-Agent": "vsa"}
    if hub.credentials is not None:
        headers["Authorization"] = hub.credentials
    connection = http.client.HTTPSConnection(hub.authority, timeout=_WAIT_SECONDS, context=ssl.create_default_context())
    try:
        connection.request("GET", _PATH, headers=headers)
        answer = connection.getresponse()
        body = answer.read(_MOST)
    except ssl.SSLError as error:
        return NoAnswerError(str(error))
    except (OSError, http.client.HTTPException) as error:
        return NoAnswerError(getattr(error, "strerror", None) or str(error) or type(error).__name__)
    finally:
        connection.close()
    if answer.status != http.client.OK:
        return NoAnswerError(f"it answers {answer.status}")
    try:
        return json.loads(body)
    except ValueError:
        return NoAnswerError("its answer is not JSON")


def _by_name(answer: object) -> dict[str, dict[str, Any]]:
    rows = answer.get("nodes") if isinstance(answer, Mapping) else None
    if not isinstance(rows, list):
        raise NoAnswerError("its answer has no nodes")
    return {str(row["id"]): row for row in rows if isinstance(row, dict) and "id" in row}
