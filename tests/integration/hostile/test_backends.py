# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real backends behind a password: Tomcat, Starlette, Express and PHP each read a path in their own way.

A client on the internet tries spellings of the protected path. No answer with the protected page may come without the
password. A new backend is one row of BACKENDS, a new spelling one row of tests/support/spellings.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

import rig
from proxyhost import ProxyHost
from rawclient import Client
from spellings import PROTECTED, spellings

IMAGE, CONTAINER = "vsa-rig-backends:1", "backends"
BACKENDS = {"tomcat": 8001, "starlette": 8002, "express": 8003, "php": 8004}
SECRET, OPEN = "the protected page", "the open page"
PLAIN = (*PROTECTED, "/admin", "/admin/x", "/api/v2/x")
TARGETS = (*PLAIN, *spellings(320))


def site_of(backend: str) -> str:
    return f"{backend}.vsa.test"


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """A proxy with one site per backend; the same paths of each are behind a password that nobody has."""
    proxy_vps.load_images(IMAGE)
    host = ProxyHost(proxy_vps)
    host.run("docker", "rm", "-f", "-v", CONTAINER, check=False)
    host.run("docker", "run", "-d", "--network", "flowbiz_ext", "--name", CONTAINER, IMAGE)
    for port in BACKENDS.values():
        address = f"http://{address_of(host)}:{port}/"
        host.wait_until(f"curl -s {address} | grep -q '{OPEN}'", seconds=90)
    for backend, port in BACKENDS.items():
        made = host.provision(site_of(backend), CONTAINER, port, said={"auth": PROTECTED})
        assert made.get("proven"), str(made)[:3000]
        host.wait_for(site_of(backend), OPEN)
    yield host
    for backend in BACKENDS:
        host.remove(site_of(backend))
        host.run("rm", "-rf", f"/srv/platform/reverse-proxy/data/htpasswd/{site_of(backend)}")
    host.run("docker", "rm", "-f", "-v", CONTAINER)


def address_of(host: ProxyHost) -> str:
    form = "{{.NetworkSettings.Networks.flowbiz_ext.IPAddress}}"
    return host.run("docker", "inspect", "--format", form, CONTAINER).strip()


def fetched(host: ProxyHost, base: str, *options: str) -> tuple[str, set[str]]:
    """Fetch all targets by curl on the host. Return all bodies in one text, and the HTTP versions of the answers."""
    targets = [target for target in TARGETS if "\\" not in target]
    lines = ["silent", "path-as-is", "globoff", 'write-out = "[%{http_version}]\\n"', *options]
    lines += [f'url = "{base}{target}"' for target in targets]
    text = host.run("curl", "-K", "-", stdin="\n".join(lines).encode(), check=False)
    versions = re.findall(r"\[(1\.1|2)\]\n", text)
    assert len(versions) == len(targets)
    return text, set(versions)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_spellings_reach_the_page_if_nothing_protects_it(host: ProxyHost, backend: str) -> None:
    """The proof that the other tests can fail: without the proxy the backend shows the page for odd spellings too."""
    text, _versions = fetched(host, f"http://{address_of(host)}:{BACKENDS[backend]}")
    shown = text.count(SECRET)
    assert shown > len(PLAIN)


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_spelling_shows_the_page_without_the_password(host: ProxyHost, backend: str) -> None:
    client = Client(host.vps.ip, site_of(backend))
    shown = []
    for target in TARGETS:
        status, fields, body = client.ask(target)
        if SECRET.encode() in body or status not in (400, 401, 404):
            shown.append((target, status, body[:80]))
        if fields.get("connection") == "close":
            client.close()
            client = Client(host.vps.ip, site_of(backend))
    client.close()
    assert not shown


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_spelling_shows_the_page_without_the_password_by_http2(host: ProxyHost, backend: str) -> None:
    site = site_of(backend)
    text, versions = fetched(host, f"https://{site}", f'resolve = "{site}:443:127.0.0.1"', "insecure", "http2")
    shown = SECRET in text
    assert not shown
    assert versions == {"2"}


@pytest.mark.parametrize("backend", BACKENDS)
def test_other_paths_of_a_backend_are_open(host: ProxyHost, backend: str) -> None:
    assert OPEN in host.get(site_of(backend), "/")[1]
