"""Why a container cannot be served: its state and exit code, and the ports on which it listens."""

from __future__ import annotations

import dataclasses
import os
import socket
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Container
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.backend import NO_CONNECTION
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.silence import (
    Listener,
    listeners,
    refuse_restarting,
    silence_error,
    state_error,
)

# Linux 6.1, cat /proc/PID/net/tcp of a container (one row of each kind).
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
TAIL = "00000000:00000000 00:00000000 00000000     0        0 {number} 1 0000000000000000 100 0 0 10 0\n"
LISTEN, ESTABLISHED = "0A", "01"
ANY4, LOCAL4, DOCKER_DNS = "00000000", "0100007F", "0B00007F"
ANY6, LOCAL6 = "0" * 32, "0" * 24 + "01000000"
GLOBAL6 = "B80D0120000000000000000001000000"
WEB = Container("web-1", "id", "image", "sha256:image", "running", None, 42, "")
OPEN, LOOPBACK, ONLY_6 = Listener(ipv4=True), Listener(), Listener(ipv6=True)
ANY_6 = Listener(ipv4=True, ipv6=True, maybe=True)
BOTH = Listener(ipv4=True, ipv6=True)


def table(*rows: tuple[str, str], six: bool = False) -> str:
    """Return /proc/PID/net/tcp or tcp6 with sockets in (local address, state)."""
    nothing = "0" * (32 if six else 8)
    lines = [
        f"{number:4}: {local} {nothing}:0000 {state} " + TAIL.format(number=40_000 + number)
        for number, (local, state) in enumerate(rows)
    ]
    return HEAD + "".join(lines)


def lay(proc: Path, tcp: str | None, tcp6: str | None) -> Path:
    net = proc / "42/net"
    net.mkdir(parents=True)
    for name, text in (("tcp", tcp), ("tcp6", tcp6)):
        if text is not None:
            (net / name).write_text(text)
    return proc


@pytest.mark.parametrize(
    ("tcp", "tcp6", "ports"),
    [
        (None, None, {}),
        ("", "", {}),
        (table(), table(six=True), {}),
        (table((f"{ANY4}:0BB8", LISTEN)), None, {3000: OPEN}),
        (table((f"{LOCAL4}:0BB8", LISTEN)), None, {3000: LOOPBACK}),
        (table(("3500007F:0035", LISTEN)), None, {53: LOOPBACK}),
        # Docker's own resolver in each container: never the application's.
        (table((f"{DOCKER_DNS}:9C41", LISTEN), (f"{ANY4}:0BB8", LISTEN)), None, {3000: OPEN}),
        (table(("0200A8C0:1F90", LISTEN)), None, {8080: OPEN}),
        (table((f"{ANY4}:0BB8", ESTABLISHED)), None, {}),
        (None, table((f"{ANY6}:0BB8", LISTEN), six=True), {3000: ANY_6}),
        (None, table((f"{GLOBAL6}:0BB8", LISTEN), six=True), {3000: ONLY_6}),
        (None, table((f"{LOCAL6}:0BB8", LISTEN), six=True), {3000: LOOPBACK}),
        # What a Java or dual-stack program shows for 127.0.0.1, and for an address of the container.
        (None, table(("0000000000000000FFFF00000100007F:0BB8", LISTEN), six=True), {3000: LOOPBACK}),
        (None, table(("0000000000000000FFFF00000200A8C0:0BB8", LISTEN), six=True), {3000: OPEN}),
        (table((f"{LOCAL4}:0BB8", LISTEN)), table((f"{LOCAL6}:0BB8", LISTEN), six=True), {3000: LOOPBACK}),
        (table((f"{LOCAL4}:0BB8", LISTEN)), table((f"{ANY6}:0BB8", LISTEN), six=True), {3000: ANY_6}),
        (table((f"{ANY4}:0BB8", LISTEN), (f"{LOCAL4}:0BB8", LISTEN)), None, {3000: OPEN}),
        (table((f"{ANY4}:0050", LISTEN)), table((f"{ANY6}:0050", LISTEN), six=True), {80: BOTH}),
    ],
)
def test_where_a_container_listens(
    tmp_path: Path, tcp: str | None, tcp6: str | None, ports: dict[int, Listener]
) -> None:
    assert listeners(42, proc=lay(tmp_path, tcp, tcp6)) == ports


@pytest.mark.parametrize(("address", "open_to_all"), [("127.0.0.1", False), ("0.0.0.0", True)])
def test_of_this_very_process(address: str, open_to_all: bool) -> None:
    with socket.create_server((address, 0)) as listener:
        assert listeners(os.getpid())[listener.getsockname()[1]].ipv4 is open_to_all


def test_of_a_process_that_is_gone(tmp_path: Path) -> None:
    assert listeners(42, proc=tmp_path) == {}


@pytest.mark.parametrize(
    ("tcp", "tcp6", "where", "expected"),
    [
        (None, None, "it listens on no TCP port yet", None),
        (table((f"{DOCKER_DNS}:9C41", LISTEN)), None, "it listens on no TCP port yet", None),
        # An IPv6 socket with IPV6_V6ONLY looks like one that takes both: the refused connection tells.
        (None, table((f"{ANY6}:0BB8", LISTEN), six=True), "it listens there by IPv6 alone",
         "a listener on 0.0.0.0: the proxy reaches containers by IPv4"),
        (None, table((f"{GLOBAL6}:0BB8", LISTEN), six=True), "it listens there by IPv6 alone",
         "a listener on 0.0.0.0: the proxy reaches containers by IPv4"),
        (table((f"{LOCAL4}:0BB8", LISTEN)), None, "it listens there on loopback alone",
         "a listener on 0.0.0.0, not on 127.0.0.1"),
        (table((f"{ANY4}:0BB8", LISTEN)), None,
         "it listens there, and a firewall of its own or a full queue keeps connections out", None),
    ],
)  # fmt: skip
def test_issue_14_item_2_a_port_on_which_nobody_answers(
    tmp_path: Path, tcp: str | None, tcp6: str | None, where: str, expected: str | None
) -> None:
    error = silence_error(WEB, 3000, NO_CONNECTION, proc=lay(tmp_path, tcp, tcp6))
    assert error.message == f"web-1 does not answer on port 3000: {where}"
    assert (error.field, error.value, error.expected) == ("port", 3000, expected)


