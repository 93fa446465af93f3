# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of clients, backends and other programs: they are shown, and decide nothing."""

from __future__ import annotations

import subprocess
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import rig
from proxyhost import TEMPLATES, ProxyHost

NOISY, QUIET = "noisy.words.test", "quiet.words.test"
ERROR_LOG = "/srv/platform/reverse-proxy/logs/nginx/error.log"
FORGED = "[emerg] 1#1: the attacker's words"

# Asks a site whose container is gone, fifty times a second for at most a minute, with the words in a header.
_SENDER = r"""
import http.client, socket, ssl, sys, threading, time
domain, words = sys.argv[1:]
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
until = time.monotonic() + 60
connection = http.client.HTTPSConnection("127.0.0.1", 443, context=context)
connection.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", 443), 10), server_hostname=domain)
sent = 0
while not stop.is_set() and time.monotonic() < until:
    try:
        if connection.sock is None:
            plain = socket.create_connection(("127.0.0.1", 443), 10)
            connection.sock = context.wrap_socket(plain, server_hostname=domain)
        connection.request("GET", "/", headers={"Host": domain, "Referer": words})
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        connection.close()
    sent += 1
    if sent == 50: print("sending", flush=True)
    time.sleep(0.02)
"""


@contextmanager
def sending(host: ProxyHost, domain: str, words: str) -> Iterator[None]:
    """Send requests with hostile words in their Referer meanwhile."""
    with subprocess.Popen(
        ["docker", "exec", "-i", host.vps.name, "python3", "-c", _SENDER, domain, words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline().strip() == b"sending"
        try:
            yield
        finally:
            process.stdin.close()
            process.wait(timeout=30)


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """A proxy with two sites; the container of the noisy one is gone."""
    host = ProxyHost(proxy_vps)
    host.restart_web("web-1")
    host.run("docker", "rm", "-f", "words-gone", check=False)
    assert host.provision(NOISY, "words-gone").get("proven")
    assert host.provision(QUIET).get("proven")
    host.wait_for(QUIET)
    yield host
    for domain in (NOISY, QUIET):
        host.remove(domain)


def _with_zone(key: str) -> dict[str, str]:
    """Return templates with a zone. NGINX's test accepts another key for the zone, and a reload does not."""
    main = TEMPLATES["nginx.conf.j2"].replace("http {", f"http {{\n    limit_req_zone {key} zone=trap:1m rate=1r/s;", 1)
    return {**TEMPLATES, "nginx.conf.j2": main}


def test_a_client_cannot_make_a_reload_fail(host: ProxyHost) -> None:
    """50 requests a second whose Referer reads like NGINX's own refusal: the change of another site succeeds."""
    with sending(host, NOISY, FORGED):
        host.wait_until(f"grep -qF 'attacker' {ERROR_LOG}")
        for number in range(3):
            made = host.provision(QUIET, said={"body_size": f"{number + 2}m"})
            assert made.get("proven"), str(made)[:2000]
            assert host.served() == host.live() == made["number"]


def test_a_refused_reload_is_told_in_words_of_the_master_alone(host: ProxyHost) -> None:
    """NGINX refuses at the reload what its test accepts: the reason comes from the master, never from a client."""
    assert host.drive(sync=True, templates=_with_zone("$host")).get("proven")
    live = host.live()
    with sending(host, NOISY, FORGED):
        host.wait_until(f"tail -n 20 {ERROR_LOG} | grep -qF 'attacker'")
        refused = host.drive(sync=True, templates=_with_zone("$remote_addr"))
    assert refused["error"] == "RolledBackError", str(refused)[:2000]
    assert "limit_req" in str(refused)
    assert "trap" in str(refused)
    assert "attacker" not in str(refused)
    assert host.served() == host.live() == live
    host.drive(sync=True)


# Clears the screen, sets the title, C1 control, reversed text, a second line, and a line end that only Python knows.
HOSTILE = "\x1b[2J\x1b]0;title\x07 \x9b31m \u202egnp.exe\u2066 \u2028forged \x85forged \r\x7f\u200b end-of-words"


def acts(text: str) -> set[str]:
    """Return the characters of a text that act on a terminal, but the line feed."""
    return {letter for letter in text if letter != "\n" and unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp")}


@pytest.mark.parametrize("door", ["terminal", "json", "ansible"])
def test_words_of_a_container_do_nothing_to_a_terminal(
    host: ProxyHost, vsa: Callable[..., Any], playbook: Callable[..., Any], door: str
) -> None:
    """What a container wrote to its log is shown escaped, at every door."""
    host.run("docker", "rm", "-f", "words-log", check=False)
    compose = "com.docker.compose"
    folder = f"{compose}.project.working_dir=/srv/platform/reverse-proxy"
    labels = (f"{compose}.project=reverse-proxy", f"{compose}.service=words", folder)
    host.run(
        *("docker", "run", "-d", "--name", "words-log", *(word for label in labels for word in ("--label", label))),
        *("--entrypoint", "python3", "vsa-demo-web:1", "-c", f"print({HOSTILE!r})"),
    )
    host.wait_until("docker logs words-log | grep -q end-of-words")
    if door == "ansible":
        done = playbook("flowbiz.vsa.stack.logs", {"stack_name": "reverse-proxy"})
    else:
        done = vsa("stack", "logs", "reverse-proxy", *(("--json",) if door == "json" else ()))
    host.run("docker", "rm", "-f", "words-log")
    text = done.stdout + done.stderr
    assert acts(text) == set()
    if door != "ansible":
        assert "end-of-words" in text
        assert len([line for line in text.split("\n") if line.strip().startswith("forged")]) == 0


def test_words_of_docker_are_marked_and_escaped(host: ProxyHost) -> None:
    """An error of the engine that quotes a hostile value."""
    failed = host.drive(domain=QUIET, said={"container": "web-1", "port": 3000}, absent=False, docker=HOSTILE)
    assert failed["error"] == "RolledBackError"
    assert "and says: " in failed["msg"]
    assert acts(failed["msg"]) == set()
    assert len(failed["msg"]) < 800
