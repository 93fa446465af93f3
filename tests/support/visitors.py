# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Visitors of a site, inside of its VPS: GET and POST, on connections that stay open and on fresh ones, and streams."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

__all__ = ("Visits", "visiting")

# Asks until standard input ends. A connection is opened again if an answer said that it ends (`Connection: close`). No
# request is repeated: everything else that goes wrong is a failure.
_PROGRAM = r"""
import collections, http.client, json, socket, ssl, sys, threading, time

domain, clients, streams, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
address = sys.argv[5]
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
ended, lock = threading.Event(), threading.Lock()
answers, versions, failures, whole = collections.Counter(), collections.Counter(), [], []
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()


class Connection(http.client.HTTPConnection):
    def connect(self):
        plain = socket.create_connection((address, 443), timeout=30)
        self.sock = context.wrap_socket(plain, server_hostname=domain)


def one(connection, number):
    method = "POST" if number % 3 == 0 else "GET"
    body = b"x" * 2000 if method == "POST" else None
    path = "/slow?ms=300" if number % 7 == 0 else "/page"
    connection.request(method, path, body=body)
    answer = connection.getresponse()
    text = answer.read()
    version = json.loads(text)["app"] if answer.status == 200 else "none"
    with lock:
        answers[answer.status] += 1
        versions[version] += 1
        if answer.status != 200:
            failures.append(f"{time.time():.1f} {method} {path}: {answer.status}")


def client(place):
    keeps, connection, number = place % 2 == 0, None, place
    while not ended.is_set():
        number += 1
        connection = connection or Connection(domain)
        try:
            one(connection, number)
        except Exception as error:
            connection.close()
            connection = None
            with lock:
                failures.append(f"{time.time():.1f} {number}: {type(error).__name__} {error}")
            continue
        if not keeps:
            connection.close()
            connection = None
        time.sleep(0.05)


def stream():
    try:
        connection = Connection(domain)
        connection.request("GET", f"/stream?count={seconds * 5}&ms=200")
        lines = [line for line in connection.getresponse().read().decode().splitlines() if line.startswith("data: ")]
        with lock:
            whole.append([len(lines), lines[0].split()[1], lines[-1].split()[1]])
    except Exception as error:
        with lock:
            failures.append(f"{time.time():.1f} stream: {type(error).__name__} {error}")


threads = [threading.Thread(target=client, args=(place,)) for place in range(clients)]
threads += [threading.Thread(target=stream) for _number in range(streams)]
for thread in threads:
    thread.start()
print("started", flush=True)
for thread in threads:
    thread.join()
print(json.dumps({"answers": answers, "versions": versions, "failures": failures, "streams": whole}))
"""


@dataclass
class Visits:
    """What the visitors saw: how many answers, of which versions, what failed, and (events, first, last) of streams."""

    answers: int = 0
    versions: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    streams: list[list[Any]] = field(default_factory=list)


@contextmanager
def visiting(
    vps: Any, domain: str, *, clients: int = 6, streams: int = 0, seconds: int = 20, address: str = "127.0.0.1"
) -> Iterator[Visits]:
    """Visit a site during the block. Afterwards the value has what was seen. A stream takes so many seconds.

    Docker's own process passes connections to 127.0.0.1 on, and ends with Docker. The kernel passes those to the
    ``address`` of the host on, as those of visitors from outside.
    """
    seen = Visits()
    words = [domain, str(clients), str(streams), str(seconds), address]
    argv = ["docker", "exec", "-i", vps.name, "python3", "-c", _PROGRAM, *words]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "started\n"
        try:
            yield seen
        finally:
            output, _errors = program.communicate(timeout=120)
            found = json.loads(output)
            seen.answers = sum(found["answers"].values())
            seen.versions, seen.failures, seen.streams = found["versions"], found["failures"], found["streams"]
