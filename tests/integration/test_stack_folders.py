"""Folders of ordinary Compose on a real host: what works, whose they are, what is refused, and when a start failed."""

from __future__ import annotations

import json
import random
import re
import string
from collections.abc import Callable
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.env import complete_env, parse_env
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.bcrypt import fits

import rig
from often import rows
from stackrun import HEALTHY, SERVICE, Stacks, service

Playbook = Callable[..., CompletedProcess[str]]


def exit_code(done: CompletedProcess[str]) -> int:
    """Return the exit code of VSA's own error."""
    found = re.findall(r'"vsa_exit": (\d)', done.stdout)
    assert found, done.stdout
    return int(found[-1])


def read(vps: rig.Vps, container: str, *paths: str) -> str:
    """Return the text of files inside a container."""
    return str(vps.run(["docker", "exec", container, "cat", *paths]).stdout)


def started(vps: rig.Vps, *containers: str) -> list[str]:
    """Return the id and the start time of containers."""
    form = "{{.Id}} {{.State.StartedAt}}"
    return str(vps.run(["docker", "inspect", "--format", form, *containers]).stdout).splitlines()


EDGE = {"edge": {"external": True, "name": "flowbiz_ext_${VSA_TENANT}"}}
ORDINARY = """\
include:
  - more/included.yml
services:
  web:
    extends: {file: base.yml, service: base}
    build: ./app
    depends_on:
      migrate: {condition: service_completed_successfully}
    environment:
      NEEDED: ${NEEDED:?set NEEDED}
      NESTED: ${NOTHING:-${NEEDED:-no}}-x
      GIVEN: ${NEEDED:+given}
      BESIDE: ${BESIDE}
    env_file: .env
    secrets: [file, word]
    configs: [conf]
    volumes:
      - ./bin:/bin-of-stack:ro
      - ./logo.png:/logo.png:ro
      - ./.hidden:/hidden:ro
  workers:
    extends: {file: base.yml, service: base}
    image: vsa-demo-web:1
    deploy: {replicas: 2}
  migrate:
    extends: {file: base.yml, service: base}
    image: ${IMAGE:-${OTHER:-vsa-demo-web}:1}
    healthcheck: {disable: true}
    entrypoint: ["true"]
  debug:
    extends: {file: base.yml, service: base}
    profiles: [debug]
    image: nothing-like-this:1
secrets:
  file: {file: ./secret.txt}
  word: {environment: WORD}
configs:
  conf: {file: ./conf.txt}
"""
PNG = b"\x89PNG\r\n\x1a\n\xff\x00"
FILES: dict[str, str | bytes] = {
    "base.yml": yaml.safe_dump(
        {"services": {"base": {key: value for key, value in SERVICE.items() if key != "image"}}}
    ),
    "more/included.yml": yaml.safe_dump({"services": {"included": SERVICE}}),
    "app/Dockerfile": "FROM vsa-demo-web:1\nCOPY . /built\n",
    "app/kept.txt": "one",
    "app/ignored.txt": "x",
    "app/.dockerignore": "ignored.txt\n",
    ".env": "BESIDE=from the file\n",
    ".hidden": "hidden",
    ".env.example": "NEEDED=\n#WORD=\n",
    "bin/run.sh": "#!/bin/sh\necho ran\n",
    "logo.png": PNG,
    "secret.txt": "secret of the file",
    "conf.txt": "conf",
}
SET = {"NEEDED": "yes", "WORD": "secret of the variable"}


