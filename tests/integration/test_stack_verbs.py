"""The daily verbs of a stack on a real host: taken down with its sites and volumes, and a command in a container."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import rig
from stackrun import SERVICE, Stacks, service, write_stack
from terminal import INTERRUPT, on_a_terminal

Playbook = Callable[..., CompletedProcess[str]]

DOMAIN = "verbs.vsa.test"
WITH_SITE = """\
services:
  web:
    image: vsa-demo-web:1
    init: true
    mem_limit: 64m
    networks: [edge]
    volumes: ["data:/data", "shared:/shared", "/nameless"]
    healthcheck: {test: ["CMD", "true"], interval: 1s}
networks:
  edge: {external: true, name: "flowbiz_ext_${VSA_TENANT}"}
volumes:
  data: {}
  shared: {}
"""


def served(vps: rig.Vps) -> str:
    """Return the status that a visitor of the site gets."""
    words = f"curl -sk -o /dev/null -w %{{http_code}} --resolve {DOMAIN}:443:127.0.0.1 https://{DOMAIN}/"
    return str(vps.run(["docker", "exec", "vsa-nginx", *words.split()], check=False).stdout)


def volumes(vps: rig.Vps) -> set[str]:
    return set(vps.run("docker volume ls -q").stdout.split())


def test_down_closes_the_sites_and_deletes_volumes_by_name(stacks: Stacks, playbook: Playbook, vsa: Playbook) -> None:
    vps = stacks.vps
    vps.add_dns(DOMAIN)
    before = volumes(vps)
    stacks.write("shop", WITH_SITE, tenant="acme", sites=[{"domain": DOMAIN, "service": "web", "port": 3000}])
    done = stacks.up("shop")
    assert done.returncode == 0, done.stdout
    assert served(vps) == "200"
    named = {"acme-shop_data", "acme-shop_shared"}
    made = volumes(vps) - before
    assert named < made
    assert len(made) == 3, "one of them has no name of its own"

    down = vsa("stack", "down", "shop", "-y")
    assert down.returncode == 0, down.stdout + down.stderr
    assert served(vps) == "503"
    assert f"closed for maintenance until the next up: {DOMAIN}" in down.stdout
    assert named < volumes(vps)
    done = stacks.up("shop")
    assert done.returncode == 0, done.stdout
    assert served(vps) == "200"

    vps.run("docker create --name other-spy --volume acme-shop_shared:/x vsa-demo-web:1")
    try:
        words = ("stack", "down", "shop", "--volumes", "--sites", "--typed", "shop")
        checked = vsa(*words, "--check")
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert re.search(r"acme-shop_data \(\d+ \w?i?B\).* would be deleted: this cannot be undone", checked.stdout)
        assert served(vps) == "200"

        gone = vsa(*words)
        assert gone.returncode == 0, gone.stdout + gone.stderr
        assert "acme-shop_shared stays: other-spy mounts it too" in gone.stdout
        assert named & volumes(vps) == {"acme-shop_shared"}
        assert vps.run(f"test -e /etc/vsa/sites/{DOMAIN}.yml", check=False).returncode == 1
        recorded = vps.run("grep stack.down /var/log/vsa/audit.jsonl | tail -n 3").stdout
        assert "acme-shop_data" in recorded
        again = vsa(*words)
        assert "unchanged" in again.stdout, again.stdout + again.stderr
    finally:
        vps.run("docker rm -f other-spy", check=False)
        if vps.run(f"test -e /etc/vsa/sites/{DOMAIN}.yml", check=False).returncode == 0:
            playbook("flowbiz.vsa.site.unprovision", {"domain": DOMAIN, "yes": True})


def test_a_command_in_a_container(stacks: Stacks, playbook: Playbook, vsa: Playbook) -> None:
    stacks.write("tool", {"services": {"web": SERVICE, "db": SERVICE}}, tenant="acme")
    assert stacks.up("tool").returncode == 0
    script = r"cat; printf 'a\033[2Jb\n'; echo err >&2; exit 9"
    words = ("stack", "exec", "tool", "web", "--stdin", "--", "sh", "-c", script, "--password", "hunter2")
    done = vsa(*words, input="given\n")
    assert done.returncode == 9, done.stdout + done.stderr
    assert done.stdout == "given\na\\x1b[2Jb\n"
    assert "err\n" in done.stderr
    recorded = stacks.vps.run("grep stack.exec /var/log/vsa/audit.jsonl | tail -n 1").stdout
    assert "acme-tool-web-1 ran sh -c" in recorded
    assert "exit code 9" in recorded
    assert "hunter2" not in recorded
    refused = vsa("stack", "exec", "tool", "cache", "--", "ls")
    assert refused.returncode == 3, refused.stdout + refused.stderr
    assert "db, web" in refused.stderr
    absent = vsa("stack", "exec", "tool", "web", "--", "no-such-program")
    assert absent.returncode == 3, absent.stdout + absent.stderr
    assert "acme-tool-web-1 cannot run this command" in absent.stderr
    assert "Docker says: " in absent.stderr
    assert "no-such-program ran" not in stacks.vps.run("grep stack.exec /var/log/vsa/audit.jsonl | tail -n 1").stdout
    given = {"stack_name": "tool", "stack_service": "db"}
    failed = playbook("flowbiz.vsa.stack.exec", {**given, "stack_command": ["false"]})
    assert failed.returncode == 2, failed.stdout


def test_status_names_a_stack_that_does_not_run_as_it_should(stacks: Stacks, vsa: Playbook) -> None:
    stacks.write("tool", {"services": {"web": SERVICE, "db": SERVICE}}, tenant="acme")
    assert stacks.up("tool").returncode == 0

    def found() -> list[tuple[str, str]]:
        document = json.loads(vsa("status", "--no-probe", "--json").stdout)
        findings = document["hosts"][stacks.vps.name]["findings"]
        return [(entry["name"], entry["text"]) for entry in findings if entry["subject"] == "acme/tool"]

    assert found() == []
    stacks.vps.run("docker kill acme-tool-web-1")
    assert found() == [("stack-unhealthy", "acme-tool-web-1 is exited, exit code 137")]
    stacks.vps.run("docker rm -f acme-tool-web-1 acme-tool-db-1")
    assert found() == [("stack-down", "it should run, and has no container")]
    assert stacks.up("tool").returncode == 0
    assert found() == []
    assert vsa("stack", "down", "tool", "-y").returncode == 0
    assert found() == []


@pytest.mark.long
def test_a_new_tag_and_a_new_secret_are_one_command_each(stacks: Stacks, vsa: Playbook) -> None:
    vps = stacks.vps
    vps.run("docker tag vsa-demo-web:1 vsa-demo-web:2.1; docker tag vsa-demo-web:1 vsa-demo-web:2.0")
    web = {**SERVICE, "image": "vsa-demo-web:${TAG:-2.0}", "env_file": "env/.env"}
    check = "test ! -e /broken && test $$TAG != 2.2"
    web["healthcheck"] = {"test": ["CMD-SHELL", check], "interval": "1s", "retries": 3}
    secrets = [{"name": "API_KEY", "format": "hex", "rotatable": True}, {"name": "SALT"}]
    stacks.write("tool", {"services": {"web": web}}, tenant="acme", secrets=secrets, health={"timeout": 30})
    stacks.used("tool")
    look = "docker inspect -f '{{.Config.Image}}' acme-tool-web-1; docker exec acme-tool-web-1 printenv API_KEY SALT"
    up = ("stack", "up", "tool", "--from", str(stacks.folder))
    try:
        first = vsa(*up, "--set", "TAG=2.0")
        assert first.returncode == 0, first.stdout + first.stderr
        image, key, salt = vps.run(look).stdout.split()
        assert image == "vsa-demo-web:2.0"

        newer = vsa(*up, "--set", "TAG=2.1")
        assert newer.returncode == 0, newer.stdout + newer.stderr
        assert vps.run(look).stdout.split() == ["vsa-demo-web:2.1", key, salt]
        undo = f"vsa stack set tool TAG=2.0 --tenant acme --limit {vps.name}"
        assert f"undo: {undo}" in newer.stdout
        back = vsa(*undo.split()[1:])
        assert back.returncode == 0, back.stdout + back.stderr
        assert vps.run(look).stdout.split() == ["vsa-demo-web:2.0", key, salt]
        assert "unchanged in" in vsa("stack", "set", "tool", "TAG=2.0").stdout

        vps.run("docker tag vsa-demo-web:1 vsa-demo-web:2.2")
        broken = vsa("stack", "set", "tool", "TAG=2.2")
        assert broken.returncode == 4, broken.stdout + broken.stderr
        assert vps.run(look).stdout.split() == ["vsa-demo-web:2.0", key, salt], "the old one is back"

        rotated = vsa("stack", "rotate", "tool", "API_KEY")
        assert rotated.returncode == 0, rotated.stdout + rotated.stderr
        image, fresh, same = vps.run(look).stdout.split()
        assert (image, same) == ("vsa-demo-web:2.0", salt)
        assert re.fullmatch("[0-9a-f]{64}", fresh)
        assert fresh != key
        refused = vsa("stack", "rotate", "tool", "SALT")
        assert refused.returncode == 3, refused.stdout + refused.stderr

        typed = vsa("stack", "set", "tool", "API_KEY=hunter2hunter2")
        assert typed.returncode == 3, typed.stdout + typed.stderr
        given = vsa("stack", "set", "tool", "API_KEY=-", input="hunter2hunter2\n")
        assert given.returncode == 0, given.stdout + given.stderr
        assert vps.run(look).stdout.split()[1] == "hunter2hunter2"
        said = [done.stdout + done.stderr for done in (first, newer, rotated, refused, typed, given)]
        said.append(vps.run("cat /var/log/vsa/audit.jsonl").stdout)
        for secret in (key, fresh, salt, "hunter2hunter2"):
            assert not [text for text in said if secret in text]
    finally:
        vps.run("docker rmi vsa-demo-web:2.0 vsa-demo-web:2.1 vsa-demo-web:2.2", check=False)


# A module comes by ssh, into the standard input of an interpreter.
MODULES = "pgrep -xf /usr/bin/python3; ls -d /tmp/ansible_* /root/.ansible/tmp/* 2>/dev/null; true"


def until(found: Callable[[], object], *, seconds: float = 90) -> bool:
    """Ask until the answer is yes. Returns whether it came to that."""
    ends = time.monotonic() + seconds
    while not found():
        if time.monotonic() > ends:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.long
def test_stacks_of_three_sources_run_side_by_side(stacks: Stacks, vsa: Playbook, tmp_path: Path) -> None:
    vps = stacks.vps
    fleet, beside, typed = tmp_path / "fleet", tmp_path / "fleet/stacks", tmp_path / "typed"
    inventory = str(vps.inventory(fleet / "hosts.json"))
    for source, name in ((beside, "app"), (beside, "docker-api"), (typed, "app"), (typed, "tool")):
        write_stack(source, name, service(), tenant="acme")
    for name in ("app", "tool", "docker-api"):
        stacks.used(name)

    def up(name: str, *words: str) -> CompletedProcess[str]:
        return vsa("stack", "up", name, "-i", inventory, *words)

    own = up("docker-api")
    assert own.returncode == 0, own.stdout + own.stderr
    assert f"taken from the collection; {beside} beside the inventory has a stack docker-api too" in own.stdout
    for done in (up("app"), up("tool", "--from", str(typed))):
        assert done.returncode == 0, done.stdout + done.stderr

    def listed() -> dict[str, str]:
        found = vsa("stack", "list", "-i", inventory, "--json")
        assert found.returncode == 0, found.stderr
        return {stack["name"]: stack["source"] for stack in json.loads(found.stdout)["hosts"][vps.name]["stacks"]}

    expected = {"docker-api": "the collection", "app": f"{beside} beside the inventory", "tool": str(typed)}
    assert {name: words for name, words in listed().items() if name in expected} == expected
    for words in expected.values():
        assert words in vsa("stack", "list", "-i", inventory).stdout

    moved = up("app", "--from", str(typed))
    assert moved.returncode == 0, moved.stdout + moved.stderr
    assert f"app comes from {typed} now, and came from {beside} beside the inventory" in moved.stdout
    assert listed()["app"] == str(typed)
    before = stacks.state()
    refused = up("app")
    assert refused.returncode == 3, refused.stdout + refused.stderr
    assert f"app runs from {typed}, and would now come from {beside} beside the inventory" in refused.stderr
    assert stacks.state() == before


@pytest.mark.long
def test_an_interruption_ends_a_followed_log_and_leaves_nothing(
    proxy_vps: rig.Vps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {name: tmp_path / name for name in ("TMPDIR", "ANSIBLE_LOCAL_TEMP")}
    for name, place in places.items():
        place.mkdir()
        monkeypatch.setenv(name, str(place))
    with on_a_terminal(proxy_vps, ("stack", "logs", "reverse-proxy", "--follow"), folder=tmp_path) as terminal:
        terminal.wait_for("vsa-nginx ")
        assert until(lambda: proxy_vps.run(MODULES).stdout)
        terminal.type(INTERRUPT)
        assert terminal.ended() == 130
    assert "Traceback" not in terminal.shown
    assert subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True, check=False).stdout == ""
    assert [path for place in places.values() for path in place.iterdir()] == []
    # What waits for lines on the host ends with its slice.
    assert until(lambda: not proxy_vps.run(MODULES).stdout)
