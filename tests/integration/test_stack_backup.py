"""Backups of a stack on a real host: saved by restic, restored, and what is said if that fails."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from subprocess import CompletedProcess
from typing import Any

import pytest

import rig
from stackrun import SERVICE, Stacks

Vsa = Callable[..., CompletedProcess[str]]

REPOSITORY = "/var/backups/vsa"
SETTINGS = "schema: 1\nrepository: {repository}\n{more}"
DATABASE = {
    "image": "postgres:17",
    "environment": {"POSTGRES_USER": "shop", "POSTGRES_PASSWORD": "${DB_PASSWORD:?}"},
    "mem_limit": "256m",
    "volumes": ["dbdata:/var/lib/postgresql/data"],
    "healthcheck": {"test": ["CMD", "pg_isready", "-h", "127.0.0.1", "-U", "shop"], "interval": "1s", "retries": 60},
}
COMPOSE: dict[str, Any] = {
    "services": {
        "db": DATABASE,
        "web": {**SERVICE, "user": "0:0", "volumes": ["files:/files", "./data:/data"]},
        "cron": {**SERVICE, "volumes": ["files:/files"]},
    },
    "volumes": {"dbdata": {}, "files": {}},
}
BACKUP = {"databases": ["db"], "stop": ["cron"]}
SECRETS = [{"name": "DB_PASSWORD"}]
DIRECTORIES = [{"path": "data", "owner": 1000, "mode": "0750"}]


def write(stacks: Stacks, name: str, *, compose: Any = None, **more: Any) -> None:
    """Write a stack with a database, two volumes and a directory."""
    given = {"tenant": "acme", "secrets": SECRETS, "directories": DIRECTORIES, "health": {"timeout": 300}}
    stacks.write(name, compose or COMPOSE, backup=BACKUP, **{**given, **more})


def sql(vps: rig.Vps, name: str, text: str) -> str:
    argv = ["docker", "exec", f"acme-{name}-db-1", "psql", "-h", "127.0.0.1", "-U", "shop", "-Atqc", text]
    return str(vps.run(argv).stdout.strip())


def content(vps: rig.Vps, name: str) -> tuple[str, str]:
    """Return what the database has, and what the volume and the directory have, with owners and modes."""
    rows = sql(vps, name, "select count(*), md5(string_agg(word, ',' order by id)) from words")
    look = "cd / && find files data -exec stat -c '%n %U %a' {} + | sort; cat files/* data/*"
    return rows, str(vps.run(["docker", "exec", f"acme-{name}-web-1", "sh", "-c", look]).stdout)


# As the genuine client, which ends in the middle.
BROKEN = """#!/bin/sh
[ "$1" = --version ] && exec "$0.real" --version
"$0.real" "$@" | head -c 2000
exit 1
"""
PG_DUMP = "/usr/lib/postgresql/17/bin/pg_dump"


@pytest.fixture
def saved(proxy_vps: rig.Vps) -> Iterator[rig.Vps]:
    """The session's VPS with the images of a stack with a database, and a directory as its repository."""
    proxy_vps.load_images("restic/restic:0.19.1", "postgres:17", "vsa-demo-web:1")
    proxy_vps.run(f"rm -rf {REPOSITORY} /var/lib/vsa/backup.json; mkdir -p /etc/vsa")
    proxy_vps.put("/etc/vsa/backup.yml", SETTINGS.format(repository=REPOSITORY, more=""), mode=0o600)
    yield proxy_vps
    proxy_vps.run(f"rm -rf /etc/vsa/backup.yml {REPOSITORY} /var/lib/vsa/backup.json /srv/acme/*.before-*")
    proxy_vps.run("docker volume ls -q --filter label=vsa.before | xargs -r docker volume rm", check=False)


def runs(vsa: Vsa, *words: str, **where: Any) -> list[dict[str, Any]]:
    """Return the backups, newest first."""
    done = vsa("stack", "backups", *words, "--json", **where)
    assert done.returncode == 0, done.stdout + done.stderr
    (host,) = json.loads(done.stdout)["hosts"].values()
    return list(host["backups"])


def test_a_stack_comes_back_as_it_was_saved(saved: rig.Vps, stacks: Stacks, vsa: Vsa) -> None:
    write(stacks, "kept")
    up = stacks.up("kept")
    assert up.returncode == 0, up.stdout
    sql(saved, "kept", "create table words (id int primary key, word text)")
    sql(saved, "kept", "create role reader; grant select on words to reader")
    sql(saved, "kept", "insert into words select n, md5(n::text) from generate_series(1, 100) n")
    saved.run(
        ["docker", "exec", "acme-kept-web-1", "sh", "-c", "echo one >/files/a; echo two >/data/b; chmod 2640 /data/b"]
    )
    before = content(saved, "kept")
    cron = saved.run("docker inspect -f '{{.Id}} {{.State.StartedAt}}' acme-kept-cron-1").stdout.split()

    done = vsa("stack", "backup", "kept")
    assert done.returncode == 0, done.stdout + done.stderr
    password = re.search(r"(\w{40}) opens all backups", done.stdout)
    assert password
    text = saved.run("cat /etc/vsa/backup.yml; stat -c %a /etc/vsa/backup.yml").stdout
    assert f'password: "{password[1]}"' in text
    assert text.endswith("\n600\n")
    again = saved.run("docker inspect -f '{{.Id}} {{.State.StartedAt}}' acme-kept-cron-1").stdout.split()
    assert again[0] == cron[0]
    assert again[1] != cron[1], "the container was stopped, and started again"
    assert saved.run("docker ps -aq --filter label=vsa.once; ls /run/vsa-backup").stdout == ""
    (run,) = runs(vsa, "kept")
    assert (run["complete"], run["databases"], run["tenant"]) == (True, ["db"], "acme")

    sql(saved, "kept", "delete from words; drop role if exists nobody")
    saved.run(["docker", "exec", "acme-kept-web-1", "sh", "-c", "rm /files/a; echo three >/data/c"])
    restored = vsa("stack", "restore", "kept", "-y")
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert content(saved, "kept") == before
    kept = saved.run("docker volume ls -q --filter label=vsa.before; ls /srv/acme").stdout
    assert len(re.findall(r"acme-kept_(?:files|dbdata)\.before-", kept)) == 2
    assert "kept.before-" in kept
    assert saved.run("ls /var/lib/vsa/restore/acme; ls -A /srv/acme | grep restore", check=False).stdout == ""

    break_client(saved, "acme-kept-db-1")
    failed = vsa("stack", "backup", "kept")
    assert failed.returncode == 4, failed.stdout + failed.stderr
    assert "the dump of the database failed" in failed.stdout + failed.stderr
    assert [found["run"] for found in runs(vsa, "kept")] == [run["run"]]
    snapshots = saved.run(f"ls {REPOSITORY}/snapshots | wc -l").stdout
    assert int(snapshots) == 2, "neither a part of the dump nor anything else of the run is there"


def break_client(vps: rig.Vps, container: str) -> None:
    """Let the database's own client end in the middle of a dump."""
    vps.put("/root/pg_dump", BROKEN, mode=0o755)
    vps.run(["docker", "exec", container, "mv", PG_DUMP, f"{PG_DUMP}.real"])
    vps.run(["docker", "cp", "/root/pg_dump", f"{container}:{PG_DUMP}"])