def test_finding_18_a_port_on_which_it_does_not_listen(tmp_path: Path) -> None:
    tcp = table((f"{ANY4}:1F90", LISTEN), (f"{LOCAL4}:0035", LISTEN))
    error = silence_error(
        WEB, 3000, NO_CONNECTION, proc=lay(tmp_path, tcp, table((f"{GLOBAL6}:0051", LISTEN), six=True))
    )
    assert error.message == "web-1 does not answer on port 3000"
    assert error.there_are == ["port 53 (on loopback alone)", "port 81 (by IPv6 alone)", "port 8080"]


def test_issue_14_item_2_the_list_of_ports_agrees_with_the_message(tmp_path: Path) -> None:
    error = silence_error(WEB, 3000, NO_CONNECTION, proc=lay(tmp_path, None, table((f"{ANY6}:0BB8", LISTEN), six=True)))
    assert error.there_are == ["port 3000 (by IPv6 alone)"]


@pytest.mark.parametrize(
    ("restarts", "tcp", "where"),
    [
        (1, None, "it listens on no TCP port yet, and the engine has restarted it once so far"),
        (7, table((f"{ANY4}:1F90", LISTEN)), "another port is open, and the engine has restarted it 7 times so far"),
    ],
)
def test_issue_14_item_2_a_loop_that_is_slower_than_the_watch_is_named(
    tmp_path: Path, restarts: int, tcp: str | None, where: str
) -> None:
    looping = dataclasses.replace(WEB, restarts=restarts)
    error = silence_error(looping, 3000, NO_CONNECTION, proc=lay(tmp_path, tcp, None))
    assert error.message == f"web-1 does not answer on port 3000: {where}"
    assert error.hint == "docker logs web-1 on the host"


def test_a_port_that_answers_otherwise() -> None:
    error = silence_error(WEB, 3000, "it does not speak HTTP there")
    assert error.message == "web-1 cannot be served on port 3000: it does not speak HTTP there"


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        ({"status": "exited", "exit_code": 1}, "the container is exited, exit code 1: web-1",
         "docker start web-1 on the host"),
        ({"status": "exited", "exit_code": 137, "out_of_memory": True},
         "the container is exited, exit code 137, out of memory: web-1", "docker start web-1 on the host"),
        ({"status": "created"}, "the container is created: web-1", "docker start web-1 on the host"),
        ({"status": "paused"}, "the container is paused: web-1", "docker unpause web-1 on the host"),
        ({"status": "dead", "exit_code": 1}, "the container is dead, exit code 1: web-1",
         "docker inspect web-1 on the host"),
        ({"status": "restarting", "exit_code": 3, "restarts": 7},
         "the container is restarting, it ends again and again, exit code 3, 7 restarts so far: web-1",
         "docker logs web-1 on the host"),
    ],
)  # fmt: skip
def test_issue_14_item_2_the_state_and_the_exit_code_come_first(
    changes: dict[str, object], message: str, hint: str
) -> None:
    error = state_error("web-1", dataclasses.replace(WEB, **changes), there_are=["web-2"])  # type: ignore[arg-type]
    assert (error.message, error.hint, error.field) == (message, hint, "container")


def test_a_container_that_does_not_exist() -> None:
    error = state_error("web-9", None, there_are=["web-1"])
    assert (error.message, error.there_are) == ("no container is named web-9", ["web-1"])
    error = state_error("web1", None, there_are=["web-1"], meant=["web-1"])
    assert error.message == "no container is named web1: did you mean web-1?"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": "restarting", "exit_code": 1, "restarts": 3}, "restarting, it ends again and again, exit code 1"),
        # It ran when it was asked, and again when it was looked at: with another process.
        ({"pid": 43, "restarts": 4}, "running, it ends again and again, 4 restarts so far"),
        ({"status": "exited", "exit_code": 2}, "the container is exited, exit code 2"),
    ],
)
def test_issue_14_item_2_a_restart_loop_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        refuse_restarting(lambda: dataclasses.replace(WEB, **changes), WEB)  # type: ignore[arg-type]


def test_issue_14_item_2_a_container_of_a_loop_that_runs_for_a_moment_is_watched() -> None:
    runs = dataclasses.replace(WEB, restarts=3)
    seen = iter([runs, runs, dataclasses.replace(runs, status="restarting", exit_code=3)])
    with pytest.raises(RefusedError, match="it ends again and again, exit code 3, 3 restarts so far"):
        refuse_restarting(lambda: next(seen), runs)


def test_a_container_that_keeps_running_or_is_gone() -> None:
    refuse_restarting(lambda: WEB, WEB)
    restarted = dataclasses.replace(WEB, restarts=2)
    refuse_restarting(lambda: restarted, restarted, seconds=0.3)
    with pytest.raises(RefusedError, match="no container is named web-1"):
        refuse_restarting(lambda: None, WEB)
