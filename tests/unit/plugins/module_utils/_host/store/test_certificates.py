"""Whether NGINX could serve the pair that lies on disk: it reads it at the handshake, when it is too late to refuse."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store import certificates
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.certificates import (
    certificate_directory,
    certificate_problem,
    leaf_fingerprint,
    live_fingerprint,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from certs import NOW, Pair, make_pair, put_pair

SHOP = "shop.example.com"
DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def ca() -> Pair:
    """A certificate authority."""
    return make_pair(["a CA"])


@pytest.fixture(scope="module")
def good(ca: Pair) -> Pair:
    """A pair in its time."""
    return make_pair([SHOP], issuer=ca)


@pytest.mark.parametrize(
    ("authority", "directory"),
    [
        ("letsencrypt", "srv/platform/reverse-proxy/data/letsencrypt/live/shop.example.com"),
        ("staging", "srv/platform/reverse-proxy/data/letsencrypt/live/shop.example.com"),
        ("https://ca.example/dir", "srv/platform/reverse-proxy/data/letsencrypt/live/shop.example.com"),
        ("selfsigned", "srv/platform/reverse-proxy/data/selfsigned/shop.example.com"),
    ],
)
def test_certificate_directory(authority: str, directory: str) -> None:
    assert certificate_directory(Paths("/x"), SHOP, authority) == Path("/x", directory)


@pytest.mark.parametrize("authority", ["letsencrypt", "selfsigned"])
def test_a_good_pair_has_no_problem(tmp_path: Path, good: Pair, authority: str) -> None:
    paths = Paths(str(tmp_path))
    put_pair(certificate_directory(paths, SHOP, authority), chain=good.chain, key=good.key_pem)
    assert certificate_problem(paths, SHOP, authority, now=NOW) is None
    assert live_fingerprint(paths, SHOP, authority) == leaf_fingerprint(good.pem)


PROBLEMS: dict[str, tuple[Callable[[Pair], str | None], Callable[[Pair], str | None], str]] = {
    "nothing": (lambda it: None, lambda it: None, "there is no certificate"),
    "no chain": (lambda it: None, lambda it: it.key_pem, "there is no certificate"),
    "no key": (lambda it: it.chain, lambda it: None, "there is no privkey.pem"),
    "empty chain": (lambda it: "", lambda it: it.key_pem, "fullchain.pem is not a certificate"),
    "empty key": (lambda it: it.chain, lambda it: "", "not a pair"),
    "truncated chain": (lambda it: it.pem[:300], lambda it: it.key_pem, "fullchain.pem is not a certificate"),
    "truncated key": (lambda it: it.chain, lambda it: it.key_pem[:120], "not a pair"),
    "another's key": (lambda it: it.chain, lambda it: make_pair([SHOP]).key_pem, "not a pair: KEY_VALUES_MISMATCH"),
    "turned round": (lambda it: it.key_pem, lambda it: it.pem, "fullchain.pem is not a certificate"),
    "encrypted key": (lambda it: it.chain, lambda it: it.encrypted_key_pem(b"phrase"), "not a pair"),
    "no PEM": (lambda it: "<html>", lambda it: it.key_pem, "fullchain.pem is not a certificate"),
}


@pytest.mark.parametrize(("chain", "key", "problem"), PROBLEMS.values(), ids=list(PROBLEMS))
def test_a_pair_that_cannot_be_served(
    tmp_path: Path, good: Pair, chain: Callable[[Pair], str | None], key: Callable[[Pair], str | None], problem: str
) -> None:
    paths = Paths(str(tmp_path))
    put_pair(certificate_directory(paths, SHOP, "letsencrypt"), chain=chain(good), key=key(good))
    said = certificate_problem(paths, SHOP, "letsencrypt", now=NOW)
    assert said is not None
    assert problem in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("now", "problem"),
    [
        (NOW, None),
        (NOW - 10 * DAY, None),
        (NOW - 10 * DAY - datetime.timedelta(minutes=4), None),  # clocks differ
        (NOW - 10 * DAY - datetime.timedelta(minutes=6), "it is valid only from 2026-11-14 on"),
        (NOW - 3000 * DAY, "it is valid only from 2026-11-14 on"),
        (NOW + 80 * DAY - datetime.timedelta(seconds=1), None),
        (NOW + 80 * DAY + datetime.timedelta(seconds=1), "it expired on 2027-02-12"),
        (NOW + 3000 * DAY, "it expired on 2027-02-12"),
    ],
    ids=str,
)
def test_a_pair_has_its_time(tmp_path: Path, good: Pair, now: datetime.datetime, problem: str | None) -> None:
    paths = Paths(str(tmp_path))
    put_pair(certificate_directory(paths, SHOP, "letsencrypt"), chain=good.chain, key=good.key_pem)
    assert certificate_problem(paths, SHOP, "letsencrypt", now=now) == problem


def test_without_a_time_it_is_now(tmp_path: Path, ca: Pair) -> None:
    today = datetime.datetime.now(datetime.UTC)
    for number, (end, expired) in enumerate(((today + DAY, False), (today - DAY, True))):
        pair, paths = make_pair([SHOP], issuer=ca, start=today - 9 * DAY, end=end), Paths(str(tmp_path / str(number)))
        put_pair(certificate_directory(paths, SHOP, "letsencrypt"), chain=pair.chain, key=pair.key_pem)
        assert ("expired" in (certificate_problem(paths, SHOP, "letsencrypt") or "")) is expired


def test_without_a_certificate_there_is_no_fingerprint(tmp_path: Path) -> None:
    assert live_fingerprint(Paths(str(tmp_path)), SHOP, "letsencrypt") is None


def test_a_chain_that_does_not_lead_on_is_a_problem(tmp_path: Path, good: Pair) -> None:
    paths = Paths(str(tmp_path))
    put_pair(
        certificate_directory(paths, SHOP, "letsencrypt"),
        chain=good.pem + make_pair(["another CA"]).pem,
        key=good.key_pem,
    )
    assert "chain" in (certificate_problem(paths, SHOP, "letsencrypt", now=NOW) or "")


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to groups: needs root")
def test_a_link_that_comes_between_look_and_change_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Certbot's container can exchange a directory for a link at any time."""
    paths = Paths(str(tmp_path))
    live = paths.letsencrypt / "live/shop.test"
    live.mkdir(parents=True)
    victim = tmp_path / "etc"
    victim.mkdir(mode=0o755)
    before = victim.stat()

    def swap(*words: str, **more: str) -> list[tuple[Path, int]]:
        del words, more
        live.rmdir()
        live.symlink_to(victim)
        return [(live, 0o750)]

    monkeypatch.setattr(certificates, "wrong_rights", swap)
    with pytest.raises(RefusedError, match="leads out of"):
        certificates.set_rights(paths, "shop.test", "letsencrypt")
    assert victim.stat() == before
