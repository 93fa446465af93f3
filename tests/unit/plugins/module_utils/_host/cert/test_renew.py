"""Which certificates a round of renewal looks at, and what it makes of self-signed pairs."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.attempts import Attempts
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, RolledBackError, UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.libraries import MissingLibraryError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert import renew as renew_module
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.certbot import Certbot
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.renew import RenewRequest, renew_certificates
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.selfsigned import LIFETIME, make_pair
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.resolver import Names
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from certbotengine import CertbotEngine, put_lineage
from certs import Pair
from certs import make_pair as make_chain
from dnsserver import serving_dns
from hosttree import RUN

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another group: needs root")

NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture(autouse=True)
def no_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked for CAA records, unless a test says so."""
    monkeypatch.setattr(renew_module, "resolver_names", lambda: None)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(str(tmp_path))
    made.letsencrypt.mkdir(parents=True)
    make_pair(made.selfsigned, ("young.test",), now=NOW)
    make_pair(made.selfsigned, ("old.test", "www.old.test"), now=NOW - LIFETIME * 0.7)
    return made


def renew(paths: Paths, domain: str | None = None, *, force: bool = False, check: bool = False) -> Result:
    return renew_certificates(read_host(paths), RenewRequest(domain, force=force, prove=False), check=check)


def test_a_self_signed_pair_that_is_due_is_made_anew(paths: Paths) -> None:
    assert renew(paths, check=True).data["renewed"] == ["old.test"]
    assert renew(paths).data["renewed"] == ["old.test"]
    again = renew(paths)
    assert (again.changed, again.data["renewed"]) == (False, [])
    assert again.steps[-1].text == "2 are not due"
    assert (paths.letsencrypt / "vsa-reload").exists(), "NGINX is to load it"
    assert "exit=0" in (paths.letsencrypt / "vsa-renew.state").read_text(encoding="utf-8")


def test_one_that_is_not_due_only_by_force(paths: Paths) -> None:
    assert renew(paths, "young.test").data["renewed"] == []
    assert renew(paths, "young.test", force=True).data["renewed"] == ["young.test"]
    with pytest.raises(UsageError) as refused:
        renew(paths, force=True)
    assert refused.value.field == "force"


def test_a_name_that_is_not_there_is_refused(paths: Paths) -> None:
    with pytest.raises(RefusedError) as refused:
        renew(paths, "x.test")
    assert refused.value.there_are == ["old.test", "young.test"]


# Lineages of certbot, whose engine is a fake


@pytest.fixture(scope="module")
def ca() -> Pair:
    return make_chain(["A CA"])


@pytest.fixture
def acme(tmp_path: Path, ca: Pair) -> Paths:
    """A host with three lineages of certbot: two are due, one is not."""
    made = Paths(str(tmp_path / "acme"))
    for domain, left in (("a.test", 20), ("b.test", 20), ("young.test", 80)):
        day = datetime.timedelta(days=1)
        pair = make_chain([domain], issuer=ca, start=NOW - (90 - left) * day, end=NOW + left * day)
        put_lineage(made, domain, pair)
    return made


@pytest.fixture
def engine(acme: Paths, ca: Pair) -> CertbotEngine:
    return CertbotEngine(acme, ca)


def renew_acme(paths: Paths, engine: Any, domain: str | None = None, *, force: bool = False) -> Result:
    request = RenewRequest(domain, force=force, prove=False)
    return renew_certificates(read_host(paths), request, check=False, engine=engine)


def test_certbot_renews_all_lineages_in_one_run(acme: Paths, engine: CertbotEngine) -> None:
    Certbot(acme).remember("a.test", Attempts(failures=1, last=NOW - datetime.timedelta(days=1)))
    assert renew(acme, check=True).data["renewed"] == ["a.test", "b.test"]
    assert engine.calls == []
    result = renew_acme(acme, engine)
    assert [call[0] for call in engine.calls] == ["renew"]
    assert "--cert-name" not in engine.calls[0]
    assert result.data["renewed"] == ["a.test", "b.test", "young.test"], "the fake renews whatever there is"
    assert result.steps[0].text == "a.test: 90 d, ECDSA"
    assert Certbot(acme).attempts("a.test") == Attempts()


def test_one_lineage_by_name_and_by_force(acme: Paths, engine: CertbotEngine) -> None:
    assert renew_acme(acme, engine, "young.test", force=True).data["renewed"] == ["young.test"]
    [call] = engine.calls
    assert call[call.index("--cert-name") + 1] == "young.test"
    assert "--force-renewal" in call


