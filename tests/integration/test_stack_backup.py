"""Backups of a stack on a real host: saved by restic, restored, and what is said if that fails."""

from __future__ import annotations

import json
import re
import subprocess
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


# Names that a container may give to its files: ends of lines, commands for a terminal, words of a shell, bytes that are
# no text.
_HOSTILE = """
import os
os.makedirs("/files/.names/-rf")
os.chdir("/files/.names")
names = [b"line\\nbreak", b"\\x1b[2J\\x1b]0;title\\x07", b"--exclude=*", b"'; touch x #", b"$(touch x)"]
names += [b"\\xff\\xfe", b"n" * 255]
for name in names:
    open(b"-rf/" + name, "wb").write(name)
os.symlink("/etc/shadow", "link")
os.link(b"-rf/" + names[0], "second name")
os.mkfifo("pipe")
"""


def content(vps: rig.Vps, name: str) -> tuple[str, str]:
    """Return what the database has, and what the volume and the directory have, with owners and modes."""
    rows = sql(vps, name, "select count(*), md5(string_agg(word, ',' order by id)) from words")
    look = "cd / && find files data -exec stat -c '%N %U %a %h' {} + | sort; cat files/* data/*"
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
    saved.run(["docker", "exec", "acme-kept-web-1", "python3", "-c", _HOSTILE])
    before = content(saved, "kept")
    assert r"\033" in before[1]
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
    assert "\x1b" not in done.stdout + done.stderr + restored.stdout + restored.stderr
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


# Ends the process that holds the lock of the stack's backups, as soon as a command finds something.
KILLER = r"""
import os, re, signal, subprocess, sys, time

lock, moment = sys.argv[1:]
until = time.monotonic() + 400
print("watching", flush=True)
while time.monotonic() < until:
    if subprocess.run(moment, shell=True, capture_output=True).stdout.strip():
        inode = os.stat(lock).st_ino
        for line in open("/proc/locks"):
            words = line.split()
            if "->" not in words and words[5].endswith(f":{inode}"):
                os.kill(int(words[4]), signal.SIGKILL)
                print("killed", flush=True)
                sys.exit(0)
    time.sleep(0.02)
"""
LOCK = "/var/lib/vsa/stacks/acme/kept/.backup-lock"
MOVED = "docker volume ls -q --filter label=vsa.before"
MOMENTS = {
    "while restic reads": "docker volume ls -q --filter name=vsa-restore_acme_kept_files",
    "between the volumes": MOVED,
    "while the database is loaded": f'test -n "$({MOVED})" && docker ps -q --filter name=acme-kept-db-1',
}


def kill_restore(vps: rig.Vps, vsa: Vsa, moment: str) -> CompletedProcess[str]:
    """Restore the stack, and kill the module on the host at a moment."""
    argv = ["docker", "exec", vps.name, "python3", "-c", KILLER, LOCK, MOMENTS[moment]]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as killer:
        assert killer.stdout is not None
        assert killer.stdout.readline() == "watching\n"
        done = vsa("stack", "restore", "kept", "-y")
        assert killer.communicate(timeout=400)[0] == "killed\n", done.stdout + done.stderr
    return done


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_restore_that_is_killed_leaves_the_old_data(saved: rig.Vps, stacks: Stacks, vsa: Vsa) -> None:
    write(stacks, "kept")
    assert stacks.up("kept").returncode == 0
    sql(saved, "kept", "create table words (id int primary key, word text)")
    sql(saved, "kept", "insert into words select n, md5(n::text) from generate_series(1, 100) n")
    fill = "echo {0} >/files/a; echo {0} >/data/b"
    saved.run(["docker", "exec", "acme-kept-web-1", "sh", "-c", fill.format("one")])
    one = content(saved, "kept")
    assert vsa("stack", "backup", "kept").returncode == 0
    up = ("stack", "up", "kept", "--from", str(stacks.folder))
    for moment in MOMENTS:
        sql(saved, "kept", "delete from words where id > 50")
        saved.run(["docker", "exec", "acme-kept-web-1", "sh", "-c", fill.format("two")])
        two = content(saved, "kept")
        killed = kill_restore(saved, vsa, moment)
        assert killed.returncode not in (0, 3), (moment, killed.stdout, killed.stderr)
        if moment == "while restic reads":
            assert content(saved, "kept") == two, "no container was touched"
            assert "unchanged in" in vsa(*up).stdout
        else:
            refused = vsa(*up)
            assert refused.returncode == 3, (moment, refused.stdout, refused.stderr)
            assert "a restore of kept was cut off" in refused.stderr
            volumes = saved.run(MOVED).stdout.split()
            assert all(name in refused.stderr for name in volumes)
        restored = vsa("stack", "restore", "kept", "-y")
        assert restored.returncode == 0, (moment, restored.stdout, restored.stderr)
        assert content(saved, "kept") == one, moment
        volumes = saved.run(MOVED).stdout.split()
        assert sorted(name.partition(".")[0] for name in volumes) == ["acme-kept_dbdata", "acme-kept_files"], moment
        (files,) = (name for name in volumes if "_files" in name)
        assert saved.run(f"cat /var/lib/docker/volumes/{files}/_data/a").stdout == "two\n", moment
        assert saved.run("cat /srv/acme/kept.before-*/data/b").stdout == "two\n", moment
        assert saved.run("docker volume ls -q --filter name=vsa-restore").stdout == "", moment
        assert saved.run("find /srv/acme -maxdepth 1 -name '.*'").stdout == "", moment
        saved.run(f"{MOVED} | xargs docker volume rm; rm -rf /srv/acme/kept.before-*")


def break_client(vps: rig.Vps, container: str) -> None:
    """Let the database's own client end in the middle of a dump."""
    vps.put("/root/pg_dump", BROKEN, mode=0o755)
    vps.run(["docker", "exec", container, "mv", PG_DUMP, f"{PG_DUMP}.real"])
    vps.run(["docker", "cp", "/root/pg_dump", f"{container}:{PG_DUMP}"])
