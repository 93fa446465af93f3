"""Two backups of a stack are restored on fresh VPSes after their own VPS is lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

import rig
from stackrun import SERVICE

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

Vsa = Callable[..., CompletedProcess[str]]
DOMAIN = "ledger.vsa.test"
IMAGES = ("restic/restic:0.19.1", "postgres:17", "vsa-demo-web:1")
STORE = "/srv/backups"
COMPOSE: dict[str, Any] = {
    "services": {
        "db": {
            "image": "postgres:17",
            "environment": {"POSTGRES_USER": "ledger", "POSTGRES_PASSWORD": "${DB_PASSWORD:?}"},
            "mem_limit": "256m",
            "volumes": ["rows:/var/lib/postgresql/data"],
            "healthcheck": {"test": ["CMD", "pg_isready", "-h", "127.0.0.1", "-U", "ledger"], "interval": "1s"},
            "networks": ["inside"],
        },
        "web": {**SERVICE, "user": "0:0", "volumes": ["files:/files"], "networks": ["edge", "inside"]},
    },
    "networks": {"edge": {"external": True, "name": "flowbiz_ext_acme"}, "inside": {"internal": True}},
    "volumes": {"rows": {}, "files": {}},
}
STACK: dict[str, Any] = {
    "schema": 1,
    "description": "ten thousand rows and a volume",
    "tenant": "acme",
    "health": {"timeout": 300},
    "secrets": [{"name": "DB_PASSWORD"}],
    "sites": [{"domain": DOMAIN, "service": "web", "port": 3000}],
    "backup": {"databases": ["db"], "volumes": ["files"]},
}
TABLE = "create table rows (id int primary key, word text)"
FILL = "insert into rows select n, md5(n::text) from generate_series(1, 10000) n"
ONE_MORE = "insert into rows values (10001, 'one more')"
SUM = "select count(*), md5(string_agg(id || ':' || word, ',' order by id)) from rows"
FILES = ["docker", "exec", "acme-ledger-web-1", "sh", "-c", "cd /files && find . -type f -exec sha256sum {} + | sort"]
ASK = f"docker exec vsa-nginx curl -sk -o /dev/null -w '%{{http_code}}' --resolve {DOMAIN}:443:127.0.0.1 https://{DOMAIN}/"


def sql(vps: rig.Vps, text: str) -> str:
    argv = ["docker", "exec", "acme-ledger-db-1", "psql", "-h", "127.0.0.1", "-U", "ledger", "-Atqc", text]
    return str(vps.run(argv).stdout.strip())


def content(vps: rig.Vps) -> tuple[str, str]:
    return sql(vps, SUM), str(vps.run(FILES).stdout)


@pytest.fixture(scope="module")
def store(services: rig.Services) -> Iterator[rig.Vps]:
    """Another machine, which keeps the backups and is reached by SFTP."""
    vps = rig.Vps.create(rig.scoped("store"), "13")
    vps.run(f"mkdir -p {STORE}")
    yield vps
    vps.destroy()


@pytest.fixture(scope="module")
def hosts(services: rig.Services) -> Iterator[Callable[[str], rig.Vps]]:
    """``hosts(name)`` makes a VPS that has the proxy; all of them are gone after the tests."""
    made: list[rig.Vps] = []

    def boot(name: str) -> rig.Vps:
        vps = rig.proxy_host(rig.scoped(name), web=(), fresh=True)
        made.append(vps)
        vps.load_images(*IMAGES)
        return vps

    yield boot
    for vps in made:
        vps.destroy()


def access(vps: rig.Vps, store: rig.Vps, password: str = "") -> None:
    """Let the host write to the store: a key of its own, and the host key of the store."""
    vps.run("ssh-keygen -q -t ed25519 -N '' -f /etc/vsa/backup.key")
    store.run("tee -a /root/.ssh/authorized_keys", input=vps.run("cat /etc/vsa/backup.key.pub").stdout)
    host_key = store.run("cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub").stdout.strip()
    vps.put("/etc/vsa/backup.known_hosts", f"{store.ip} {host_key}\n", mode=0o600)
    settings: dict[str, Any] = {
        "schema": 1,
        "repository": f"sftp://root@{store.ip}{STORE}/vps",
        "access": {"key_file": "/etc/vsa/backup.key", "known_hosts_file": "/etc/vsa/backup.known_hosts"},
        "nightly": False,
    }
    if password:
        settings["password"] = password
    vps.put("/etc/vsa/backup.yml", yaml.safe_dump(settings), mode=0o600)


def succeeds(done: CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def lost(
    store: rig.Vps, hosts: Callable[[str], rig.Vps], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Any, ...]]:
    """Make two backups of a stack, and destroy its VPS. Returns run and content of each, and the password."""
    folder = tmp_path_factory.mktemp("stacks")
    (folder / "ledger").mkdir()
    (folder / "ledger/compose.yml").write_text(yaml.safe_dump(COMPOSE), encoding="utf-8")
    (folder / "ledger/stack.yml").write_text(yaml.safe_dump(STACK), encoding="utf-8")
    vps = hosts("ledger-old")
    vps.add_dns(DOMAIN)
    access(vps, store)
    succeeds(rig.vsa("stack", "up", "ledger", "--from", str(folder), vps=vps, check=False))
    assert vps.run(ASK).stdout == "200"
    sql(vps, TABLE)
    sql(vps, FILL)
    vps.run(["docker", "exec", "acme-ledger-web-1", "sh", "-c", "head -c 300000 /dev/urandom >/files/blob"])

    succeeds(rig.vsa("stack", "backup", "ledger", vps=vps, check=False))
    first = content(vps)
    sql(vps, ONE_MORE)
    vps.run(["docker", "exec", "acme-ledger-web-1", "sh", "-c", "echo more >/files/more"])
    succeeds(rig.vsa("stack", "backup", "ledger", vps=vps, check=False))
    second = content(vps)
    assert first[0].startswith("10000|")
    assert second[0].startswith("10001|")
    (host,) = json.loads(rig.vsa("stack", "backups", "ledger", "--json", vps=vps).stdout)["hosts"].values()
    newest, oldest = (run["run"] for run in host["backups"])
    password = yaml.safe_load(vps.run("cat /etc/vsa/backup.yml").stdout)["password"]
    vps.destroy()
    return {"first": (oldest, first, password), "second": (newest, second, password)}


@pytest.mark.parametrize("which", ["first", "second"])
def test_each_backup_comes_back_on_a_new_vps(
    store: rig.Vps, hosts: Callable[[str], rig.Vps], lost: dict[str, tuple[Any, ...]], which: str
) -> None:
    run, before, password = lost[which]
    vps = hosts(f"ledger-{which}")
    vps.add_dns(DOMAIN)
    access(vps, store, password)
    succeeds(rig.vsa("stack", "restore", "ledger", "--run", run, "-y", vps=vps, check=False))
    assert content(vps) == before
    assert vps.run(ASK).stdout == "200"
