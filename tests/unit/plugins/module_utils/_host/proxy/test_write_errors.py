"""Every file that a transaction writes × every error of the operating system: never a crash, never half a change."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import (
    EXIT_NOT_ROLLED_BACK,
    EXIT_REFUSED,
    EXIT_ROLLED_BACK,
    VsaError,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Change

from failingdisk import failing_disk
from hosttree import HostTree, provide

A, B, NEW = "a.example", "b.example", "new.example"
SPARED = ("fakes.json",)
# More than a transaction writes: a table that ends here has not seen the end.
MOST = 400


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree of a host with two sites, generation 2, which each case copies."""
    root = tmp_path_factory.mktemp("base")
    host = HostTree(root)
    host.engine.run_container("web-new", "its-own")
    host.engine.run_container("web-a")
    host.apply(provide(A, "web-a:3000"))
    host.apply(provide(B, "web-b:3000"))
    return root


def copied(base: Path, root: Path) -> HostTree:
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(base, root, symlinks=True)
    return HostTree(root)


def seen(host: HostTree) -> dict[str, Any]:
    """Return what a visitor and an operator see: manifests, what is live, what is served, who is on which network."""
    known = host.state.read()
    kept = {key: known[key] for key in ("containers", "networks", "next", "served")}
    override = host.paths.override.read_text() if host.paths.override.exists() else None
    return {"manifests": host.manifests(), "live": host.generations.live_number(), "override": override, **kept}


CHANGES: dict[str, tuple[Change, ...]] = {
    "new site of a tenant": (provide(NEW, "web-new:3000", tenant="acme"),),
    "changed and removed sites": (provide(A, "web-a:3000", profile="sse"), Change(B, absent=True)),
}


CASES = [
    ("new site of a tenant", errno.ENOSPC, False),
    ("new site of a tenant", errno.ENOSPC, True),
    ("new site of a tenant", errno.EROFS, True),
    ("changed and removed sites", errno.EIO, False),
]


@pytest.mark.parametrize(("name", "code", "lasting"), CASES)
def test_finding_12_a_write_error_at_each_write(
    base: Path, tmp_path: Path, name: str, code: int, lasting: bool
) -> None:
    changes = CHANGES[name]
    before = seen(copied(base, tmp_path / "host"))
    ends = set()
    for at in range(MOST):
        host = copied(base, tmp_path / "host")
        with host.certificates(NEW, A, B):
            error = None
            with failing_disk(tmp_path / "host", at=at, code=code, lasting=lasting, spared=SPARED) as disk:
                try:
                    host.proxy().apply(host.request(*changes))
                except VsaError as caught:
                    error = caught
            where = f"write {at + 1}: {disk.failed[:1]}: {error}"
            if error is not None:
                ends.add(error.exit_code)
                assert error.exit_code in (EXIT_REFUSED, EXIT_ROLLED_BACK, EXIT_NOT_ROLLED_BACK), where
            if error is not None and error.exit_code != EXIT_NOT_ROLLED_BACK:
                assert seen(host) == before, where
            host.proxy().apply(host.request(*changes))
            after = seen(host)
            assert (NEW in after["manifests"], B in after["manifests"]) == (
                (True, True) if len(changes) == 1 else (False, False)
            ), where
            assert after["live"] == after["served"] == after["next"], where
            assert not host.paths.journal.exists(), where
            assert [path.name for path in host.paths.sites.iterdir() if path.name.startswith(".")] == [], where
        if not disk.failed:
            break
    else:
        pytest.fail("the table has not seen the end of the transaction")
    # A disk that stays read-only lets nobody undo what was begun.
    assert {EXIT_REFUSED, EXIT_NOT_ROLLED_BACK if code == errno.EROFS else EXIT_ROLLED_BACK} <= ends