def test_a_lineage_that_has_to_wait_does_not_hold_up_the_others(acme: Paths, engine: CertbotEngine) -> None:
    later = NOW + datetime.timedelta(hours=2)
    Certbot(acme).remember("a.test", Attempts(failures=1, last=NOW, retry_after=later, error="slow down"))
    result = renew_acme(acme, engine)
    assert [call[call.index("--cert-name") + 1] for call in engine.calls] == ["b.test"]
    assert result.data["renewed"] == ["b.test"]
    assert (result.steps[-1].state, result.steps[-1].text) == ("warning", "1 is not due")
    assert result.steps[-1].notes[0].startswith("a.test has to wait until ")
    with pytest.raises(RefusedError, match="is not asked again before") as refused:
        renew_acme(acme, engine, "a.test")
    assert refused.value.details == ["last failure: slow down"]


def test_what_could_not_be_renewed_is_named_and_remembered(acme: Paths, engine: CertbotEngine) -> None:
    engine.failures["renew"] = "Failed to renew certificate b.test with error: no such order"
    with pytest.raises(RolledBackError, match=r"1 of 3 certificates could not be renewed: b\.test: ") as failed:
        renew_acme(acme, engine)
    assert failed.value.state == "the previous certificate is still served; renewed: none"
    assert failed.value.details == ["b.test: it refused and says: no such order"]
    assert (Certbot(acme).attempts("a.test").failures, Certbot(acme).attempts("b.test").failures) == (0, 1)
    assert "exit=1" in (acme.letsencrypt / "vsa-renew.state").read_text(encoding="utf-8")
    with pytest.raises(RefusedError, match="gave no certificate for b"):
        renew_acme(acme, engine, "b.test")


def test_a_failure_of_certbot_itself_is_that_of_all(acme: Paths, engine: CertbotEngine) -> None:
    engine.failures["renew"] = "Another instance of Certbot is already running."
    with pytest.raises(RolledBackError, match="3 of 3"):
        renew_acme(acme, engine)
    assert Certbot(acme).attempts("a.test") == Attempts(), "no CA counted it"


# CAA records


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    said: dict[str, Any] = {"a.test": ['CAA 0 issue ";"'], "young.test": ['CAA 0 issue ";"']}
    with serving_dns({"127.0.0.1": said}) as port:
        monkeypatch.setattr(renew_module, "resolver_names", lambda: Names(["127.0.0.1"], port=port, seconds=0.3))
        yield said


def test_finding_14_a_renewal_that_caa_records_forbid_asks_no_ca_and_holds_up_no_other(
    acme: Paths, engine: CertbotEngine, zone: dict[str, Any]
) -> None:
    planned = renew(acme, check=True)
    assert planned.data["renewed"] == ["b.test"]
    assert planned.steps[0].notes[0].startswith("a.test would fail: it was not asked: the CAA records of a.test")
    with pytest.raises(RolledBackError, match=r"1 of 3 .* could not be renewed: a\.test: it was not asked") as caught:
        renew_acme(acme, engine)
    assert "renewed: b.test" in caught.value.state
    assert [call[call.index("--cert-name") + 1] for call in engine.calls] == ["b.test"]
    assert Certbot(acme).attempts("a.test") == Attempts(), "the CA counted nothing"


def test_finding_14_one_renewal_that_is_forbidden_says_the_way_out(
    acme: Paths, engine: CertbotEngine, zone: dict[str, Any]
) -> None:
    with pytest.raises(RefusedError, match=r"it was not asked: the CAA records of a\.test") as caught:
        renew_acme(acme, engine, "a.test")
    hint = caught.value.hint
    assert isinstance(hint, Hint)
    assert hint.fields == {"domain": "a.test", "force": True, "dns_check": False}
    assert engine.calls == []
    assert renew_acme(acme, engine, "young.test").data["renewed"] == ["young.test"], "certbot decides what is not due"


def test_issue_14_item_12_on_a_host_of_before_only_the_timer_renews_what_is_due(
    acme: Paths, engine: CertbotEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Names:
        raise MissingLibraryError("dns")

    monkeypatch.setattr(renew_module, "Names", missing)
    request = RenewRequest(None, prove=False, run=RUN)
    for check in (True, False):
        with pytest.raises(MissingLibraryError) as caught:
            renew_certificates(read_host(acme), request, check=check, engine=engine)  # type: ignore[arg-type]
        assert (caught.value.hint, caught.value.state) == (Hint("bootstrap"), "nothing was changed")
    assert engine.calls == []
    young = replace(request, domain="young.test")
    assert renew_certificates(read_host(acme), young, check=False, engine=engine).data["renewed"] == ["young.test"]  # type: ignore[arg-type]
    assert "a.test" in renew_acme(acme, engine).data["renewed"]