def test_ordinary_compose_works_and_is_unchanged_the_second_time(stacks: Stacks) -> None:
    vps = stacks.vps
    stacks.write("shop", ORDINARY, files=FILES, tenant="acme")
    (stacks.folder / "shop/bin/run.sh").chmod(0o755)
    done = stacks.up("shop", stack_env=SET)
    assert done.returncode == 0, done.stdout
    web = "acme-shop-web-1"
    given = "import os; print(*(os.environ[n] for n in ('NEEDED', 'NESTED', 'GIVEN', 'BESIDE')), sep='|')"
    assert vps.run(["docker", "exec", web, "python3", "-c", given]).stdout == "yes|yes-x|given|from the file\n"
    assert vps.run(["docker", "exec", web, "/bin-of-stack/run.sh"]).stdout == "ran\n"
    assert read(vps, web, "/hidden", "/run/secrets/file", "/run/secrets/word", "/conf") == (
        "hiddensecret of the filesecret of the variableconf"
    )
    digest = "import hashlib; print(open('/logo.png', 'rb').read().hex())"
    assert vps.run(["docker", "exec", web, "python3", "-c", digest]).stdout.strip() == PNG.hex()
    assert vps.run(["docker", "exec", web, "ls", "/built"]).stdout.split() == ["Dockerfile", "kept.txt"]
    names = vps.run("docker ps -a --filter label=com.docker.compose.project=acme-shop --format '{{.Names}}'").stdout
    assert sorted(names.split()) == [
        f"acme-shop-{name}" for name in ("included-1", "migrate-1", "web-1", "workers-1", "workers-2")
    ]
    again = stacks.up("shop")
    assert "changed=0" in again.stdout, again.stdout

    # A changed file of the build makes another image, and its service a new container.
    others = [f"acme-shop-{name}" for name in ("included-1", "workers-1", "workers-2")]
    before = started(vps, *others)
    (stacks.folder / "shop/app/kept.txt").write_text("two")
    assert stacks.up("shop").returncode == 0
    assert read(vps, web, "/built/kept.txt") == "two"
    assert started(vps, *others) == before


REFUSED: dict[str, tuple[dict[str, Any] | str, str]] = {
    "not valid": (service(ports="none"), "Compose does not accept the files"),
    "a variable that is missing": (service(environment={"A": "${MISSING:?set MISSING}"}), "set MISSING"),
    "not pinned": (service(image="vsa-demo-web:latest"), "an image is not pinned"),
    "no tag": (service(image="vsa-demo-web"), "an image is not pinned"),
}


@pytest.mark.long
def test_what_cannot_run_is_refused_and_the_folder_stays(stacks: Stacks) -> None:
    vps = stacks.vps
    stacks.write("shop", service(), tenant="acme")
    assert stacks.up("shop").returncode == 0
    look = "find /srv/acme /var/lib/vsa/stacks/acme -type f -newermt 1970-01-01 -exec sha256sum {} +"
    before = (vps.run(look).stdout, stacks.state())
    for compose, words in REFUSED.values():
        stacks.write("shop", compose, tenant="acme")
        done = stacks.up("shop")
        assert exit_code(done) == 3, done.stdout
        assert words in done.stdout
        assert (vps.run(look).stdout, stacks.state()) == before
    stacks.vps.run("docker tag vsa-demo-web:1 vsa-demo-web:latest")
    stacks.write("shop", service(image="vsa-demo-web"), tenant="acme", unpinned=["web"])
    done = stacks.up("shop")
    assert done.returncode == 0, done.stdout
    assert "is not pinned: stack.yml allows that" in done.stdout
    stacks.vps.run("docker rmi vsa-demo-web:latest", check=False)


