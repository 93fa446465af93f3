# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks by a local user without root: the lock of the host, secrets on disk, and programs that root runs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import rig
from proxyhost import NGINX, ProxyHost

SITE = "local.user.test"
LOCK = f"{NGINX}/.lock"


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """A proxy with one site, and a host whose lock anybody could open before this version."""
    host = ProxyHost(proxy_vps)
    host.restart_web("web-1")
    host.run("sh", "-c", f"echo 'process 1' >{LOCK}; chmod 644 {LOCK}")
    assert "error" not in host.provision(SITE)
    yield host
    host.remove(SITE)


@contextmanager
def holding(host: ProxyHost, *become: str) -> Iterator[bool]:
    """Hold the host's lock meanwhile, as flock(1) in a shell does it. Says whether the lock is held."""
    script = f"exec 9<{LOCK} && flock -n 9 && echo held && sleep 30"
    with subprocess.Popen(
        ["docker", "exec", host.vps.name, *become, "sh", "-c", f"{{ {script}; }} || echo refused"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip() == "held"
        finally:
            host.run("pkill", "-f", "flock -n 9 && echo held", check=False)
            process.wait(timeout=60)


def test_a_local_user_cannot_hold_the_lock_of_the_host(host: ProxyHost) -> None:
    """The lock of a host of before is closed by the first change."""
    assert "error" not in host.provision(SITE, said={"body_size": "3m"})
    with holding(host, "setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups") as held:
        assert not held
        assert "error" not in host.provision(SITE, said={"body_size": "4m"})
    assert host.run("stat", "-c", "%a %U", LOCK).split() == ["600", "root"]


def test_who_really_holds_the_lock_is_named(host: ProxyHost) -> None:
    """The kernel knows the holder. What stands in the file is nobody's word."""
    host.run("sh", "-c", f"echo 'process 1' >{LOCK}")
    with holding(host) as held:
        assert held
        refused = host.drive(domain=SITE, said={"body_size": "5m"}, lock_seconds=1)
    assert refused["error"] == "RefusedError"
    assert "the host's lock is held by process " in refused["msg"]
    assert "of root (sh -c { exec 9<" in refused["msg"]
    assert "process 1 " not in refused["msg"]


def test_the_settings_of_the_host_are_for_root_alone(host: ProxyHost) -> None:
    """A setting may be the address of a webhook with a token in it."""
    assert host.run("stat", "-c", "%a %U %G", "/etc/vsa/vsa.yml").split() == ["640", "root", "root"]


def test_an_alert_program_that_others_own_is_not_run(host: ProxyHost) -> None:
    script = "cp /bin/true /opt/alert && chown nobody /opt/alert && rm -f /root/ran && "
    script += "printf '#!/bin/sh\\ntouch /root/ran\\n' >/opt/alert && chmod 755 /opt/alert"
    host.run("sh", "-c", script)
    code = (
        "import datetime; from pathlib import Path;"
        "from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings;"
        "from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.alert import _run;"
        "print(_run('/opt/alert', b'{}', 'x'))"
    )
    said = host.run("env", "PYTHONPATH=/root/vsa-test", "python3", "-c", code)
    assert "it was not run, because others than root may change /opt/alert" in said
    assert "no" in host.run("sh", "-c", "test -e /root/ran && echo yes || echo no")
    host.run("rm", "-f", "/opt/alert")


def test_nobody_but_root_reads_the_key_with_which_vsa_visits_sites(host: ProxyHost) -> None:
    """A visit with the key leaves no line in a log and counts for no limit. An earlier release left the key open."""
    record = f"{NGINX}/current/generation.json"
    key = json.loads(host.run("cat", record))["marker"]
    host.run("chmod", "444", record, f"{NGINX}/current/nginx.conf")
    assert "error" not in host.provision(SITE, said={"body_size": "6m"})
    # Somebody may have read the key, so the change made another one.
    assert json.loads(host.run("cat", record))["marker"] not in ("", key)
    places = ("/srv", "/etc/vsa", "/var/lib/vsa", "/var/log/vsa", "/usr/local/lib/vsa")
    become = ("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups")
    assert host.run(*become, "grep", "-rlsF", key, *places, check=False) == ""
    # The counter-check: root finds the key.
    assert f"{NGINX}/generations" in host.run("grep", "-rlsF", key, *places, check=False)
