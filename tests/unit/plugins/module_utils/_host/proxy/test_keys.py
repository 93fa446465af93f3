"""Keys of an earlier release go to VSA's own group as soon as every reader has this group, and never before."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any, cast

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine import walk
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.keys import hand_over_keys, key_findings
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.key_group import key_trees, trees_of_before
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import KEYS_GID, NGINX_GID

from stackhost import StackHost, make_container

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another group: needs root")

MASTER, WORKER, OLD_WORKER, AUTH = 10, 11, 12, 20


def process(proc: Path, pid: int, title: str, *groups: int, children: str = "") -> None:
    """Write what /proc says of a process."""
    place = proc / str(pid)
    (place / "task" / str(pid)).mkdir(parents=True)
    (place / "task" / str(pid) / "children").write_text(children)
    (place / "cmdline").write_bytes(title.encode())
    (place / "stat").write_text(f"{pid} (nginx) S {' '.join(['0'] * 40)}")
    (place / "status").write_text(f"Name:\tnginx\nGroups:\t{' '.join(map(str, groups))} \n")


@pytest.fixture
def host(tmp_path: Path) -> StackHost:
    """A host of before whose containers run this version: keys for the group of NGINX's image, and a link of theirs."""
    host = StackHost(tmp_path / "root")
    for top in key_trees(host.paths):
        (top / "live/a.test").mkdir(parents=True)
        (top / "live/a.test/privkey.pem").write_text("key")
        (top / "live/a.test/privkey.pem").chmod(0o640)
        (top / "other").write_text("of root")
        (top / "out").symlink_to(tmp_path / "outside")
        for path in (top, top / "live", top / "live/a.test", top / "live/a.test/privkey.pem"):
            os.chown(path, 0, NGINX_GID)
        top.chmod(0o750)
    (tmp_path / "outside").mkdir()
    os.chown(tmp_path / "outside", 0, NGINX_GID)
    host.engine.running = [
        dataclasses.replace(make_container("reverse-proxy", service), name=name, pid=pid)
        for service, name, pid in (("nginx", "vsa-nginx", MASTER), ("auth", "vsa-auth", AUTH))
    ]
    return host


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    proc = tmp_path / "proc"
    process(proc, MASTER, "nginx: master process", 0, children=f"{WORKER} {OLD_WORKER}")
    process(proc, WORKER, "nginx: worker process", NGINX_GID, KEYS_GID)
    process(proc, OLD_WORKER, "nginx: worker process is shutting down", NGINX_GID, KEYS_GID)
    process(proc, AUTH, "nginx: master process", KEYS_GID)
    return proc


def groups(host: StackHost) -> set[int]:
    """Return the groups of all that had the group of before."""
    return {
        path.stat().st_gid
        for top in key_trees(host.paths)
        for path in (top, *top.rglob("*"))
        if path.name not in ("other", "out")
    }


def test_keys_of_before_go_to_the_own_group_and_no_link_is_followed(host: StackHost, proc: Path) -> None:
    assert [finding.name for finding in key_findings(host.paths)] == ["keys-of-another-group"]
    assert hand_over_keys(cast(Any, host.engine), host.paths, check=True, proc=proc) != []
    assert groups(host) == {NGINX_GID}
    done = hand_over_keys(cast(Any, host.engine), host.paths, check=False, proc=proc)
    assert done == [f"{name} (for the group vsa-keys)" for name in ("letsencrypt", "selfsigned", "htpasswd")]
    assert groups(host) == {KEYS_GID}
    key = host.paths.letsencrypt / "live/a.test/privkey.pem"
    assert (key.stat().st_uid, key.stat().st_mode & 0o7777) == (0, 0o640)
    assert (host.paths.letsencrypt / "other").stat().st_gid != KEYS_GID
    assert (host.root.parent / "outside").stat().st_gid == NGINX_GID
    assert hand_over_keys(cast(Any, host.engine), host.paths, check=False, proc=proc) == []
    assert key_findings(host.paths) == []


@pytest.mark.parametrize("lacking", [WORKER, OLD_WORKER, AUTH])
def test_while_one_reader_lacks_the_group_nothing_changes(host: StackHost, proc: Path, lacking: int) -> None:
    (proc / str(lacking) / "status").write_text(f"Groups:\t{NGINX_GID} \n")
    assert hand_over_keys(cast(Any, host.engine), host.paths, check=False, proc=proc) == []
    assert groups(host) == {NGINX_GID}


@pytest.mark.parametrize("gone", ["vsa-nginx", "vsa-auth"])
def test_without_a_running_reader_nothing_changes(host: StackHost, proc: Path, gone: str) -> None:
    host.engine.running = [found for found in host.engine.running if found.name != gone]
    assert hand_over_keys(cast(Any, host.engine), host.paths, check=False, proc=proc) == []
    assert groups(host) == {NGINX_GID}


@pytest.mark.parametrize("files", range(6))
def test_killed_in_the_middle_the_next_run_finishes(
    host: StackHost, proc: Path, files: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The topmost directory of a tree is the last of it, so a tree that is not whole is found again."""
    change, left = os.fchown, [files]

    def killed(*words: int) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        change(*words)

    monkeypatch.setattr(walk.os, "fchown", killed)
    with pytest.raises(KeyboardInterrupt):
        hand_over_keys(cast(Any, host.engine), host.paths, check=False, proc=proc)
    monkeypatch.setattr(walk.os, "fchown", change)
    assert trees_of_before(host.paths) != []
    assert hand_over_keys(cast(Any, host.engine), host.paths, check=False, proc=proc) != []
    assert groups(host) == {KEYS_GID}