@pytest.mark.long
def test_data_of_another_postgresql_are_refused_before_anything_changes(stacks: Stacks) -> None:
    vps = stacks.vps
    vps.load_images("postgres:17")
    vps.run("docker tag postgres:17 postgres:18")
    database = {
        "image": "postgres:17",
        "environment": {"POSTGRES_PASSWORD": "${DB_PASSWORD:?}"},
        "mem_limit": "256m",
        "volumes": ["rows:/var/lib/postgresql/data"],
        "healthcheck": {"test": ["CMD", "pg_isready", "-h", "127.0.0.1"], "interval": "1s", "retries": 60},
    }
    compose: dict[str, Any] = {"services": {"db": database}, "volumes": {"rows": {}}}
    more = {"secrets": [{"name": "DB_PASSWORD"}], "health": {"timeout": 120}}
    try:
        stacks.write("shop", compose, tenant="acme", **more)
        assert stacks.up("shop").returncode == 0
        before = (started(vps, "acme-shop-db-1"), stacks.state())
        database["image"] = "postgres:18"
        stacks.write("shop", compose, tenant="acme", **more)
        done = stacks.up("shop")
        assert exit_code(done) == 3, done.stdout
        assert "PostgreSQL 17" in done.stdout
        assert (started(vps, "acme-shop-db-1"), stacks.state()) == before
    finally:
        vps.run("docker rmi postgres:18", check=False)


def test_the_files_travel_once_and_are_no_option(stacks: Stacks) -> None:
    vps = stacks.vps
    marker = f"marker-{random.getrandbits(64):x}"
    stacks.write("shop", service(), files={"conf.txt": marker}, tenant="acme")
    first = stacks.up("shop")
    assert first.returncode == 0, first.stdout
    kept = vps.run("ls -i /var/cache/vsa-stacks/shop-*").stdout
    assert len(kept.splitlines()) == 1
    assert "changed=0" in stacks.up("shop").stdout
    assert vps.run("ls -i /var/cache/vsa-stacks/shop-*").stdout == kept, "it was not sent again"
    assert marker not in vps.run("journalctl -b --no-pager | grep -v ' dockerd' | tail -n 5000").stdout


TWO = """\
services:
  web:
    image: vsa-demo-web:1
    init: true
    mem_limit: 64m
    networks: [edge]
    volumes: ["data:/data"]
    healthcheck: {test: ["CMD", "true"], interval: 1s}
networks:
  edge: {external: true, name: "flowbiz_ext_${VSA_TENANT}"}
volumes:
  data: {}
"""


# Prints the addresses at which the demonstration backend takes a connection.
_OPENS = """\
import socket, sys
for name in sys.argv[1:]:
    try:
        socket.create_connection((name, 3000), timeout=3).close()
        print(name)
    except OSError:
        pass
"""


def test_two_tenants_with_a_stack_of_one_name(stacks: Stacks, vsa: Playbook) -> None:
    """One folder serves both. Each has its containers, its network and its volume."""
    vps = stacks.vps
    stacks.write("shop", TWO, tenant="acme")
    assert stacks.up("shop").returncode == 0
    acme = started(vps, "acme-shop-web-1")
    assert stacks.up("shop", stack_tenant="beta").returncode == 0
    assert started(vps, "acme-shop-web-1") == acme, "the other tenant's container runs on"
    for tenant in ("acme", "beta"):
        form = "{{range $name, $end := .NetworkSettings.Networks}}{{$name}} {{end}}{{(index .Mounts 0).Name}}"
        seen = vps.run(["docker", "inspect", "--format", form, f"{tenant}-shop-web-1"]).stdout
        assert seen.split() == [f"flowbiz_ext_{tenant}", f"{tenant}-shop_data"]
        assert "changed=0" in stacks.up("shop", stack_tenant=tenant).stdout
    # One tenant opens no connection to the other's container, by its address or by any of its names. Its own answers.
    address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    of_acme = vps.run(["docker", "inspect", "--format", address, "acme-shop-web-1"]).stdout.strip()
    targets = [of_acme, "acme-shop-web-1", "acme-shop-web-1.flowbiz_ext_acme"]
    opened = {
        tenant: vps.run(["docker", "exec", f"{tenant}-shop-web-1", "python3", "-c", _OPENS, *targets]).stdout.split()
        for tenant in ("acme", "beta")
    }
    assert opened == {"acme": targets, "beta": []}
    listed = json.loads(vsa("stack", "list", "--json").stdout)["hosts"][vps.name]["stacks"]
    assert [(row["tenant"], row["state"]) for row in listed if row["name"] == "shop"] == [
        ("acme", "healthy"),
        ("beta", "healthy"),
    ]
    for words in (["logs", "shop"], ["ps", "shop"], ["down", "shop", "-y"]):
        ambiguous = vsa("stack", *words)
        assert ambiguous.returncode == 3, ambiguous.stdout + ambiguous.stderr
        assert "acme, beta" in ambiguous.stdout + ambiguous.stderr
    down = vsa("stack", "down", "shop", "--tenant", "beta", "-y")
    assert down.returncode == 0, down.stdout + down.stderr
    assert vps.run("docker inspect beta-shop-web-1", check=False).returncode != 0
    assert started(vps, "acme-shop-web-1") == acme


