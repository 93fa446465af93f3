"""What may stand in a record: known arguments, and texts without secrets."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.mask import (
    MASK,
    Masker,
    masked_arguments,
    masked_command,
    target_of,
)
from hypothesis import given
from hypothesis import strategies as st

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7\nq9x\n-----END RSA PRIVATE KEY-----"
BCRYPT = "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"


def test_known_arguments_are_shown_and_unknown_ones_are_named() -> None:
    said = {
        "site_domain": "shop.example.com",
        "site_routes": [{"path": "/", "container": "web-1", "port": 3000}],
        "site_port": 3000,
        "cert_force": True,
        "vhost_to": None,
        "stack_env": {"POSTGRES_PASSWORD": "hunter2"},
        "anything": "else",
        "vsa_actor": "ops@ws",
        "vsa_audit_id": "01936f00-0000-7000-8000-000000000001",
    }
    assert masked_arguments(said) == {
        "site_domain": "shop.example.com",
        "site_routes": [{"path": "/", "container": "web-1", "port": 3000}],
        "site_port": 3000,
        "cert_force": True,
        "vhost_to": None,
        "stack_env": MASK,
        "anything": MASK,
    }


@given(st.dictionaries(st.text(min_size=1, max_size=30), st.text(min_size=8, max_size=40, alphabet="QZXJK0123456789")))
def test_no_value_of_an_unknown_argument_is_shown(said: dict[str, str]) -> None:
    shown = masked_arguments({f"x_{name}": value for name, value in said.items()})
    assert set(shown.values()) <= {MASK}


@pytest.mark.parametrize("value", [{"a": {"b": {"c": {"d": 1}}}}, 1 << 80, object(), "x" * 10_000, ["y"] * 10_000])
def test_values_are_bounded(value: object) -> None:
    assert len(repr(masked_arguments({"site_aliases": value}))) < 5000


def test_a_secret_in_a_known_argument_is_taken_out() -> None:
    shown = masked_arguments({"bootstrap_loki_url": "https://user:hunter22@loki.example.com", "site_container": KEY})
    assert shown["bootstrap_loki_url"] == f"https://{MASK}@loki.example.com"
    assert "MIIEow" not in shown["site_container"]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (KEY, "MIIEowIBAAKCAQEA7"),
        ("+" + KEY.replace("\n", "\n+"), "q9x"),
        (KEY[:60], "MIIEowIBA"),
        (f"ops:{BCRYPT}", "N9qo8uLO"),
        ("ops:$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/", "HqJZimcK"),
        (
            "root:$6$salt$IxDD3jeSOb5eB1CX5LBsqZFVkJdido3OUILO5Ifz5iwMuTS4XMS130MTSuDDl3aCI6Wou:1",
            "IxDD3je",
        ),
        ("ops:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "W6ph5Mm5"),
        ("password: hunter2hunter2", "hunter2"),
        ("POSTGRES_PASSWORD=hunter2hunter2", "hunter2"),
        ("db_passwd = 'hunter2 hunter2'", "hunter2"),
        ('{"api_key": "hunter2hunter2"}', "hunter2"),
        ("client-secret=hunter2", "hunter2"),
        ("private_key: hunter2hunter2", "hunter2"),
        ("mysql --password hunter2hunter2", "hunter2"),
        ("Authorization: Bearer abcdef0123456789", "abcdef01"),
        ("curl -H 'X: Bearer abcdef0123456789'", "abcdef01"),
        ("postgres://ops:hunter2@db:5432/app", "hunter2"),
        ("vsa1.vps-01.eu.0123456789abcdefghijABCDEFGHIJ0123456789-_x", "0123456789abc"),
        ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "0123456789abc"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2Q", "SflKxwRJ"),
        ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7"),
    ],
)
def test_what_looks_like_a_secret(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in Masker().text(text)


@pytest.mark.parametrize(
    "text",
    [
        "ssl_certificate_key /etc/letsencrypt/live/shop.example.com/privkey.pem;",
        "generation 41 → 42: 1 file added, tested, live, proven",
        "proxy_set_header X-Forwarded-For $remote_addr;",
        "server web-1.flowbiz_ext:3000 resolve;",
        "-----BEGIN CERTIFICATE-----",
    ],
)
def test_what_is_none_stays(text: str) -> None:
    assert Masker().text(text) == text


def test_values_of_this_run_s_unknown_arguments_vanish_everywhere() -> None:
    masker = Masker({"x": {"deep": ["correct horse battery", "abc"]}, "site_domain": "shop.example.com"})
    assert (
        masker.text("said 'correct horse battery' to shop.example.com, abc")
        == f"said '{MASK}' to shop.example.com, abc"
    )


def test_the_lines_of_a_longer_secret_vanish_too() -> None:
    masker = Masker({"x": "first line\nsecond line\n"})
    assert masker.diff({"before": "", "after": "second line\n"}) == f"--- before\n+++ after\n@@ -0,0 +1 @@\n+{MASK}"


def test_diffs_of_every_shape() -> None:
    masker = Masker()
    assert masker.diff(None) is None
    assert masker.diff({}) is None
    assert masker.diff([{"prepared": "--- a\n+++ b\n"}, {"before": "1\n", "after": "2\n"}]) == (
        "--- a\n+++ b\n--- before\n+++ after\n@@ -1 +1 @@\n-1\n+2"
    )
    assert masker.diff({"before": {"mode": "0600"}, "after": {"mode": "0644"}, "after_header": "/x"}) == (
        "--- before\n+++ /x\n@@ -1 +1 @@\n-mode: 0600\n+mode: 0644"
    )


def test_a_diff_is_cut_with_a_mark() -> None:
    cut = Masker().diff({"prepared": "+ line ä\n" * 5000})
    assert cut is not None
    assert len(cut.encode()) < 8 * 1024 + 60
    assert "… cut: " in cut


def test_what_is_too_large_to_compare_is_not_compared() -> None:
    told = Masker().diff({"before": "", "after": f"password: hunter2hunter2\n{'x' * 300_000}"})
    assert told is not None
    assert "too large" in told
    assert "hunter2" not in told


def test_a_key_that_a_diff_cuts_into_pieces() -> None:
    told = Masker().diff({"before": KEY, "after": KEY.replace("q9x", "r8y")})
    assert told is None or ("q9x" not in told and "r8y" not in told)


@pytest.mark.parametrize(
    ("said", "target"),
    [
        ({"domain": "a.example.com"}, "a.example.com"),
        ({"site_domain": "b.example.com", "domain": "a.example.com"}, "b.example.com"),
        ({"stack_name": "reverse-proxy"}, "reverse-proxy"),
        ({"limit": "vps-01"}, None),
        ({"domain": ["x"]}, None),
    ],
)
def test_the_target(said: dict[str, object], target: str | None) -> None:
    assert target_of(said) == target


def test_numbers_and_switches_of_options_are_shown_and_a_pin_is_not() -> None:
    said = {"site_purge": True, "site_prune": False, "cert_reason": "superseded", "pin": 123456, "flag": True}
    assert masked_arguments(said) == {
        "site_purge": True,
        "site_prune": False,
        "cert_reason": "superseded",
        "pin": MASK,
        "flag": MASK,
    }
    assert Masker(said).text("revoked as superseded; dialled 123456") == f"revoked as superseded; dialled {MASK}"


def test_a_key_like_password_is_masked_within_a_shown_argument() -> None:
    said = {"site_declared": [{"domain": "a.example.com", "manifest": {"auth_pass": True, "db_password": "hunter2"}}]}
    manifest = {"auth_pass": True, "db_password": MASK}
    assert masked_arguments(said) == {"site_declared": [{"domain": "a.example.com", "manifest": manifest}]}


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["ls", "-l"], ["ls", "-l"]),
        (["mysql", "--password", "x y"], ["mysql", "--password", "***"]),
        (["mysql", "--password=x y\nz"], ["mysql", "--password=***"]),
        (["env", "DB_PASSWORD=x", "sh"], ["env", "DB_PASSWORD=***", "sh"]),
        (["vault", "-token", "x", "--api-key"], ["vault", "-token", "***", "--api-key"]),
        (["--secret", 7, "--token", None], ["--secret", 7, "--token", None]),
        (["passwd", "ana"], ["passwd", "ana"]),
        ([], []),
    ],
)
def test_the_words_of_a_command(words: list[object], shown: list[object]) -> None:
    assert masked_command(words) == shown
    assert masked_arguments({"stack_command": words})["stack_command"] == shown
