"""When the present certificate is valid as it is, and when ensure_certificate has something to do."""

from __future__ import annotations

import datetime
import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.attempts import Attempts
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import NotRolledBackError, RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.libraries import MissingLibraryError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import OK, Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert import issue
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.certbot import Certbot
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.issue import ensure_certificate, valid_certificate
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.selfsigned import LIFETIME, make_pair
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.wanted import IssueRequest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.resolver import Names
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.cert_options import read_options
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.certificates import wrong_rights
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from certbotengine import CertbotEngine
from certs import make_pair as make_chain
from dnsserver import serving_dns
from failingdisk import failing_disk

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another group: needs root")

NOW = datetime.datetime.now(datetime.UTC)
REQUEST = IssueRequest("shop.test", names=["shop.test"], ca="selfsigned")


@pytest.fixture(autouse=True)
def no_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked for CAA records, unless a test says so."""
    monkeypatch.setattr(issue, "Names", lambda: Names([]))


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(str(tmp_path))
    made.selfsigned.parent.mkdir(parents=True)
    return made


def test_a_valid_one_is_kept_with_the_result_of_the_module(paths: Paths) -> None:
    make_pair(paths.selfsigned, ("shop.test",), now=NOW)
    valid = valid_certificate(read_host(paths), REQUEST)
    assert valid is not None
    ensured = ensure_certificate(read_host(paths), REQUEST, check=False)
    for result in (valid, ensured):
        result.data["certificate"].pop("seconds_left")  # a second may pass between the two
    assert valid == ensured
    assert (valid.changed, valid.steps[0].state) == (False, OK)


@pytest.mark.parametrize(
    ("made_for", "days_ago"),
    [((), 0), (("www.shop.test",), 0), (("shop.test",), LIFETIME.days - 1), (("shop.test",), LIFETIME.days + 1)],
    ids=["none", "other names", "at its end", "expired"],
)
def test_another_is_not(paths: Paths, made_for: tuple[str, ...], days_ago: int) -> None:
    if made_for:
        make_pair(paths.selfsigned, made_for, now=NOW - datetime.timedelta(days=days_ago))
        (paths.selfsigned / made_for[0]).rename(paths.selfsigned / "shop.test")
    assert valid_certificate(read_host(paths), REQUEST) is None


def test_one_that_nginx_could_not_read_is_not(paths: Paths) -> None:
    make_pair(paths.selfsigned, ("shop.test",), now=NOW)
    key = paths.selfsigned / "shop.test/privkey.pem"
    key.chmod(0o600)
    assert valid_certificate(read_host(paths), REQUEST) is None
    mended = ensure_certificate(read_host(paths), REQUEST, check=False)
    assert mended.changed
    assert key.stat().st_mode & 0o777 == 0o640
    assert valid_certificate(read_host(paths), REQUEST) is not None


# A CA that is asked, by an engine whose certbot is a fake

SERVER = "https://127.0.0.1:1/dir"
ASKED = IssueRequest("shop.test", ca=SERVER, prove=False)


@pytest.fixture
def engine(paths: Paths) -> CertbotEngine:
    paths.letsencrypt.mkdir(parents=True)
    return CertbotEngine(paths, make_chain(["A CA"]))


def ensure(paths: Paths, engine: Any, request: IssueRequest = ASKED, *, check: bool = False) -> Result:
    return ensure_certificate(read_host(paths), request, check=check, engine=engine)


def test_a_missing_certificate_is_issued_once(paths: Paths, engine: CertbotEngine) -> None:
    planned = ensure(paths, engine, check=True)
    assert (planned.changed, planned.steps[0].text) == (True, "would be issued by 127.0.0.1:1: there is none")
    assert engine.calls == []
    made = ensure(paths, engine)
    assert (made.changed, made.steps[0].text) == (True, "issued by A CA, ECDSA, 90 days")
    assert made.data["certificate"]["state"] == "ok"
    assert wrong_rights(paths, "shop.test", SERVER) == [], "NGINX can read it"
    again = ensure(paths, engine)
    assert (again.changed, again.steps[0].state) == (False, OK)
    assert len(engine.calls) == 1


def test_further_names_are_saved_for_the_next_time(paths: Paths, engine: CertbotEngine) -> None:
    ensure(paths, engine, replace(ASKED, san=["api.shop.test"]))
    assert read_options(paths, "shop.test").san == ("api.shop.test",)
    assert not ensure(paths, engine).changed
    dropped = ensure(paths, engine, replace(ASKED, unset=["san"]))
    assert "it also covers api.shop.test" not in dropped.steps[0].text
    assert dropped.data["certificate"]["names"] == ["shop.test"]
    assert read_options(paths, "shop.test").san == ()


def test_options_are_saved_only_after_a_success(paths: Paths, engine: CertbotEngine) -> None:
    engine.failures["certonly"] = "An unexpected error occurred:\nthe CA says no"
    with pytest.raises(RefusedError, match="it refused and says: the CA says no"):
        ensure(paths, engine, replace(ASKED, san=["api.shop.test"]))
    assert read_options(paths, "shop.test").san == ()


@pytest.mark.parametrize("place", ["certs", "letsencrypt"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_issue_13_the_ca_is_not_asked_if_the_certificate_or_its_options_have_no_room(
    paths: Paths, engine: CertbotEngine, place: str, code: int
) -> None:
    wanted = replace(ASKED, san=["api.shop.test"])
    full: Path = getattr(paths, place)
    full.mkdir(parents=True, exist_ok=True)
    with failing_disk(full, at=0, code=code, lasting=True), pytest.raises(RefusedError) as refused:
        ensure(paths, engine, wanted)
    assert str(refused.value.value).startswith(str(full))
    assert (refused.value.state, engine.calls) == ("nothing was changed", [])
    assert not [*full.iterdir()]
    assert ensure(paths, engine, wanted).changed
    assert [path.name for path in paths.certs.iterdir()] == ["shop.test.yml"]


def test_a_disk_that_is_full_after_the_order_still_takes_the_options(paths: Paths, engine: CertbotEngine) -> None:
    paths.certs.mkdir(parents=True)
    real = engine.exec
    with ExitStack() as stack:

        def fill(*words: Any, **named: Any) -> Any:
            done = real(*words, **named)
            stack.enter_context(failing_disk(paths.certs, at=0, code=errno.ENOSPC, lasting=True, calls=("write",)))
            return done

        engine.exec = fill  # type: ignore[method-assign]
        made = ensure(paths, engine, replace(ASKED, san=["api.shop.test"]))
    assert made.changed
    assert read_options(paths, "shop.test").san == ("api.shop.test",)


def test_a_ca_that_named_a_time_is_not_asked_before(paths: Paths, engine: CertbotEngine) -> None:
    later = NOW + datetime.timedelta(hours=1)
    Certbot(paths).remember("shop.test", Attempts(failures=2, last=NOW, retry_after=later, error="slow down"))
    with pytest.raises(RefusedError, match="is not asked again before") as refused:
        ensure(paths, engine, replace(ASKED, force=True))
    assert (refused.value.state, refused.value.details) == ("nothing was changed", ["last failure: slow down"])
    assert engine.calls == []


def test_a_certificate_that_cannot_be_served_is_an_error(paths: Paths, engine: CertbotEngine) -> None:
    engine.lifetime = datetime.timedelta(minutes=1)
    with pytest.raises(NotRolledBackError, match="cannot be served: it expired"):
        ensure(paths, engine)


def test_a_wildcard_without_a_dns_plugin_is_refused_before_the_ca_is_asked(paths: Paths, engine: CertbotEngine) -> None:
    with pytest.raises(RefusedError, match="by DNS only"):
        ensure(paths, engine, replace(ASKED, san=["*.shop.test"]))
    assert engine.calls == []


# CAA records


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    said: dict[str, Any] = {"shop.test": ['CAA 0 issue ";"'], "api.shop.test": ['CAA 0 issue ";"']}
    with serving_dns({"127.0.0.1": said}) as port:
        monkeypatch.setattr(issue, "Names", lambda: Names(["127.0.0.1"], port=port, seconds=0.3))
        yield said


@pytest.mark.parametrize("check", [True, False])
def test_finding_14_a_ca_that_caa_records_forbid_is_not_asked(
    paths: Paths, engine: CertbotEngine, zone: dict[str, Any], check: bool
) -> None:
    wanted = replace(ASKED, san=["api.shop.test"])
    with pytest.raises(RefusedError) as caught:
        ensure(paths, engine, wanted, check=check)
    error = caught.value
    assert error.message == "the CAA records of shop.test do not let 127.0.0.1:1 issue for shop.test: they allow no CA"
    assert error.details == [
        "the CAA records of api.shop.test do not let 127.0.0.1:1 issue for api.shop.test: they allow no CA"
    ]
    assert error.state == "nothing was changed"
    assert error.hint.fields == {"domain": "shop.test", "dns_check": False}  # type: ignore[union-attr]
    assert engine.calls == []


def test_finding_14_the_operator_may_know_better_than_the_resolver(
    paths: Paths, engine: CertbotEngine, zone: dict[str, Any]
) -> None:
    made = ensure(paths, engine, replace(ASKED, dns_check=False))
    assert made.changed
    assert made.steps[0].notes[0].startswith("the CAA records of shop.test do not let")


def test_names_that_the_verb_has_checked_are_not_looked_up_again(
    paths: Paths, engine: CertbotEngine, zone: dict[str, Any]
) -> None:
    assert ensure(paths, engine, replace(ASKED, names_checked=True)).changed
    assert not ensure(paths, engine).changed, "a certificate that is kept asks no CA, and so nobody is asked for CAA"


@pytest.mark.parametrize("check", [True, False])
def test_issue_14_item_12_a_host_of_before_asks_no_ca_without_its_caa_records(
    paths: Paths, engine: CertbotEngine, monkeypatch: pytest.MonkeyPatch, check: bool
) -> None:
    def missing() -> Names:
        raise MissingLibraryError("dns")

    monkeypatch.setattr(issue, "Names", missing)
    with pytest.raises(MissingLibraryError) as caught:
        ensure(paths, engine, check=check)
    assert (caught.value.hint, caught.value.state) == (Hint("bootstrap"), "nothing was changed")
    assert engine.calls == []
    assert ensure(paths, engine, replace(ASKED, names_checked=True)).changed
    assert not ensure(paths, engine, check=check).changed, "a certificate that is kept needs no library"
