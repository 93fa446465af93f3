"""What root makes for others has the same modes under every umask: issue of hosts with UMASK 077 or 027.

NGINX's workers and the containers of a stack are other users. They must enter the directories and read the files.
"""

from __future__ import annotations

import datetime
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.options import CertificateOptions
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import parse_stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.selfsigned import make_pair
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.files import make_directory
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.walk import walk
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.challenge import placed_challenge
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.boot_install import install_boot_unit
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.folder import Folder
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.cert_options import write_options
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.passwords import write_users_file
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.settings import plan_settings, write_settings
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.stacks import Version

from hosttree import HostTree, provide

STACK = parse_stack({"schema": 1, "description": "An application", "tenant": "acme"}, name="app")
FILES = {"compose.yml": "services: {}\n", "bin/auth/run.sh": "exit 0\n", ".env.example": ""}
NOW = datetime.datetime(2026, 11, 29, tzinfo=datetime.UTC)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to a group: needs root")


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def transaction(root: Path) -> None:
    with umask(0o022):  # what the test makes
        host = HostTree(root)
        host.paths.generations.rmdir()
        host.paths.sites.rmdir()
    with host.certificates("a.example", "b.example"):
        host.apply(provide("a.example", "web-a:3000"))
        host.apply(provide("b.example", "web-b:3000"))
    for gone in (host.paths.letsencrypt, host.paths.selfsigned, host.paths.htpasswd):  # the test made them
        shutil.rmtree(gone)


def stack(root: Path) -> None:
    folder = Folder(Paths(str(root)), STACK)
    env, _made = folder.wanted_env(FILES, {})
    folder.write(Version(FILES, env))


def challenge(root: Path) -> None:
    # What stays after the challenge are its directories. A worker reads the file while it is there.
    with placed_challenge(Paths(str(root))):
        paths = [path for path in root.rglob("vsa-*") if path.is_file()]
        assert [path.stat().st_mode & 0o777 for path in paths] == [0o644]


def passwords(root: Path) -> None:
    make_directory(Paths(str(root)).htpasswd, mode=0o750)
    write_users_file(Paths(str(root)), "a.example", "/", "alice:x\n")


def pair(root: Path) -> None:
    make_directory(root / "selfsigned", mode=0o750)
    make_pair(root / "selfsigned", ("a.example",), now=NOW)


def boot_unit(root: Path) -> None:
    make_directory(root / "etc/systemd/system", mode=0o755)
    install_boot_unit(root)


def settings(root: Path) -> None:
    paths = Paths(str(root))
    write_settings(paths, plan_settings(paths, {"email": "ops@example.com"}, create=True))


def cert_options(root: Path) -> None:
    write_options(Paths(str(root)), "a.example", CertificateOptions(san=("b.example",)))


def helper(root: Path) -> None:
    make_directory(root / "one/two", mode=0o750)
    make_directory(root / "one/two/three", mode=0o2775)
    make_directory(root / "one", mode=0o700)  # one that is there stays as it is
    with walk(root / "srv", make=0o751) as top, top.inside("a/b", make=0o753) as found:
        found.write("c/d", b"x", mode=0o644)
        found.own("e", owner=os.geteuid(), group=os.getegid(), mode=0o1777)


MAKERS: dict[str, Callable[[Path], None]] = {
    "the helpers": helper,
    "a transaction of the proxy": transaction,
    "a challenge": challenge,
    "settings": settings,
    "options of a certificate": cert_options,
    "the unit for the next boot": boot_unit,
}
OF_ROOT: dict[str, Callable[[Path], None]] = {
    "the folder of a stack": stack,
    "password files": passwords,
    "a self-signed pair": pair,
}


def modes(root: Path) -> dict[str, str]:
    """Return the mode of everything below a directory. Names that chance makes are cut."""
    found = {}
    for path in sorted(root.rglob("*")):
        if not path.is_symlink():
            found[str(path.relative_to(root))] = f"{path.stat().st_mode & 0o7777:04o}"
    return found


def made_under(mask: int, make: Callable[[Path], None], root: Path) -> dict[str, str]:
    # What the test itself makes (HostTree, certificates) must not differ, so the root is entered as usual.
    root.mkdir()
    with umask(mask):
        make(root)
    return modes(root)


@pytest.mark.parametrize("mask", [0o027, 0o077])
@pytest.mark.parametrize(
    "make",
    [
        *(pytest.param(make, id=name) for name, make in MAKERS.items()),
        *(pytest.param(make, id=name, marks=needs_root) for name, make in OF_ROOT.items()),
    ],
)
def test_the_modes_do_not_depend_on_the_umask(tmp_path: Path, mask: int, make: Callable[[Path], None]) -> None:
    usual = made_under(0o022, make, tmp_path / "usual")
    strict = made_under(mask, make, tmp_path / "strict")
    assert usual
    assert strict == usual


def test_the_helper_makes_exactly_the_mode(tmp_path: Path) -> None:
    found = made_under(0o077, helper, tmp_path / "strict")
    assert found == {
        "one": "0755",
        "one/two": "0750",
        "one/two/three": "2775",
        "srv": "0751",
        "srv/a": "0753",
        "srv/a/b": "0753",
        "srv/a/b/c": "0755",
        "srv/a/b/c/d": "0644",
        "srv/a/b/e": "1777",
    }


def test_a_file_in_the_place_of_a_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError):
        make_directory(tmp_path / "file", mode=0o755)
