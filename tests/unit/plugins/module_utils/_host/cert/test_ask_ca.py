"""A CA is asked once: what is recorded after a failure, and what the operator reads."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.attempts import Attempts
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.certbot_output import Problem
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.status import DIRECTORIES, ISSUE, Decision, Facts
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, RolledBackError, VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.ask_ca import ask_ca, not_issued, remember_failure
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.certbot import Certbot
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.wanted import WantedCertificate
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from certbotengine import CertbotEngine
from certs import NOW, Pair, make_pair, put_pair

WANTED = WantedCertificate(("shop.test", "www.shop.test"), "letsencrypt", email="ops@example.com")
FACTS = Facts(("shop.test",), NOW, NOW + datetime.timedelta(days=90), issuer="R11", fingerprint="aa")
FIRST = Decision(ISSUE, "there is none")
AGAIN = Decision(ISSUE, "asked for", fresh=True, rehearse=True)
REFUSED = (
    "Certbot failed to authenticate some domains (authenticator: webroot). The Certificate Authority reported:\n"
    "  Identifier: www.shop.test\n  Type:   connection\n  Detail: connection refused\n"
)


@pytest.fixture(scope="module")
def ca() -> Pair:
    return make_pair(["A CA"])


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(str(tmp_path))
    made.letsencrypt.mkdir(parents=True)
    return made


@pytest.fixture
def engine(paths: Paths, ca: Pair) -> CertbotEngine:
    return CertbotEngine(paths, ca)


@pytest.fixture
def certbot(paths: Paths, engine: Any) -> Certbot:
    return Certbot(paths, engine=engine)


def test_a_first_certificate(certbot: Certbot, engine: CertbotEngine, paths: Paths) -> None:
    assert ask_ca(certbot, WANTED, FIRST, Attempts(), None) is None
    [call] = engine.calls
    assert call[call.index("--server") + 1] == DIRECTORIES["letsencrypt"]
    assert [call[at + 1] for at, word in enumerate(call) if word == "--domain"] == ["shop.test", "www.shop.test"]
    assert "--force-renewal" not in call
    assert engine.environments == [{"VSA_NO_RELOAD": "1"}], "the transaction of the site loads the first certificate"
    assert (paths.letsencrypt / "live/shop.test/fullchain.pem").is_file()


def test_a_replacement_is_loaded_by_the_deploy_hook(certbot: Certbot, engine: CertbotEngine) -> None:
    ask_ca(certbot, WANTED, Decision(ISSUE, "asked for", fresh=True), Attempts(), FACTS)
    assert engine.environments == [{}]
    assert "--force-renewal" in engine.calls[0]


def test_after_a_failure_the_attempt_is_rehearsed_at_the_staging_ca(certbot: Certbot, engine: CertbotEngine) -> None:
    certbot.remember("shop.test", Attempts(failures=1, last=NOW))
    assert ask_ca(certbot, WANTED, AGAIN, Attempts(failures=1, last=NOW), None) == "rehearsed at the staging CA first"
    servers = [call[call.index("--server") + 1] for call in engine.calls]
    assert servers == [DIRECTORIES["staging"], DIRECTORIES["letsencrypt"]]
    assert ["--dry-run" in call for call in engine.calls] == [True, False]
    assert certbot.attempts("shop.test") == Attempts(), "a success forgets the failures"


def test_a_rehearsal_that_fails_does_not_reach_the_real_ca(certbot: Certbot, engine: CertbotEngine) -> None:
    engine.failures["dry-run"] = REFUSED
    before = Attempts(failures=1, last=NOW)
    certbot.remember("shop.test", before)
    with pytest.raises(RefusedError, match="staging") as refused:
        ask_ca(certbot, WANTED, AGAIN, before, FACTS)
    assert "Let's Encrypt itself was not asked" in refused.value.details[-1]
    assert len(engine.calls) == 1
    assert certbot.attempts("shop.test") == before, "a rehearsal does not count"


def test_a_failure_is_counted_and_names_what_the_ca_answered(certbot: Certbot, engine: CertbotEngine) -> None:
    engine.failures["certonly"] = REFUSED
    with pytest.raises(
        RefusedError, match="it could not validate www\\.shop\\.test and says: connection refused"
    ) as refused:
        ask_ca(certbot, WANTED, FIRST, Attempts(failures=2, last=NOW), FACTS)
    assert refused.value.value == "www.shop.test"
    assert refused.value.state == "the previous certificate is still served"
    found = certbot.attempts("shop.test")
    assert (found.failures, found.error) == (3, "it could not validate www.shop.test and says: connection refused")
    assert found.last is not None
    assert found.last > NOW - datetime.timedelta(days=3650)


def test_a_lineage_that_certbot_cannot_use_is_replaced(certbot: Certbot, engine: CertbotEngine, paths: Paths) -> None:
    restored = make_pair(["shop.test"])
    put_pair(paths.letsencrypt / "live/shop.test", chain=restored.chain, key=restored.key_pem)
    engine.failures["certonly"] = REFUSED
    with pytest.raises(RefusedError):
        ask_ca(certbot, WANTED, FIRST, Attempts(), None)
    kept = paths.letsencrypt / "live/shop.test/fullchain.pem"
    assert kept.read_text(encoding="utf-8") == restored.chain, "a failure puts it back"
    engine.failures.clear()
    ask_ca(certbot, WANTED, FIRST, Attempts(), None)
    assert kept.read_text(encoding="utf-8") != restored.chain
    assert engine.environments[-1] == {}, "the proxy serves it, so the new one is loaded at once"


def test_what_certbot_keeps_is_not_due(certbot: Certbot, engine: CertbotEngine, monkeypatch: Any) -> None:
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import ExecResult

    done = ExecResult(0, "Certificate not yet due for renewal; no action taken.", "")
    monkeypatch.setattr(engine, "exec", lambda *_args, **_options: done)
    assert ask_ca(certbot, WANTED, FIRST, Attempts(), FACTS) == "the CA says that it is not due yet"


@pytest.mark.parametrize(
    ("kind", "counted", "error"),
    [
        ("challenge", True, RefusedError),
        ("rate_limit", True, RefusedError),
        ("refused", True, RefusedError),
        ("other", True, RolledBackError),
        ("unreachable", False, RolledBackError),
        ("disk", False, RolledBackError),
        ("nonce", False, RolledBackError),
        ("account", False, RolledBackError),
        ("busy", False, RefusedError),
        ("plugin", False, RefusedError),
    ],
)
def test_kinds_of_problems(certbot: Certbot, kind: str, counted: bool, error: type[VsaError]) -> None:
    problem = Problem(kind, "it went wrong")
    remember_failure(certbot, "shop.test", Attempts(), problem)
    assert certbot.attempts("shop.test").failures == counted
    made = not_issued(WANTED, None, problem)
    assert type(made) is error
    assert made.message == "Let's Encrypt gave no certificate for shop.test: it went wrong"
    assert made.state == "nothing was changed"
    assert made.hint


def test_a_rate_limit_is_remembered_with_its_time(certbot: Certbot) -> None:
    until = NOW + datetime.timedelta(hours=1)
    problem = Problem("rate_limit", "its rate limit is reached", retry_after=until)
    remember_failure(certbot, "shop.test", Attempts(), problem)
    assert certbot.attempts("shop.test").retry_after == until
    assert not_issued(WANTED, None, problem).hint == "wait until 2026-11-24T11:00:00Z, then try again"


def test_a_hint_that_is_a_verb_is_a_value() -> None:
    hint = not_issued(WANTED, None, Problem("account", "its account is lost")).hint
    assert hint == Hint("cert.issue", {"domain": "shop.test", "force": True}, note="which makes a new account")