@pytest.mark.long
def test_a_stack_that_runs_under_its_bare_name_is_taken_over(stacks: Stacks) -> None:
    """Somebody brought it up by hand, as releases of before did. Its container and its volume stay the stack's."""
    vps = stacks.vps
    compose = {**service(volumes=["data:/data"], user="0"), "volumes": {"data": {}}}
    stacks.write("shop", compose, tenant="acme")
    vps.run("mkdir -p /srv/acme/shop")
    vps.put("/srv/acme/shop/compose.yml", yaml.safe_dump(compose))
    vps.run("cd /srv/acme/shop && docker compose --project-name other up --detach --wait", timeout=60)
    refused = stacks.up("shop")
    vps.run("cd /srv/acme/shop && docker compose --project-name other down --volumes", timeout=60)
    assert exit_code(refused) == 3
    assert "docker compose --project-name other down" in refused.stdout

    vps.run("cd /srv/acme/shop && docker compose --project-name shop up --detach --wait", timeout=60)
    vps.run("docker exec shop-web-1 sh -c 'echo precious > /data/file'")
    done = stacks.up("shop")
    assert done.returncode == 0, done.stdout
    names = vps.run("docker ps -a --format '{{.Names}}' | grep shop").stdout.split()
    assert names == ["shop-web-1"], "it was never started a second time"
    assert read(vps, "shop-web-1", "/data/file") == "precious\n"
    assert "changed=0" in stacks.up("shop").stdout


_TELLS = """\
import pathlib, signal, time
def tell(*_):
    print("read", pathlib.Path("/dir/a.txt").read_text(), flush=True)
signal.signal(signal.SIGHUP, tell)
tell()
while True:
    time.sleep(0.1)
"""


def test_a_changed_file_reaches_exactly_the_services_that_mount_it(stacks: Stacks) -> None:
    vps = stacks.vps
    compose = {
        "services": {
            "file": {**SERVICE, "volumes": ["./conf.txt:/conf.txt:ro"]},
            "dir": {**SERVICE, "volumes": ["./dir:/dir:ro"]},
            "told": {**SERVICE, "volumes": ["./dir:/dir:ro"], "entrypoint": ["python3", "-c", _TELLS]},
            "other": SERVICE,
        }
    }
    files: dict[str, str | bytes] = {"conf.txt": "one", "dir/a.txt": "one"}
    stack = {"tenant": "acme", "reload": [{"service": "told", "signal": "HUP"}]}
    stacks.write("shop", compose, files=files, **stack)
    done = stacks.up("shop")
    assert done.returncode == 0, done.stdout
    names = [f"acme-shop-{name}-1" for name in ("file", "dir", "told", "other")]
    before = dict(zip(names, started(vps, *names), strict=True))

    stacks.write("shop", compose, files={**files, "conf.txt": "two"}, **stack)
    assert stacks.up("shop").returncode == 0
    assert read(vps, "acme-shop-file-1", "/conf.txt") == "two"
    after = dict(zip(names, started(vps, *names), strict=True))
    assert {name for name in names if after[name] != before[name]} == {"acme-shop-file-1"}

    stacks.write("shop", compose, files={"conf.txt": "two", "dir/a.txt": "two"}, **stack)
    done = stacks.up("shop")
    assert "acme-shop-told-1 was told by HUP" in done.stdout, done.stdout
    assert read(vps, "acme-shop-dir-1", "/dir/a.txt") == "two"
    assert vps.run("docker logs acme-shop-told-1").stdout.split() == ["read", "one", "read", "two"]
    last = dict(zip(names, started(vps, *names), strict=True))
    assert {name for name in names if last[name] != after[name]} == {"acme-shop-dir-1"}
    assert "changed=0" in stacks.up("shop").stdout


