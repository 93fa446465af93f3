"""Which lineages lie on a host, and that a removal takes all of one and nothing of another."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.lineages import (
    Lineages,
    certbot_lock,
    lineage_remains,
    read_lineages,
    remove_lineage,
)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(str(tmp_path))


def test_read_lineages(paths: Paths) -> None:
    assert read_lineages(paths) == Lineages(frozenset(), frozenset())
    for directory in (paths.letsencrypt / "live/a.test", paths.selfsigned / "b.test", paths.selfsigned / ".pairs/b"):
        directory.mkdir(parents=True)
    (paths.letsencrypt / "live/README").write_text("", encoding="utf-8")
    found = read_lineages(paths)
    assert found == Lineages(frozenset({"a.test"}), frozenset({"b.test"}))
    assert found.domains == {"a.test", "b.test"}


def test_all_of_a_lineage_goes_and_nothing_of_another(paths: Paths) -> None:
    top, own = paths.letsencrypt, paths.selfsigned
    of_shop = [
        *("renewal/shop.test.conf", "renewal/shop.test-0001.conf", "vsa-attempts/shop.test.json"),
        *("live/shop.test/cert.pem", "live/shop.test-0001/cert.pem", "archive/shop.test/cert1.pem"),
        *("archive/shop.test-0001/cert1.pem", "vsa-aside/shop.test.1764000000/live/cert.pem"),
    ]
    others = [
        *("renewal/www.shop.test.conf", "renewal/shop.test.example.conf", "live/shop.testx/cert.pem"),
        *("live/shop.test.example/cert.pem", "archive/ashop.test/cert1.pem", "vsa-aside/shop.test.example.17/x"),
        *("live/README", "vsa-attempts/xshop.test.json"),
    ]
    for name in (*of_shop, *others):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text("x")
    for name in (".pairs/shop.test.20261124T101500123456/privkey.pem", ".pairs/shop.test.eu.20261124T1/privkey.pem"):
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_text("x")
    (own / "shop.test").symlink_to(".pairs/shop.test.20261124T101500123456")
    assert len(lineage_remains(paths, "shop.test")) == 10
    assert remove_lineage(paths, "shop.test")[0] == str(top / "renewal/shop.test-0001.conf")
    assert lineage_remains(paths, "shop.test") == []
    assert all((top / name).exists() for name in others)
    assert [path.name for path in (own / ".pairs").iterdir()] == ["shop.test.eu.20261124T1"]
    assert remove_lineage(paths, "shop.test") == []


def test_the_lock_is_that_of_certbots_script(paths: Paths) -> None:
    lock = paths.letsencrypt / "vsa-certbot.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    with certbot_lock(paths), lock.open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with lock.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_host_on_which_certbot_never_ran_stays_without_a_lock_file(paths: Paths) -> None:
    with certbot_lock(paths):
        assert not paths.letsencrypt.exists()


@pytest.mark.parametrize("place", ["live", "archive", "renewal"])
def test_a_link_that_certbots_container_made_is_not_followed(paths: Paths, tmp_path: Path, place: str) -> None:
    victim = tmp_path / "elsewhere"
    for name in ("shop.test", "shop.test.conf"):
        (victim / name).mkdir(parents=True)
        (victim / name / "kept").write_text("kept")
    paths.letsencrypt.mkdir(parents=True, exist_ok=True)
    if (paths.letsencrypt / place).exists():
        (paths.letsencrypt / place).rename(paths.letsencrypt / "moved")
    (paths.letsencrypt / place).symlink_to(victim)
    with pytest.raises(RefusedError, match="is a link"):
        remove_lineage(paths, "shop.test")
    assert (victim / "shop.test/kept").exists()
    assert (victim / "shop.test.conf/kept").exists()
