"""A certificate is revoked at its CA: which ones may be, and what is left after a success and after a failure."""

from __future__ import annotations

import datetime
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import (
    NotRolledBackError,
    RefusedError,
    RolledBackError,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert import issue
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.revoke import RevokeRequest, revoke_certificate
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.wanted import IssueRequest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.resolver import Names
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.lineages import lineage_remains

from certbotengine import CertbotEngine, put_lineage
from certs import Pair, make_pair, put_pair

NOW = datetime.datetime.now(datetime.UTC)
SERVER = "https://127.0.0.1:1/dir"
REQUEST = RevokeRequest("shop.test", reason="keycompromise")
REPLACE = replace(REQUEST, replacement=IssueRequest("shop.test", ca=SERVER, prove=False))
DOWN = "requests.exceptions.ConnectionError: HTTPSConnectionPool(...): [Errno 111] Connection refused"


@pytest.fixture(autouse=True)
def no_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked for CAA records, unless a test says so."""
    monkeypatch.setattr(issue, "Names", lambda: Names([]))


@pytest.fixture(scope="module")
def ca() -> Pair:
    return make_pair(["A CA"])


@pytest.fixture
def paths(tmp_path: Path, ca: Pair) -> Paths:
    made = Paths(str(tmp_path))
    made.sites.mkdir(parents=True)
    put_lineage(made, "shop.test", make_pair(["shop.test"], issuer=ca, end=NOW + datetime.timedelta(days=80)))
    return made


@pytest.fixture
def engine(paths: Paths, ca: Pair) -> CertbotEngine:
    return CertbotEngine(paths, ca)


def revoke(paths: Paths, engine: Any, request: RevokeRequest = REQUEST, *, check: bool = False) -> Result:
    return revoke_certificate(read_host(paths), request, check=check, engine=engine)


def value(call: list[str], flag: str) -> str:
    return call[call.index(flag) + 1]


def test_the_certificate_and_its_lineage_go(paths: Paths, engine: CertbotEngine) -> None:
    result = revoke(paths, engine)
    [call] = engine.calls
    assert call[0] == "revoke"
    assert value(call, "--cert-path") == "/etc/letsencrypt/archive/shop.test/cert1.pem"
    assert value(call, "--key-path") == "/etc/letsencrypt/archive/shop.test/privkey1.pem"
    assert (value(call, "--server"), value(call, "--reason")) == (SERVER, "keycompromise")
    assert (result.changed, result.steps[0].text) == (True, "revoked: A CA, keycompromise; the lineage was removed")
    assert len(result.steps[0].notes) == 3
    assert lineage_remains(paths, "shop.test") == []


def test_check_mode_asks_no_ca(paths: Paths, engine: CertbotEngine) -> None:
    result = revoke(paths, engine, check=True)
    assert (result.changed, result.steps[0].state) == (True, "would_change")
    assert engine.calls == []
    assert lineage_remains(paths, "shop.test")


def test_a_failure_leaves_the_lineage(paths: Paths, engine: CertbotEngine) -> None:
    engine.failures["revoke"] = DOWN
    with pytest.raises(RolledBackError, match="the CA did not revoke it: it cannot be asked") as failed:
        revoke(paths, engine)
    assert failed.value.state == "nothing was changed"
    assert failed.value.hint == Hint("cert.revoke", {"domain": "shop.test", "reason": "keycompromise"})
    assert len(lineage_remains(paths, "shop.test")) == 3


def test_finding_12_a_lineage_that_the_ca_has_revoked_before_is_removed(paths: Paths, engine: CertbotEngine) -> None:
    """The run before this one revoked it, and the disk did not let it remove the lineage."""
    engine.failures["revoke"] = (
        "An unexpected error occurred:\nurn:ietf:params:acme:error:alreadyRevoked :: Certificate already revoked"
    )
    assert revoke(paths, engine).changed
    assert lineage_remains(paths, "shop.test") == []


def test_a_certificate_that_a_site_uses_is_refused(paths: Paths, engine: CertbotEngine) -> None:
    (paths.sites / "shop.test.yml").write_text("whatever it says", encoding="utf-8")
    with pytest.raises(RefusedError, match=r"the site shop\.test uses this certificate") as refused:
        revoke(paths, engine)
    assert [hint.verb for hint in refused.value.hint] == ["cert.revoke", "site.unprovision"]  # type: ignore[union-attr]
    assert engine.calls == []


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another group: needs root")
def test_a_replacement_comes_first_and_the_previous_one_is_revoked(paths: Paths, engine: CertbotEngine) -> None:
    (paths.sites / "shop.test.yml").write_text(
        "domain: shop.test\nroutes: [{path: /, container: web-1, port: 80}]\n", encoding="utf-8"
    )
    result = revoke(paths, engine, REPLACE)
    assert [call[0] for call in engine.calls] == ["certonly", "revoke"]
    assert "--force-renewal" in engine.calls[0]
    assert value(engine.calls[1], "--cert-path").endswith("/cert1.pem"), "the new one is cert2.pem"
    assert [step.name for step in result.steps] == ["certificate", "revocation"]
    assert result.steps[-1].text == "the previous certificate was revoked: A CA, keycompromise"
    live = paths.letsencrypt / "live/shop.test/cert.pem"
    assert live.resolve().name == "cert2.pem"


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another group: needs root")
def test_after_a_replacement_a_failure_is_not_rolled_back(paths: Paths, engine: CertbotEngine) -> None:
    engine.failures["revoke"] = DOWN
    with pytest.raises(NotRolledBackError) as failed:
        revoke(paths, engine, REPLACE)
    assert failed.value.state == "a new certificate is served, the previous one is still valid"
    assert "--cert-path /etc/letsencrypt/archive/shop.test/cert1.pem" in str(failed.value.hint)


def test_what_cannot_be_revoked_is_refused(paths: Paths, engine: CertbotEngine, ca: Pair) -> None:
    own = make_pair(["own.test"])
    put_pair(paths.selfsigned / "own.test", chain=own.chain, key=own.key_pem)
    with pytest.raises(RefusedError, match="nobody can revoke it"):
        revoke(paths, engine, replace(REQUEST, domain="own.test"))
    with pytest.raises(RefusedError, match="no certificate of this name") as refused:
        revoke(paths, engine, replace(REQUEST, domain="x.test"))
    assert refused.value.there_are == ["shop.test"]
    put_lineage(paths, "half.test", make_pair(["half.test"], issuer=ca))
    (paths.letsencrypt / "archive/half.test/chain1.pem").unlink()
    with pytest.raises(RefusedError, match="parts of its lineage are missing"):
        revoke(paths, engine, replace(REQUEST, domain="half.test"))
    put_lineage(paths, "wrong.test", make_pair(["wrong.test"], issuer=ca))
    (paths.letsencrypt / "archive/wrong.test/privkey1.pem").write_text(own.key_pem, encoding="utf-8")
    with pytest.raises(RefusedError, match="not a pair"):
        revoke(paths, engine, replace(REQUEST, domain="wrong.test"))
    assert engine.calls == []