# Fails in its first twelve seconds, as a health check does on a busy host.
_LATE = """\
import sys
started = int(open("/proc/1/stat").read().rpartition(")")[2].split()[19]) / 100
age = float(open("/proc/uptime").read().split()[0]) - started
print("age", age)
sys.exit(age < 12)
"""


def test_a_health_check_that_fails_at_first_is_no_failure(stacks: Stacks) -> None:
    """Compose ends with an error as soon as a container is unhealthy, and the container is healthy soon after."""
    check = {"test": ["CMD", "python3", "-c", _LATE], "interval": "1s", "retries": 1}
    stacks.write("shop", service(healthcheck=check), tenant="acme")
    done = stacks.up("shop")
    assert done.returncode == 0, done.stdout
    assert "Compose ended with an error, and every container is healthy" in done.stdout, done.stdout
    assert "changed=0" in stacks.up("shop").stdout


def test_a_first_version_that_fails_leaves_its_folder_and_volumes(stacks: Stacks) -> None:
    vps = stacks.vps
    check = {"test": ["CMD-SHELL", "echo the database is locked; exit 1"], "interval": "1s", "retries": 2}
    broken = {**service(volumes=["data:/data"], healthcheck=check), "volumes": {"data": {}}}
    stacks.write("shop", broken, tenant="acme", health={"timeout": 8})
    done = stacks.up("shop")
    assert exit_code(done) == 4, done.stdout
    assert "its containers are removed; its folder and volumes stay" in done.stdout
    told, logged = done.stdout.index("health check: the database is locked"), done.stdout.index("listens on port 3000")
    assert told < logged, "the health check's words come first"
    labelled = "--filter label=com.docker.compose.project=acme-shop"
    assert vps.run(f"docker ps -aq {labelled}; docker network ls -q {labelled}").stdout == ""
    assert vps.run(f"docker volume ls -q {labelled}").stdout.split() == ["acme-shop_data"]
    assert vps.run("ls /srv/acme/shop").stdout.split() == ["compose.yml", "env", "stack.yml"]
    # The next version starts as if it were the first.
    stacks.write("shop", {**service(volumes=["data:/data"]), "volumes": {"data": {}}}, tenant="acme")
    done = stacks.up("shop")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("how", rows(["it exits", "Docker cannot make it"], often=["it exits"]))
def test_a_new_version_that_fails_gives_way_to_the_old_one(stacks: Stacks, how: str) -> None:
    vps = stacks.vps
    stacks.write("shop", service(environment={"APP_NAME": "one"}), tenant="acme")
    assert stacks.up("shop").returncode == 0
    wrong = {"entrypoint": ["false"]} if how == "it exits" else {"user": "nobody-of-this-name"}
    stacks.write("shop", service(environment={"APP_NAME": "two"}, **wrong), tenant="acme")
    done = stacks.up("shop")
    assert exit_code(done) == 4, done.stdout
    assert "rolled back: the previous version runs and is healthy" in done.stdout
    shown = json.loads(vps.run("docker inspect acme-shop-web-1").stdout)[0]
    assert "APP_NAME=one" in shown["Config"]["Env"]
    assert shown["State"]["Running"]


