"""Bootstrap on the host itself, without SSH: what `--local` does, at Ansible's own door."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import ansible_collections.ansible.posix
import ansible_collections.community.docker
import ansible_collections.community.library_inventory_filtering_v1
import pytest

import rig
from bootstrapping import ROOT, Outcome, outcome_of

# Short siblings: wrapper/tests (`vsa bootstrap --local`), and the same role over SSH in test_bootstrap.py.
pytestmark = [pytest.mark.rig, pytest.mark.long, pytest.mark.timeout(600)]

_PACKAGES = ("ansible-core", "jinja2", "markupsafe", "packaging", "pyyaml", "resolvelib")
_COLLECTIONS = (
    ansible_collections.ansible.posix,
    ansible_collections.community.docker,
    ansible_collections.community.library_inventory_filtering_v1,
)
_INVENTORY = {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3"}


def controller() -> bytes:
    """A tar archive with Ansible, its dependencies, and the collection: an installation below /opt/vsa."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", dereference=True) as archive:
        for name in _PACKAGES:
            for path in metadata.files(name) or []:
                if ".." not in path.parts and path.suffix != ".pyc":
                    archive.add(path.locate(), f"opt/vsa/{path}", recursive=False)
        for module in _COLLECTIONS:
            folder = Path(next(iter(module.__path__)))
            archive.add(folder, f"opt/vsa/ansible_collections/{folder.parent.name}/{folder.name}", filter=_source)
        for name in ("galaxy.yml", "meta", "playbooks", "plugins", "roles"):
            archive.add(ROOT / name, f"opt/vsa/ansible_collections/flowbiz/vsa/{name}", filter=_source)
    return buffer.getvalue()


def _source(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    parts = Path(member.name).parts
    return None if {"__pycache__", "tests", "changelogs"} & set(parts) else member


@pytest.fixture(scope="module")
def host() -> Iterator[rig.Vps]:
    """A fresh host with the tool, and with the Python that the tool needs."""
    vps = rig.Vps.create(rig.scoped("bootstrap-local"), "13")
    vps.run("apt-get update -q && apt-get install -y -q --no-install-recommends python3")
    vps.run(["tar", "-x", "-C", "/"], input=controller())
    vps.put("/root/hosts.json", json.dumps({"all": {"hosts": {vps.name: _INVENTORY}}}))
    yield vps
    vps.destroy()


def bootstrap(vps: rig.Vps, *, user: str = "root", words: str = "") -> Outcome:
    line = (
        "cd /tmp && PYTHONPATH=/opt/vsa ANSIBLE_COLLECTIONS_PATH=/opt/vsa ANSIBLE_STDOUT_CALLBACK=ansible.posix.json"
        " LC_ALL=C.UTF-8 ANSIBLE_HOME=/tmp/ansible-$(id -un)"
        f" python3 -m ansible.cli.playbook -i /root/hosts.json {words} flowbiz.vsa.bootstrap"
    )
    done = vps.ssh(line, user=user, check=False)
    return outcome_of(done.returncode, done.stdout, vps.name, done.stderr)


def test_the_host_makes_itself_ready(host: rig.Vps) -> None:
    outcome = bootstrap(host, words="-e bootstrap_ca=selfsigned")
    assert outcome.code == 0, outcome.text
    concerns = {task.split(" | ")[0] for task in outcome.changed}
    assert concerns == {"Python", "Packages", "Engine", "Daemon", "Network", "Directories", "Settings", "Firewall"}
    assert host.run("docker network inspect flowbiz_ext", check=False).returncode == 0
    assert "ca: selfsigned" in host.run("cat /etc/vsa/vsa.yml").stdout


def test_again_changes_nothing_with_sudo_too(host: rig.Vps) -> None:
    host.run("chmod 0711 /root && chmod 0644 /root/hosts.json")
    for user in ("root", "ops"):
        outcome = bootstrap(host, user=user)
        assert outcome.code == 0, outcome.text
        assert outcome.changed == ()


def test_a_bare_run_does_not_touch_the_machine_that_it_runs_on(host: rig.Vps) -> None:
    host.put("/root/none.yml", "all: {hosts: {}}\n")
    done = host.ssh(
        "cd /tmp && PYTHONPATH=/opt/vsa ANSIBLE_COLLECTIONS_PATH=/opt/vsa LC_ALL=C.UTF-8"
        " python3 -m ansible.cli.playbook -i /root/none.yml flowbiz.vsa.bootstrap -e bootstrap_ca=staging",
        check=False,
    )
    assert done.returncode == 4, done.stdout + done.stderr
    assert "the inventory has no hosts" in done.stdout + done.stderr
    assert "nothing was changed" in done.stdout + done.stderr
    assert "ca: selfsigned" in host.run("cat /etc/vsa/vsa.yml").stdout
