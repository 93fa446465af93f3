# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks by a client on the passwords of sites: a storm at one site, guesses of names, and restarts meanwhile."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import rig
from proxyhost import ProxyHost

ATTACKED, OTHER = "attacked.login.test", "other.login.test"
PASSWORD = "the right password"
USERS = ("alice", "bob", "carol", "dave", "erin", "frank")
FILES = "/srv/platform/reverse-proxy/data/htpasswd"
Run = Callable[..., subprocess.CompletedProcess[str]]

# Guesses another password with each request over eight connections, for at most two minutes.
_STORM = r"""
import base64, http.client, socket, ssl, sys, threading, time
domain = sys.argv[1]
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
stop = threading.Event()
until = time.monotonic() + 120
seen = {}
def guess(number):
    count = 0
    while not stop.is_set() and time.monotonic() < until:
        try:
            client = http.client.HTTPSConnection("127.0.0.1", 443)
            client.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", 443), 10), server_hostname=domain)
            for _ in range(20):
                count += 1
                words = base64.b64encode(f"alice:guess {number} {count}".encode()).decode()
                client.request("GET", "/", headers={"Host": domain, "Authorization": "Basic " + words})
                answer = client.getresponse(); answer.read()
                seen[answer.status] = seen.get(answer.status, 0) + 1
                if stop.is_set(): break
                time.sleep(0.02)
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
for number in range(8): threading.Thread(target=guess, args=(number,), daemon=True).start()
time.sleep(3)
print("storming", flush=True)
sys.stdin.read()
stop.set(); time.sleep(0.3)
import json; print(json.dumps(seen))
"""


@contextmanager
def storm(host: ProxyHost, domain: str) -> Iterator[dict[str, int]]:
    """Guess passwords of a site meanwhile. Afterwards the mapping has the answers by status."""
    seen: dict[str, int] = {}
    with subprocess.Popen(
        ["docker", "exec", "-i", host.vps.name, "python3", "-c", _STORM, domain],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "storming"
        try:
            yield seen
        finally:
            output, _errors = process.communicate(timeout=30)
            seen.update(json.loads(output.splitlines()[-1]))


def login(host: ProxyHost, domain: str, user: str = "alice", password: str = PASSWORD) -> tuple[int, float]:
    """Return the status of a login, and how long it took in seconds."""
    began = time.monotonic()
    status, _text = host.get(domain, "/", "-u", f"{user}:{password}")
    return status, time.monotonic() - began


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """A proxy with two sites, each behind passwords of its own."""
    host = ProxyHost(proxy_vps)
    host.restart_web("web-1")
    for domain in (ATTACKED, OTHER):
        assert "error" not in host.provision(domain)
    for domain in (ATTACKED, OTHER):
        words = ("auth", "add", "--domain", domain, "--user", "alice", "--password-stdin")
        done = rig.vsa(*words, vps=proxy_vps, input=f"{PASSWORD}\n", check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        # The other users have the same password.
        file = f"{FILES}/{domain}/,"
        script = f'for user in {" ".join(USERS[1:])}; do sed -n "s/^alice:/$user:/p" {file}; done >/root/more'
        host.run("sh", "-c", f"{script} && cat /root/more >>{file} && rm /root/more")
    yield host
    for domain in (ATTACKED, OTHER):
        host.drive(domain=domain, said={"auth": []})
        host.remove(domain)
        host.run("rm", "-rf", f"{FILES}/{domain}")


def test_a_storm_at_one_site_locks_out_nobody_of_another(host: ProxyHost) -> None:
    """Wrong passwords at one site: users of the other site log in for the first time, from the same address too."""
    with storm(host, ATTACKED) as seen:
        answers = [login(host, OTHER, user) for user in USERS]
    # So many that the attacked site puts logins off, on a slow machine too.
    assert seen.get("429", 0) > 0, seen
    assert [status for status, _took in answers] == [200] * len(USERS), answers
    assert max(took for _status, took in answers) < 5, answers


@pytest.mark.parametrize("end", ["reload", pytest.param("restart", marks=pytest.mark.long)])
def test_an_accepted_password_is_remembered_whatever_others_do(host: ProxyHost, end: str) -> None:
    """Accepted once, a password holds across reloads and restarts of NGINX, at the attacked site itself too."""
    ask = f"curl -sk -u 'alice:{PASSWORD}' -o /dev/null -w '%{{http_code}}' --resolve {ATTACKED}:443:127.0.0.1"
    host.wait_until(f"[ $({ask} https://{ATTACKED}/) = 200 ]")
    time.sleep(1.5)  # what is remembered is written once a second
    with storm(host, ATTACKED):
        if end == "reload":
            assert host.provision(OTHER, said={"body_size": "7m"}).get("proven")
        else:
            host.run("docker", "restart", "vsa-nginx")
            host.wait_until(f"curl -sk -o /dev/null --resolve {ATTACKED}:443:127.0.0.1 https://{ATTACKED}/")
        answers = [login(host, ATTACKED) for _ in range(5)]
        host.run("docker", "pause", "vsa-auth")
        answers += [login(host, ATTACKED) for _ in range(3)]
        host.run("docker", "unpause", "vsa-auth")
    assert [status for status, _took in answers] == [200] * 8, answers


def test_another_password_file_ends_the_memory(host: ProxyHost, vsa: Run) -> None:
    assert login(host, OTHER, "frank")[0] == 200
    assert vsa("auth", "remove", "--domain", OTHER, "--user", "frank").returncode == 0
    assert login(host, OTHER, "frank")[0] == 401


@pytest.mark.long
def test_the_time_of_an_answer_does_not_say_who_exists(host: ProxyHost) -> None:
    """A wrong password takes as long for a name without a user as for a name with one."""

    users = ("bob", "nobody-here", "carol", "", "bob ")
    took: dict[str, list[float]] = {user: [] for user in users}
    for number in range(6):
        for user in users:  # in turns, so that a busy machine slows all of them
            time.sleep(1.1)  # below the limit of guesses
            status, seconds = login(host, OTHER, user, f"wrong {user} {number}")
            assert status == 401
            took[user].append(seconds)
    fastest = {user: min(times) for user, times in took.items()}
    with_user = min(fastest["bob"], fastest["carol"])
    without_user = min(fastest[user] for user in users if user not in USERS)
    # The quota of vsa-auth makes the same hash take one or two of the scheduler's periods.
    # Without a hash an answer took a third of the time.
    assert without_user > 0.5 * with_user, fastest