def test_compose_reads_each_value_of_the_environment_as_vsa_does(stacks: Stacks) -> None:
    """A thousand random values, each filled in by Compose and handed over as a file, read inside one container."""
    vps = stacks.vps
    letters = (string.printable[:95] + 'äé€漢 \\\\\\$$""##').replace("'", "")
    dice = random.Random(15)
    values = {f"V{number}": "".join(dice.choices(letters, k=dice.randint(0, 24))) for number in range(1000)}
    values |= {"V0": "\\", "V1": "a\\\\\\", "V2": "$V3 ${V3} $$", "V3": '"', "V4": " # x", "V5": "a\\nb"}
    text = complete_env(None, "", values)
    assert parse_env(text) == values
    filled = {f"I{name}": f"${{{name}}}" for name in values}
    stacks.write("shop", service(environment=filled, env_file="env/.env"), tenant="acme")
    vps.run("mkdir -p /srv/acme/shop/env")
    vps.put("/srv/acme/shop/env/.env", text)
    done = stacks.up("shop")
    assert done.returncode == 0, done.stdout[-3000:]
    inside = vps.run(["docker", "exec", "acme-shop-web-1", "sh", "-c", "tr '\\000' '\\n' < /proc/1/environ"]).stdout
    seen = dict(line.partition("=")[::2] for line in inside.split("\n") if line)
    wrong = {name: (value, seen.get(name), seen.get(f"I{name}")) for name, value in values.items()
             if {seen.get(name), seen.get(f"I{name}")} != {value}}  # fmt: skip
    assert wrong == {}


