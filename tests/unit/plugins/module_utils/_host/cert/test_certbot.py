"""certbot's state on the host: the record of failures, the CA bundle, lineages that are in its way."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.attempts import Attempts
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.certbot import Certbot, ask_for_reload
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from certs import NOW


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(str(tmp_path))
    made.letsencrypt.mkdir(parents=True)
    return made


@pytest.fixture
def certbot(paths: Paths) -> Certbot:
    return Certbot(paths)


def lineage(paths: Paths, domain: str = "shop.test", *, links: bool = True) -> Path:
    """Make a lineage as certbot has it, or as a copy that followed the links has it."""
    top = paths.letsencrypt
    live, archive, renewal = top / "live" / domain, top / "archive" / domain, top / "renewal"
    for directory in (live, archive, renewal):
        directory.mkdir(parents=True, exist_ok=True)
    names = ("cert", "chain", "fullchain", "privkey")
    named = "".join(f"{name} = /etc/letsencrypt/live/{domain}/{name}.pem\n" for name in names)
    (renewal / f"{domain}.conf").write_text(f"{named}server = x\n", encoding="utf-8")
    for name in names:
        (archive / f"{name}1.pem").write_text(f"{name}\n-----END CERTIFICATE-----\n", encoding="utf-8")
        if links:
            (live / f"{name}.pem").symlink_to(f"../../archive/{domain}/{name}1.pem")
        else:
            (live / f"{name}.pem").write_text(f"{name}\n-----END CERTIFICATE-----\n", encoding="utf-8")
    return live


def test_failures_are_remembered_and_forgotten(paths: Paths, certbot: Certbot) -> None:
    assert certbot.attempts("shop.test") == Attempts()
    tries = Attempts(failures=2, last=NOW, retry_after=NOW + datetime.timedelta(hours=1), error="it refused")
    certbot.remember("shop.test", tries)
    assert certbot.attempts("shop.test") == tries
    assert certbot.attempts("other.test") == Attempts()
    certbot.remember("shop.test", Attempts())
    assert certbot.attempts("shop.test") == Attempts()
    assert not list((paths.letsencrypt / "vsa-attempts").iterdir())


def test_the_ca_bundle_comes_and_goes(paths: Paths, certbot: Certbot, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("PEM", encoding="utf-8")
    copy = paths.letsencrypt / "vsa-ca.pem"
    assert certbot.trust(str(bundle))
    assert copy.read_text(encoding="utf-8") == "PEM"
    assert not certbot.trust(str(bundle)), "the second time changes nothing"
    assert certbot.trust(None)
    assert not copy.exists()
    assert not certbot.trust(None)


def test_a_bundle_that_is_not_there_is_refused(certbot: Certbot) -> None:
    with pytest.raises(RefusedError) as refused:
        certbot.trust("/nowhere/ca.pem")
    assert refused.value.field == "ca_bundle"


def test_usable(paths: Paths, certbot: Certbot) -> None:
    assert certbot.usable("shop.test"), "none at all is fine"
    lineage(paths)
    assert certbot.usable("shop.test")
    (paths.letsencrypt / "archive/shop.test/privkey1.pem").unlink()
    assert not certbot.usable("shop.test"), "a link leads nowhere"
    lineage(paths, "cut.test")
    (paths.letsencrypt / "archive/cut.test/cert1.pem").write_text("-----BEGIN CERTIFICATE-----\nMII", encoding="utf-8")
    assert not certbot.usable("cut.test"), "a certificate is cut off"
    lineage(paths, "plain.test", links=False)
    assert not certbot.usable("plain.test"), "plain files: certbot refuses them"
    lineage(paths, "half.test")
    (paths.letsencrypt / "renewal/half.test.conf").unlink()
    assert not certbot.usable("half.test"), "certbot would not take up the directories without their settings"


def test_a_good_lineage_stays_where_it_is(paths: Paths, certbot: Certbot) -> None:
    live = lineage(paths)
    with certbot.set_aside("shop.test"):
        assert live.exists()


def test_a_lineage_in_the_way_is_rolled_back_where_issuing_fails(paths: Paths, certbot: Certbot) -> None:
    live = lineage(paths, links=False)

    def issue() -> None:
        with certbot.set_aside("shop.test"):
            assert not live.exists()
            assert not (paths.letsencrypt / "archive/shop.test").exists()
            assert not (paths.letsencrypt / "renewal/shop.test.conf").exists()
            raise RefusedError("it refused")

    with pytest.raises(RefusedError, match="it refused"):
        issue()
    assert (live / "privkey.pem").read_text(encoding="utf-8").startswith("privkey\n")
    assert (paths.letsencrypt / "renewal/shop.test.conf").is_file()
    assert (paths.letsencrypt / "archive/shop.test/privkey1.pem").is_file()


def test_a_lineage_in_the_way_is_kept_aside_where_issuing_succeeds(paths: Paths, certbot: Certbot) -> None:
    lineage(paths, links=False)
    with certbot.set_aside("shop.test"):
        lineage(paths)
    assert certbot.usable("shop.test")
    kept = list((paths.letsencrypt / "vsa-aside").glob("shop.test.*/live/privkey.pem"))
    assert len(kept) == 1


def test_each_request_for_a_reload_is_another(paths: Paths) -> None:
    flag = paths.letsencrypt / "vsa-reload"
    ask_for_reload(paths)
    first = flag.read_text(encoding="utf-8")
    ask_for_reload(paths)
    assert flag.read_text(encoding="utf-8") != first
