# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`vsa` against a real host: what it prints, and that every document of --json is of the published schema."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

import rig
from terminal import on_a_terminal

pytestmark = pytest.mark.rig

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/reference/json.schema.json").read_text())
DOMAIN = "wrapper.demo.test"
PROVISION = ("site", "provision", "--domain", DOMAIN, "--container", "web-1", "--port", "3000")
UUID7 = r"[0-9a-f-]{36}"

Vsa = Callable[..., object]


@pytest.fixture(scope="module")
def site(proxy_vps: rig.Vps) -> str:
    """The output of provisioning a site."""
    proxy_vps.add_dns(DOMAIN)
    done = rig.vsa(*PROVISION, vps=proxy_vps, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_provision_is_four_steps_and_a_last_line(site: str) -> None:
    lines = site.splitlines()
    assert lines[0].endswith(f"  {DOMAIN}")
    assert [line.split()[1] for line in lines if line.startswith("  ✔")] == [
        "preflight",
        "certificate",
        "proxy",
        "site",
    ]
    assert re.fullmatch(
        rf"changed in \d+\.\d s · audit {UUID7} · undo: vsa site unprovision --domain {re.escape(DOMAIN)}",
        "".join(lines[-1:]),
    ) or lines[-1].startswith("undo: ")


def test_the_same_again_changes_nothing(site: str, vsa: Vsa) -> None:
    assert re.match(r"unchanged in \d+\.\d s · audit ", vsa(*PROVISION, "--quiet").stdout)


def test_a_refusal_names_what_there_is(site: str, vsa: Vsa) -> None:
    done = vsa("site", "provision", "--domain", DOMAIN, "--container", "web-9", "--port", "3000")
    assert done.returncode == 3
    assert "  field      --container = web-9\n" in done.stderr
    assert re.search(r"  there are  .*web-1.*web-2", done.stderr)


def test_tables(site: str, vsa: Vsa) -> None:
    assert re.search(rf"{DOMAIN} +ok +/ → web-1:3000 +— +— +ok .* running +\d{{4}}-.*\n", vsa("site", "list").stdout)
    assert re.search(rf"{DOMAIN} +ok .* same ", vsa("cert", "status").stdout)
    assert re.search(r"reverse-proxy +vsa-nginx +running +healthy +nginx:", vsa("stack", "ps").stdout)
    assert re.search(r" live +\d{4}-.*site\.provision", vsa("vhost", "history").stdout)


@pytest.mark.parametrize(
    ("disk", "reason"),
    [
        ("head -c 1M /dev/zero >/etc/vsa/sites/.full 2>/dev/null || true", "No space left on device"),
        ("mount -o remount,ro /etc/vsa/sites", "Read-only file system"),
    ],
    ids=["full", "read-only"],
)
def test_finding_12_a_disk_that_fails_is_no_internal_error(
    site: str, vsa: Vsa, proxy_vps: rig.Vps, disk: str, reason: str
) -> None:
    """The manifests lie on a small file system of their own. Nothing is half done after a change."""
    small = "cp -a /etc/vsa/sites /run/sites && mount -t tmpfs -o size=256k tmpfs /etc/vsa/sites"
    proxy_vps.run(f"{small} && cp -a /run/sites/. /etc/vsa/sites/ && {disk}")
    try:
        before = json.loads(vsa("vhost", "list", "--json").stdout)["hosts"]
        done = vsa(*PROVISION, "--set", "timeout=9h")
        after = json.loads(vsa("vhost", "list", "--json").stdout)["hosts"]
        manifest = proxy_vps.run(f"cat /etc/vsa/sites/{DOMAIN}.yml").stdout
    finally:
        proxy_vps.run("umount /etc/vsa/sites && rm -r /run/sites")
    assert done.returncode in (3, 4), done.stdout + done.stderr
    assert reason in done.stderr
    assert "fault of VSA" not in done.stderr
    assert "9h" not in manifest
    live = [[host["generation"] for host in hosts.values()] for hosts in (before, after)]
    assert live[0] == live[1]
    assert "unchanged" in vsa("vhost", "sync", "--quiet").stdout


def test_finding_15_verbs_about_everything_act_on_a_fleet(site: str, proxy_vps: rig.Vps, tmp_path: Path) -> None:
    """They refused more than one host. Here the fleet is two names of one host; test_declared has two real ones."""
    one = proxy_vps.inventory_vars()
    # The same address twice is refused, unless SSH goes there in two ways.
    two = {**one, "ansible_ssh_common_args": f"{one['ansible_ssh_common_args']} -o ConnectTimeout=30"}
    hosts = {"one": one, "two": two}
    (tmp_path / "hosts.yml").write_text(json.dumps({"all": {"hosts": hosts}}))
    for words in (("cert", "renew"), ("vhost", "sync", "--check"), ("site", "export")):
        done = rig.vsa(*words, "--json", "-i", str(tmp_path), vps=proxy_vps, check=False)
        document = json.loads(done.stdout)
        statuses = {name: host["status"] for name, host in document["hosts"].items()}
        assert (done.returncode, statuses) == (0, {"one": "ok", "two": "ok"}), document
    assert {DOMAIN} <= {*document["hosts"]["one"]["vsa_sites"]} == {*document["hosts"]["two"]["vsa_sites"]}


def test_ping_says_as_what_the_host_is_reached(vsa: Vsa) -> None:
    done = vsa("ping")
    assert done.returncode == 0, done.stderr
    assert re.search(r" ok +\d+\.\d +root +Python 3\.\d+\.\d+\n", done.stdout)
    unknown = vsa("ping", "--limit", "nobody")
    assert (unknown.returncode, "no host of the inventory matches nobody" in unknown.stderr) == (2, True)


def test_finding_11_the_sudo_password_is_asked_for(site: str, vsa: Vsa, proxy_vps: rig.Vps, tmp_path: Path) -> None:
    """The user of an ordinary VPS: sudo wants a password. How to give one stood nowhere."""
    rule = "/etc/sudoers.d/90-ops"
    proxy_vps.run(f"echo 'ops:let me in' | chpasswd && cp -a {rule} /root/ && sed -i s/NOPASSWD:// {rule}")
    try:
        without = vsa("site", "list", user="ops")
        nobody = vsa("site", "list", "-K", user="ops")
        with on_a_terminal(proxy_vps, ("site", "list", "-K"), folder=tmp_path, user="ops") as terminal:
            terminal.wait_for("Sudo password: ")
            terminal.type("let me in\n")
            code = terminal.ended()
        # Without any right to sudo a verb that changes something ends like one that reads.
        proxy_vps.run(f"rm {rule}")
        rightless = [vsa(*words, user="ops") for words in ((*PROVISION, "--set", "timeout=9h"), ("vhost", "sync"))]
    finally:
        proxy_vps.run(f"mv /root/90-ops {rule}")
    for done in rightless:
        assert (done.returncode, "nothing was changed" in done.stderr) == (5, True), done.stderr
        assert "this is a fault of VSA" not in done.stderr
    assert "timeout" not in proxy_vps.run(["cat", f"/etc/vsa/sites/{DOMAIN}.yml"]).stdout
    assert without.returncode == 5, without.stderr
    for way in ("-K", "ANSIBLE_BECOME_PASSWORD_FILE", "ansible_become_password"):
        assert way in without.stderr
    assert (nobody.returncode, "there is no terminal" in nobody.stderr) == (2, True), nobody.stderr
    assert (code, DOMAIN in terminal.shown, "let me in" in terminal.shown) == (0, True, False), terminal.shown


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("site", "list"), marks=pytest.mark.long),
        ("site", "show", DOMAIN),
        pytest.param(("site", "show", "nowhere.demo.test"), marks=pytest.mark.long),
        (*PROVISION, "--check", "--diff"),
        pytest.param(("vhost", "list"), marks=pytest.mark.long),
        ("vhost", "show", DOMAIN),
        pytest.param(("vhost", "history"), marks=pytest.mark.long),
        ("vhost", "sync"),
        ("cert", "status"),
        pytest.param(("cert", "issue", "--domain", DOMAIN), marks=pytest.mark.long),
        pytest.param(("host", "ping"), marks=pytest.mark.long),
        pytest.param(("stack", "list"), marks=pytest.mark.long),
        ("stack", "ps", "reverse-proxy"),
        pytest.param(("stack", "logs", "reverse-proxy", "--lines", "3"), marks=pytest.mark.long),
    ],
    ids=" ".join,
)
def test_documents_are_of_the_schema(site: str, vsa: Vsa, words: tuple[str, ...]) -> None:
    done = vsa(*words, "--json")
    document = json.loads(done.stdout)
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert document["verb"] == ".".join(words[:2])
    assert document["exit_code"] == done.returncode == (3 if "nowhere.demo.test" in words else 0)