def test_a_site_behind_a_password_and_secrets_of_every_form(stacks: Stacks, vsa: Playbook) -> None:
    vps, domain = stacks.vps, "first.vsa.test"
    vps.add_dns(domain)
    secrets = [
        {"name": "HEX", "format": "hex", "length": 16, "prefix": "sk-", "rotatable": True},
        {"name": "URL", "format": "base64url"},
        {"name": "HEX_HASH", "format": "bcrypt-of", "of": "HEX"},
    ]
    hook = {"path": "/hooks/", "service": "web", "port": 3000, "headers": {"Hook-Url": "$scheme://$host$request_uri"}}
    routes = [{"path": "/", "service": "web", "port": 3000}, hook]
    site = {"domain": domain, "routes": routes, "auth": ["/"], "auth_open": ["/hooks/"]}
    compose = {**service(networks=["edge"], env_file="env/.env"), "networks": EDGE}
    stacks.write("first", compose, tenant="acme", sites=[site], secrets=secrets)
    stacks.used("first")
    words = ("stack", "up", "first", "--from", str(stacks.folder))
    ask = f"docker exec vsa-nginx curl -sk -o /dev/null -w '%{{http_code}}' --resolve {domain}:443:127.0.0.1 https://{domain}"
    try:
        done = vsa(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        [password] = re.findall(r"(?m)^password  (\S{24})$", done.stdout)
        codes = [vps.run(f"{ask}{rest}").stdout for rest in ("/", f"/ -u admin:{password}", "/hooks/x", "/HOOKS/x")]
        assert codes == ["401", "200", "200", "401"]
        told = vps.run(
            f"docker exec vsa-nginx curl -sk --resolve {domain}:443:127.0.0.1 https://{domain}/hooks/x?y"
        ).stdout
        assert json.loads(told)["headers"]["Hook-Url"] == f"https://{domain}/hooks/x?y"
        made = parse_env(vps.run("cat /srv/acme/first/env/.env").stdout)
        assert re.fullmatch(r"sk-[0-9a-f]{32}", made["HEX"])
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", made["URL"])
        assert fits(made["HEX"], made["HEX_HASH"])
        inside = vps.run(["docker", "exec", "acme-first-web-1", "printenv", "HEX", "HEX_HASH"]).stdout
        assert inside.split() == [made["HEX"], made["HEX_HASH"]]
        again = vsa(*words)
        assert again.returncode == 0, again.stdout + again.stderr
        assert "unchanged in" in again.stdout
        for secret in (password, made["HEX"], made["URL"], made["HEX_HASH"]):
            assert secret not in again.stdout + again.stderr
            assert secret not in done.stdout.replace(f"password  {password}", "")
            found = vps.run(["grep", "-rlF", secret, "/var/log/vsa", "/etc/vsa"], check=False).stdout
            assert found == ""
    finally:
        vsa("site", "unprovision", "--domain", domain, "--keep-container", "--yes")


# Whether an address of another network answers, and whether a name of another network has an address.
_REACHES = """\
import socket, sys
try:
    socket.create_connection((sys.argv[1], 53), timeout=3).close()
    print("reached")
except OSError:
    print("nothing")
try:
    print(socket.getaddrinfo(sys.argv[2], 80)[0][4][0] and "named")
except OSError:
    print("no name")
"""


def test_a_stack_without_egress_reaches_nothing_outside(stacks: Stacks, services: rig.Services) -> None:
    name = "outside.vsa.test"
    services.add_dns(name, ipv4=services.dns_ip)
    inside = {"networks": {"inside": {"internal": True}, "way-out": {}}}
    compose = {"services": {"web": {**SERVICE, "networks": ["inside", "way-out"]}}, **inside}
    stacks.write("shut", compose, tenant="acme", egress=False)
    done = stacks.up("shut")
    assert exit_code(done) == 3, done.stdout
    assert "web has a way out by acme-shut_way-out, and stack.yml allows none" in done.stdout
    compose["services"] = {
        "web": {**SERVICE, "networks": ["inside"]},
        "door": {**SERVICE, "networks": ["inside", "way-out"]},
    }
    stacks.write("shut", compose, tenant="acme", egress=["door"])
    done = stacks.up("shut")
    assert done.returncode == 0, done.stdout
    seen = {}
    for which in ("web", "door"):
        words = ["docker", "exec", f"acme-shut-{which}-1", "python3", "-c", _REACHES, services.dns_ip, name]
        seen[which] = stacks.vps.run(words).stdout.split("\n")[:2]
    assert seen == {"web": ["nothing", "no name"], "door": ["reached", "named"]}


def test_a_folder_with_compose_alone(stacks: Stacks) -> None:
    stacks.write("bare", service(healthcheck=HEALTHY))
    (stacks.folder / "bare/stack.yml").unlink()
    done = stacks.up("bare", stack_tenant="acme")
    assert done.returncode == 0, done.stdout
    assert started(stacks.vps, "acme-bare-web-1")


def test_finding_3_a_site_that_cannot_be_served_keeps_the_containers_down(stacks: Stacks, vsa: Playbook) -> None:
    """The containers ran already when the site was refused, and the error said "nothing was changed"."""
    edge = {"edge": {"external": True, "name": "flowbiz_ext_acme"}}
    site = {"domain": "no-address.vsa.test", "service": "web", "port": 3000}
    stacks.write("shop", {**service(networks=["edge"]), "networks": edge}, tenant="acme", sites=[site])
    words = ("stack", "up", "shop", "--from", str(stacks.folder))
    before = stacks.state()
    stacks.used("shop")
    refused = vsa(*words)
    assert refused.returncode == 3, refused.stderr
    assert "no-address.vsa.test" in refused.stderr
    assert "nothing was changed" in refused.stderr
    assert "the same with --no-dns-check" in refused.stderr
    assert stacks.state() == before

    # The operator knows better, and the CA refuses the name: the containers run, and the run says so.
    half = vsa(*words, "--no-dns-check")
    assert half.returncode == 6, half.stderr
    assert "the containers of shop run, as this run started them" in half.stderr
    assert "nothing was changed" not in half.stderr
    assert stacks.vps.run(["docker", "inspect", "--format", "{{.State.Running}}", "acme-shop-web-1"]).stdout == "true\n"
