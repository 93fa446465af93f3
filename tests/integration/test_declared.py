# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites that an inventory declares, applied as an operator applies them, by both doors."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import rig
from proxyhost import ProxyHost

Declare = Callable[..., None]
Run = Callable[..., subprocess.CompletedProcess[str]]
ONE, TWO, TYPED = "one.declared.test", "two.declared.test", "typed.declared.test"


def site(container: str = "web-1", **fields: Any) -> dict[str, Any]:
    """Return a declaration with a self-signed certificate."""
    return {"routes": [{"path": "/", "container": container, "port": 3000}], "ca": "selfsigned", **fields}


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """A proxy without sites. Sites that the tests made are removed at the end."""
    host = ProxyHost(proxy_vps)
    for name in ("web-1", "web-2"):
        host.restart_web(name)
    _remove_sites(host)
    yield host
    _remove_sites(host)


def _remove_sites(host: ProxyHost) -> None:
    for name in host.run("ls", "/etc/vsa/sites").split():
        host.remove(name.removesuffix(".yml"))
    data = "/srv/platform/reverse-proxy/data"
    host.run("sh", "-c", f"cd {data} && rm -rf selfsigned/*.declared.test letsencrypt/*/*.declared.test*")


@pytest.fixture
def inventory(host: ProxyHost, tmp_path: Path) -> Path:
    """An inventory directory with the host in it, and nothing declared."""
    hosts = {"all": {"hosts": {host.vps.name: host.vps.inventory_vars(user="root")}}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(hosts))
    (tmp_path / "host_vars").mkdir()
    return tmp_path


@pytest.fixture
def declare(inventory: Path, host: ProxyHost) -> Declare:
    """``declare(vsa_sites={…}, bootstrap_email=…)`` writes the host's variables."""

    def write(**values: Any) -> None:
        (inventory / "host_vars" / f"{host.vps.name}.yml").write_text(yaml.safe_dump(values))

    return write


@pytest.fixture
def run(vsa: Run, inventory: Path) -> Callable[..., dict[str, Any]]:
    """``run("apply", …)`` runs a verb of site with that inventory and returns its document."""

    def call(*words: str) -> dict[str, Any]:
        done = vsa("site", *words, "-i", str(inventory), "--json")
        answer = json.loads(done.stdout)
        assert answer["exit_code"] == done.returncode
        return answer

    return call


