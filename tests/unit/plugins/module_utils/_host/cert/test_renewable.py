"""What stands against the next renewal of a lineage: each part that certbot needs, taken away alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.status import (
    CANNOT_RENEW,
    DUE,
    EXPIRED,
    VALID,
    CertificateStatus,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Advice, Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.renewable import (
    account_addresses,
    lineage_problem,
    renewal_problem,
    with_renewal,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from certbotengine import put_lineage
from certs import Pair, make_pair

SHOP = "shop.test"
ACCOUNT = "accounts/127.0.0.1:1/dir/abc"


@pytest.fixture(scope="module")
def pair() -> Pair:
    return make_pair([SHOP], issuer=make_pair(["A CA"]))


@pytest.fixture
def top(tmp_path: Path, pair: Pair) -> Path:
    """The directory of a whole lineage with its account."""
    paths = Paths(str(tmp_path))
    put_lineage(paths, SHOP, pair)
    conf = paths.letsencrypt / f"renewal/{SHOP}.conf"
    named = conf.read_text().partition("server")[0]
    conf.write_text(f"# account = none\n{named}[renewalparams]\naccount = abc\nserver = https://127.0.0.1:1/dir\n")
    (paths.letsencrypt / ACCOUNT).mkdir(parents=True)
    for name in ("private_key", "regr", "meta"):
        (paths.letsencrypt / ACCOUNT / f"{name}.json").write_text("{}")
    return paths.letsencrypt


def paths_of(top: Path) -> Paths:
    return next(Paths(str(parent)) for parent in top.parents if Paths(str(parent)).letsencrypt == top)


def test_a_whole_lineage_can_be_renewed(top: Path) -> None:
    assert renewal_problem(paths_of(top), SHOP) is None


def plain_files(top: Path) -> None:
    """Restore the links as plain files, as scp -r does."""
    live = top / "live" / SHOP
    shutil.copytree(live, top / "copied")
    shutil.rmtree(live)
    (top / "copied").rename(live)


def relinked(top: Path) -> None:
    (top / f"live/{SHOP}/chain.pem").unlink()
    (top / f"live/{SHOP}/chain.pem").symlink_to("../../archive/gone/chain1.pem")


def without(top: Path, *names: str) -> None:
    """Remove settings of the lineage."""
    conf = top / f"renewal/{SHOP}.conf"
    lines = [line for line in conf.read_text().splitlines() if line.partition(" =")[0] not in names]
    conf.write_text("\n".join(lines) + "\n")


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "scp -r": (plain_files, f"live/{SHOP}/cert.pem is a plain file, not a link"),
    "a link is missing": (
        lambda top: (top / f"live/{SHOP}/privkey.pem").unlink(),
        f"live/{SHOP}/privkey.pem is missing",
    ),
    "a link leads nowhere": (relinked, f"live/{SHOP}/chain.pem leads nowhere"),
    "no settings": (lambda top: (top / f"renewal/{SHOP}.conf").unlink(), f"renewal/{SHOP}.conf is missing"),
    "no server": (lambda top: without(top, "server"), f"renewal/{SHOP}.conf names no server"),
    # Settings that somebody wrote again from memory, and the empty files of a disk that was full.
    "no file is named": (
        lambda top: without(top, "cert", "chain", "fullchain"),
        f"renewal/{SHOP}.conf names no cert and no chain and no fullchain",
    ),
    "empty settings": (
        lambda top: (top / f"renewal/{SHOP}.conf").write_text(""),
        f"renewal/{SHOP}.conf names no cert and no chain and no fullchain and no privkey",
    ),
    "an empty account": (
        lambda top: (top / ACCOUNT / "private_key.json").write_text(""),
        f"its account at the CA is empty: {ACCOUNT}/private_key.json",
    ),
    "no archive": (lambda top: shutil.rmtree(top / f"archive/{SHOP}"), f"archive/{SHOP} is missing"),
    "cut off": (
        lambda top: (top / f"archive/{SHOP}/cert1.pem").write_text("-----BEGIN CERTIFICATE-----\nMII"),
        f"live/{SHOP}/cert.pem is cut off",
    ),
    "no account": (
        lambda top: shutil.rmtree(top / "accounts"),
        f"its account at the CA is missing: {ACCOUNT}/private_key.json",
    ),
    "half an account": (
        lambda top: (top / ACCOUNT / "regr.json").unlink(),
        f"its account at the CA is missing: {ACCOUNT}/regr.json",
    ),
}


@pytest.mark.parametrize(("damage", "problem"), DAMAGES.values(), ids=list(DAMAGES))
def test_pain_a_forecast_from_dates_alone(top: Path, damage: Callable[[Path], object], problem: str) -> None:
    damage(top)
    paths = paths_of(top)
    assert renewal_problem(paths, SHOP) == problem
    for state in (VALID, DUE):
        status = with_renewal(paths, SHOP, "letsencrypt", CertificateStatus(state, None, 0.9, 100))
        assert (status.state, status.seconds_left) == (CANNOT_RENEW, 100)
        assert isinstance(status.problem, Advice)
        assert problem in status.problem
        assert status.problem.hint == Hint("cert.issue", {"domain": SHOP, "force": True})


def test_a_state_that_is_worse_stays(top: Path) -> None:
    plain_files(top)
    expired = CertificateStatus(EXPIRED, "it expired")
    assert with_renewal(paths_of(top), SHOP, "letsencrypt", expired) is expired
    valid = CertificateStatus(VALID)
    assert with_renewal(paths_of(top), SHOP, "selfsigned", valid) is valid, "nobody asks a CA for it"


def test_a_lineage_without_any_part_has_no_problem(tmp_path: Path) -> None:
    assert lineage_problem(Paths(str(tmp_path)), SHOP) is None


def test_what_cannot_be_read_is_named(top: Path) -> None:
    conf = top / f"renewal/{SHOP}.conf"
    conf.unlink()
    conf.symlink_to(conf.name)
    assert renewal_problem(paths_of(top), SHOP) == f"renewal/{SHOP}.conf is missing"


def test_the_addresses_of_the_accounts_at_a_ca(top: Path) -> None:
    paths = paths_of(top)
    assert account_addresses(paths, "letsencrypt") == frozenset()
    for number, text in enumerate(('{"uri": "https://ca/acct/7", "body": {}}', "", "[]", '{"body": 1}', "\x00")):
        place = top / f"accounts/acme-v02.api.letsencrypt.org/directory/{number}"
        place.mkdir(parents=True)
        (place / "regr.json").write_text(text)
    assert account_addresses(paths, "letsencrypt") == {"https://ca/acct/7"}
    assert account_addresses(paths, "https://127.0.0.1:1/dir") == frozenset()
