# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a container cannot be served: first its state and exit code, then the ports on which it listens.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..._core.errors import RefusedError
from ..machine.docker import Container
from ..machine.sockets import LISTEN, TABLES, tcp_sockets
from .backend import NO_CONNECTION

__all__ = ("Listener", "listeners", "refuse_restarting", "silence_error", "state_error")

_LOOPBACK_6 = "0" * 24 + "01000000"
_ANY_6 = "0" * 32
_IPV4_MAPPED = "0000000000000000FFFF0000"
# Docker's resolver listens on 127.0.0.11 in each container, on a port of its own choice. It is not the application's.
_DOCKER_DNS = "0B00007F"
# A container that ends again and again may run for a moment whenever somebody looks.
_WATCH_SECONDS = 4.0
_PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class Listener:
    """Where a TCP port is open to other machines: by IPv4, by IPv6; by neither if it is open on loopback alone.

    A socket of IPv6 for any address may take IPv4 too. The kernel's tables do not say, so it counts as both, with
    ``maybe``.
    """

    ipv4: bool = False
    ipv6: bool = False
    maybe: bool = False


def listeners(pid: int, *, proc: Path = Path("/proc")) -> dict[int, Listener]:
    """Return the TCP ports on which the applications of a process's network namespace listen."""
    found: dict[int, Listener] = {}
    for name in TABLES:
        try:
            sockets = tcp_sockets((proc / str(pid) / "net" / name).read_text())
        except OSError:
            continue
        for each in sockets:
            if each.state == LISTEN and each.address != _DOCKER_DNS:
                found[each.port] = _with(found.get(each.port), _listener(each.address))
    return found


def _listener(address: str) -> Listener:
    if len(address) == 8 or address.startswith(_IPV4_MAPPED):
        return Listener(ipv4=not address.endswith("7F"))
    if address == _ANY_6:
        return Listener(ipv4=True, ipv6=True, maybe=True)
    return Listener(ipv6=address != _LOOPBACK_6)


def _with(first: Listener | None, second: Listener) -> Listener:
    if first is None:
        return second
    certain = (first.ipv4 and not first.maybe) or (second.ipv4 and not second.maybe)
    ipv4 = first.ipv4 or second.ipv4
    return Listener(ipv4, first.ipv6 or second.ipv6, maybe=ipv4 and not certain)


# -- the state ---------------------------------------------------------------------------------------------------------


def state_error(
    name: str, container: Container | None, *, there_are: Sequence[str], meant: Sequence[str] = ()
) -> RefusedError:
    """Return the error for a container that does not run: its state and its exit code come first.

    ``meant`` are names that the operator may have mistyped.
    """
    if container is None:
        question = f": did you mean {' or '.join(meant)}?" if meant else ""
        return RefusedError(
            f"no container is named {name}{question}",
            field="container",
            value=name,
            there_are=there_are,
            hint="docker ps -a on the host, which shows stopped containers too",
        )
    if container.status == "restarting":
        return _restarting(container)
    commands = {"paused": "unpause", "exited": "start", "created": "start"}
    return RefusedError(
        f"the container is {container.status}{_last_exit(container)}: {name}",
        field="container",
        value=name,
        there_are=there_are,
        hint=f"docker {commands.get(container.status, 'inspect')} {name} on the host",
    )


def refuse_restarting(
    look: Callable[[], Container | None], before: Container, *, seconds: float = _WATCH_SECONDS
) -> None:
    """Raise RefusedError if a container ended while it was asked, or was restarted: it runs in a loop.

    ``look`` returns how the engine shows the container now, ``before`` is how the engine showed it first. A container
    that the engine restarted before is watched for some seconds.
    """
    container = look()
    deadline = time.monotonic() + seconds
    while container is not None and container == before and container.restarts and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
        container = look()
    if container is None:
        raise state_error(before.name, None, there_are=())
    ended = not container.running
    restarted = container.restarts > before.restarts or container.pid != before.pid
    if container.status == "restarting" or (container.restarts and (ended or restarted)):
        raise _restarting(container)
    if ended:
        raise state_error(container.name, container, there_are=())


def _restarting(container: Container) -> RefusedError:
    times = f", {container.restarts} restarts so far" if container.restarts else ""
    return RefusedError(
        f"the container is {container.status}, it ends again and again{_last_exit(container)}{times}: {container.name}",
        field="container",
        value=container.name,
        expected="a container that keeps running",
        hint=f"docker logs {container.name} on the host",
    )


def _last_exit(container: Container) -> str:
    """Return the words about the last exit code, nothing if the container did not end."""
    if container.status not in ("dead", "exited", "restarting"):
        return ""
    words = f", exit code {container.exit_code}"
    return f"{words}, out of memory" if container.out_of_memory else words


# -- the ports ---------------------------------------------------------------------------------------------------------


def silence_error(container: Container, port: int, problem: str, *, proc: Path = Path("/proc")) -> RefusedError:
    """Return the error for a container that runs and whose port the proxy cannot use."""
    if problem != NO_CONNECTION:
        return RefusedError(
            f"{container.name} cannot be served on port {port}: {problem}",
            field="port",
            value=port,
            expected="a port that answers by HTTP",
        )
    open_ports = listeners(container.pid, proc=proc)
    here = open_ports.get(port)
    expected = None
    if here is None:
        where = "" if open_ports else "it listens on no TCP port yet"
    elif here.ipv6 and (here.maybe or not here.ipv4):
        where = "it listens there by IPv6 alone"
        open_ports[port] = Listener(ipv6=True)  # the refused connection tells what the kernel's tables do not
        expected = "a listener on 0.0.0.0: the proxy reaches containers by IPv4"
    elif not here.ipv4:
        where = "it listens there on loopback alone"
        expected = "a listener on 0.0.0.0, not on 127.0.0.1"
    else:
        where = "it listens there, and a firewall of its own or a full queue keeps connections out"
    hint = None
    if container.restarts:
        times = f"{container.restarts} times" if container.restarts > 1 else "once"
        where = f"{where or 'another port is open'}, and the engine has restarted it {times} so far"
        hint = f"docker logs {container.name} on the host"
    message = f"{container.name} does not answer on port {port}"
    return RefusedError(
        f"{message}: {where}" if where else message,
        field="port",
        value=port,
        expected=expected,
        hint=hint,
        there_are=[f"port {number}{_restriction(listener)}" for number, listener in sorted(open_ports.items())],
    )


def _restriction(listener: Listener) -> str:
    if listener.ipv4:
        return ""
    return " (by IPv6 alone)" if listener.ipv6 else " (on loopback alone)"