def of_host(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the result of the only host."""
    return next(iter(answer["hosts"].values()))


def steps(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the steps of the host by name."""
    return {step["name"]: step for step in of_host(answer)["steps"]}


def states(answer: dict[str, Any]) -> dict[str, str]:
    """Return the state of each declared site."""
    return {entry["domain"]: entry["state"] for entry in of_host(answer)["declared"]}


def test_all_declared_sites_in_one_transaction(
    host: ProxyHost, declare: Declare, run: Callable[..., dict[str, Any]], playbook: Run, inventory: Path
) -> None:
    host.vps.add_dns(ONE)
    public = site()
    del public["ca"]
    declare(vsa_sites={ONE: public, TWO: site("web-2", aliases=[f"www.{TWO}"])})
    before, disk = host.live(), host.disk()

    would = run("apply", "--check", "--diff")
    assert (would["exit_code"], would["changed"], states(would)) == (0, True, {ONE: "new", TWO: "new"})
    assert "+origin: declared" in of_host(would)["diff"][0]["prepared"]
    assert host.disk() == disk

    done = run("apply")
    assert (done["exit_code"], done["changed"]) == (0, True), done
    assert steps(done)["certificate"]["text"] == "2 issued"
    assert host.live() == before + 1, "one transaction for both"
    assert [host.status(domain) for domain in (ONE, TWO)] == [200, 200]
    assert json.loads(host.get(TWO)[1])["app"] == "web-2"
    assert "origin: declared\n" in host.run("cat", f"/etc/vsa/sites/{ONE}.yml")

    again = run("apply")
    assert (again["changed"], states(again)) == (False, {ONE: "unchanged", TWO: "unchanged"})
    # Finding 7: to apply everything has to be asked for.
    unasked = playbook(str(rig.ROOT / "site.yml"), words=["-i", str(inventory)])
    assert unasked.returncode != 0
    assert "domain is missing" in unasked.stderr + unasked.stdout
    by_playbook = playbook(str(rig.ROOT / "site.yml"), words=["-i", str(inventory), "-e", "apply=true"])
    assert by_playbook.returncode == 0, by_playbook.stdout
    assert "Apply the declared sites" in by_playbook.stdout
    assert "changed=0" in by_playbook.stdout.splitlines()[-2]
    assert host.live() == before + 1


def test_one_bad_declaration_changes_nothing(
    host: ProxyHost, declare: Declare, run: Callable[..., dict[str, Any]]
) -> None:
    disk = host.disk()
    declare(
        bootstrap_email="other@declared.test",
        vsa_sites={
            "good.declared.test": site(),
            "bad.declared.test": site(hsts="yes", routes=[{"path": "/", "container": "a;b", "port": 0}]),
            "worse declared": site(),
        },
    )
    refused = run("apply")
    assert refused["exit_code"] == 3
    said = "\n".join(of_host(refused)["error"]["details"])
    for words in ("bad.declared.test/routes/0/container = a;b", "bad.declared.test/hsts = yes", "worse declared"):
        assert words in said
    # A valid declaration may still not fit the host. This is found before a CA is asked or a setting is written.
    declare(
        bootstrap_email="other@declared.test",
        vsa_sites={
            "good.declared.test": site(),
            "bad.declared.test": site("web-9"),
            "worse.declared.test": site("web-8"),
        },
    )
    refused = run("apply")
    assert refused["exit_code"] == 3
    assert "web-9" in str(of_host(refused)["error"]["details"])
    assert "web-8" in str(of_host(refused)["error"]["details"])
    assert host.disk() == disk


def test_a_certificate_that_cannot_be_had_leaves_proxy_and_settings(
    host: ProxyHost, declare: Declare, run: Callable[..., dict[str, Any]]
) -> None:
    disk = host.disk()
    nowhere = site()
    del nowhere["ca"]
    declare(bootstrap_email="other@declared.test", vsa_sites={ONE: site(), "nowhere.declared.test": nowhere})
    # Without this word nobody asks the CA for a name that has no address.
    refused = run("apply", "--no-dns-check")
    assert refused["exit_code"] in (3, 4)
    assert of_host(refused)["error"]["state"].startswith("the proxy is as it was")
    after = host.disk()
    assert {name: after[name] for name in disk} == disk


def test_what_is_not_declared_is_named_and_pruned_only_when_asked(
    host: ProxyHost, declare: Declare, run: Callable[..., dict[str, Any]], vsa: Run, inventory: Path
) -> None:
    assert host.provision(TYPED)["changed"]
    declare(vsa_sites={ONE: site(), TWO: site("web-2")})
    kept = run("apply")
    assert of_host(kept)["undeclared"] == [TYPED]
    assert steps(kept)["undeclared"]["state"] == "warning"
    assert host.status(TYPED) == 200

    unasked = vsa("site", "apply", "--prune", "-i", str(inventory))
    assert unasked.returncode == 2
    assert host.status(TYPED) == 200

    host.run("sh", "-c", "echo '}' >/etc/vsa/sites/stray.declared.test.yml")
    assert of_host(run("apply", "--prune", "--check"))["pruned"] == ["stray.declared.test", TYPED]
    pruned = run("apply", "--prune", "-y")
    assert (pruned["exit_code"], of_host(pruned)["pruned"]) == (0, ["stray.declared.test", TYPED])
    assert host.run("ls", "/etc/vsa/sites").split() == [f"{ONE}.yml", f"{TWO}.yml"]
    assert host.status(TYPED) == 0
    assert [host.status(domain) for domain in (ONE, TWO)] == [200, 200]

    declare(bootstrap_email="ops@demo.test")
    refused = run("apply", "--prune", "-y")
    assert refused["exit_code"] == 2
    assert "remove all of its sites" in of_host(refused)["error"]["message"]
    assert host.status(ONE) == 200


def test_a_verb_that_the_next_apply_undoes_says_so(
    host: ProxyHost, declare: Declare, run: Callable[..., dict[str, Any]], vsa: Run
) -> None:
    declare(vsa_sites={ONE: site(), TWO: site("web-2")})
    run("apply")
    note = f"{ONE} is declared in the inventory (vsa_sites): the next site apply undoes this"
    words = ("site", "provision", "--domain", ONE, "--profile", "sse")
    assert note in vsa(*words, "--check").stdout
    changed = vsa(*words)
    assert changed.returncode == 0, changed.stdout + changed.stderr
    assert note in changed.stdout
    assert note not in vsa(*words).stdout, "nothing was changed, so nothing is undone"
    undone = run("apply")
    assert states(undone) == {ONE: "changed", TWO: "unchanged"}
    assert f"{ONE}: profile" in steps(undone)["declared"]["notes"]
    assert note in vsa("vhost", "rollback", "--check").stdout


def test_an_apply_that_does_not_speak_of_auth_opens_nothing(
    host: ProxyHost, declare: Declare, run: Callable[..., dict[str, Any]], vsa: Run
) -> None:
    declare(vsa_sites={ONE: site(), TWO: site("web-2")})
    run("apply")
    added = vsa("auth", "add", "--domain", ONE, "--user", "alice", "--generate")
    assert added.returncode == 0, added.stdout + added.stderr
    assert "undoes this, if it is declared there" in added.stdout
    assert (run("apply")["changed"], host.status(ONE)) == (False, 401)
    declare(vsa_sites={ONE: site(auth=[]), TWO: site("web-2")})
    assert states(run("apply")) == {ONE: "changed", TWO: "unchanged"}
    assert host.status(ONE) == 200


def test_a_manifest_edited_by_hand_is_as_declared_again(
    host: ProxyHost, declare: Declare, run: Callable[..., dict[str, Any]]
) -> None:
    declare(vsa_sites={ONE: site(), TWO: site("web-2")})
    run("apply")
    host.run("sh", "-c", f"echo 'profile: sse' >>/etc/vsa/sites/{ONE}.yml; echo '}}' >/etc/vsa/sites/{TWO}.yml")
    assert run("apply", "--check")["changed"] is True
    mended = run("apply")
    assert (mended["exit_code"], mended["changed"], states(mended)) == (0, True, {ONE: "mended", TWO: "mended"})
    assert "profile" not in host.run("cat", f"/etc/vsa/sites/{ONE}.yml")
    assert run("apply")["changed"] is False
    host.run("docker", "network", "create", "elsewhere", check=False)
    host.run("docker", "network", "connect", "elsewhere", "web-2")
    host.run("docker", "network", "disconnect", "flowbiz_ext", "web-2")
    joined = run("apply")
    assert states(joined)[TWO] == "mended"
    host.wait_for(TWO)


def test_what_is_exported_is_declared_again_without_a_change(
    host: ProxyHost, declare: Declare, run: Callable[..., dict[str, Any]], vsa: Run, inventory: Path
) -> None:
    assert host.provision(TYPED, said={"profile": "llm", "aliases": [f"www.{TYPED}"], "rate_limit": "10r/s"})["changed"]
    text = vsa("site", "export", "-i", str(inventory)).stdout
    declared = yaml.safe_load(text)
    assert set(declared["vsa_sites"]) == {ONE, TWO, TYPED}
    assert of_host(run("export"))["vsa_sites"] == declared["vsa_sites"]
    conf = host.run("cat", host.file(TYPED))

    (inventory / "host_vars" / f"{host.vps.name}.yml").write_text(text)
    first = run("apply", "--diff")
    assert states(first) == {ONE: "unchanged", TWO: "unchanged", TYPED: "adopted"}
    changed = of_host(first)["diff"][0]["prepared"]
    assert [line for line in changed.splitlines() if line.startswith(("+", "-"))][2:] == ["+origin: declared"]
    assert host.run("cat", host.file(TYPED)) == conf
    assert run("apply")["changed"] is False

    host.run("sh", "-c", "echo '}' >/etc/vsa/sites/broken.declared.test.yml")
    try:
        partial = vsa("site", "export", "-i", str(inventory))
        assert partial.returncode == 7
        assert "# Not exported: broken.declared.test: " in partial.stdout
        assert yaml.safe_load(partial.stdout) == declared
    finally:
        host.run("rm", "/etc/vsa/sites/broken.declared.test.yml")


def test_the_inventorys_settings_of_the_host_are_written(
    host: ProxyHost, declare: Declare, run: Callable[..., dict[str, Any]]
) -> None:
    before = host.run("cat", "/etc/vsa/vsa.yml")
    try:
        declare(vsa_sites={ONE: site()}, bootstrap_worker_shutdown_timeout="7m")
        would = run("apply", "--check", "--diff")
        assert "worker_shutdown_timeout 7m;" in of_host(would)["diff"][0]["prepared"]
        assert host.run("cat", "/etc/vsa/vsa.yml") == before
        done = run("apply")
        assert steps(done)["settings"]["text"] == "worker_shutdown_timeout: not said → 7m"
        assert "worker_shutdown_timeout: 7m" in host.run("cat", "/etc/vsa/vsa.yml")
        assert run("apply")["changed"] is False
        declare(vsa_sites={ONE: site()}, bootstrap_worker_shutdown_timeout="soon")
        assert run("apply")["exit_code"] == 3
    finally:
        host.run("sh", "-c", "cat >/etc/vsa/vsa.yml", stdin=before.encode())
        host.drive(sync=True)


@pytest.mark.long
def test_two_hosts_each_in_its_own_transaction(
    host: ProxyHost, fresh_vps: Callable[..., rig.Vps], services: rig.Services, tmp_path: Path
) -> None:
    other = rig.proxy_host(f"{host.vps.name}-2")
    try:
        (tmp_path / "host_vars").mkdir()
        both = {vps.name: vps.inventory_vars(user="root") for vps in (host.vps, other)}
        (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": both}}))
        for number, name in enumerate(both):
            domain = f"fleet-{number}.declared.test"
            (tmp_path / "host_vars" / f"{name}.yml").write_text(yaml.safe_dump({"vsa_sites": {domain: site()}}))

        def apply() -> dict[str, Any]:
            done = rig.vsa("site", "apply", "-i", str(tmp_path), "--json", vps=host.vps, check=False)
            return json.loads(done.stdout)

        first = apply()
        assert (first["exit_code"], [entry["changed"] for entry in first["hosts"].values()]) == (0, [True, True]), first
        assert host.status("fleet-0.declared.test") == 200
        assert ProxyHost(other).status("fleet-1.declared.test") == 200
        assert [entry["changed"] for entry in apply()["hosts"].values()] == [False, False]

        for words in (("cert", "renew"), ("vhost", "sync", "--check"), ("site", "export")):
            done = rig.vsa(*words, "-i", str(tmp_path), "--json", vps=host.vps, check=False)
            found = json.loads(done.stdout)
            assert (done.returncode, {entry["status"] for entry in found["hosts"].values()}) == (0, {"ok"}), found
        assert [[*entry["vsa_sites"]] for entry in found["hosts"].values()] == [
            ["fleet-0.declared.test"],
            ["fleet-1.declared.test"],
        ]

        # A mistake on one host does not stop the other host: its sites become what is declared.
        (tmp_path / "host_vars" / f"{host.vps.name}.yml").write_text(yaml.safe_dump({"vsa_sites": {"x": site()}}))
        changed = {"vsa_sites": {"fleet-1.declared.test": site("web-2")}}
        (tmp_path / "host_vars" / f"{other.name}.yml").write_text(yaml.safe_dump(changed))
        mixed = apply()
        assert mixed["exit_code"] == 3
        assert [entry["status"] for entry in mixed["hosts"].values()] == ["refused", "ok"]
        assert json.loads(ProxyHost(other).get("fleet-1.declared.test")[1])["app"] == "web-2"
    finally:
        other.destroy()
