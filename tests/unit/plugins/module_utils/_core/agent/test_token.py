"""The token of an agent, the name of its node, and the address of its hub."""

from __future__ import annotations

import hashlib

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.token import (
    hub_base,
    made_token,
    node_name,
    node_of_token,
    token_hash,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError

RANDOM = bytes(range(32))
TOKEN = made_token("vps-01", randomness=RANDOM)


def test_a_token_names_its_node_and_has_43_characters_of_chance() -> None:
    assert TOKEN == "vsa1.vps-01.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    assert node_of_token(TOKEN) == "vps-01"
    assert node_of_token(made_token("a.b-c_d.example", randomness=RANDOM)) == "a.b-c_d.example"


def test_a_token_is_not_made_of_less_chance() -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        made_token("vps-01", randomness=b"short")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "vsa1",
        "vsa1.vps-01",
        TOKEN[:-1],
        f"{TOKEN}A",
        f"{TOKEN}\n",
        TOKEN.replace("vsa1", "vsa2"),
        "vsa1..x",
        7,
        None,
        TOKEN.replace("vps-01", "all"),
        TOKEN.replace("vps-01", "a/b"),
        f"{TOKEN[:-1]}+",
    ],
)
def test_what_is_no_token_is_refused_and_never_shown(text: object) -> None:
    with pytest.raises(RefusedError) as refused:
        node_of_token(text)
    assert refused.value.value is None
    assert TOKEN[12:30] not in str(refused.value.as_result())


def test_the_hash_is_sha256_of_the_whole_text() -> None:
    assert token_hash(TOKEN) == hashlib.sha256(TOKEN.encode()).hexdigest()


@pytest.mark.parametrize("name", ["vps-01", "a1", "x" * 63, "web.example.com"])
def test_names_of_nodes(name: str) -> None:
    assert node_name(name) == name


@pytest.mark.parametrize("name", ["", "a", "x" * 64, "-a", "a-", "a..b", "all", "localhost", "a\nb", "ä1", None, 3])
def test_what_is_no_name_of_a_node(name: object) -> None:
    with pytest.raises(RefusedError):
        node_name(name)


@pytest.mark.parametrize("ending", ["", "/", "/api", "/api/"])
@pytest.mark.parametrize("base", ["https://dashboard.example.com", "https://hub:8443", "https://203.0.113.7"])
def test_the_address_of_a_hub_may_end_in_api(base: str, ending: str) -> None:
    assert hub_base(f" {base.upper()}{ending}") == base


@pytest.mark.parametrize(
    "address",
    [
        "http://hub.example.com",
        "hub.example.com",
        "https://",
        "https://hub/x",
        "https://hub/api/v1",
        "https://u:p@hub",
        "https://hub:0",
        "https://hub:99999",
        "https://hub?x",
        "https://hub\n",
        f"https://{'a' * 250}",
        None,
        1,
        "https://hub/api//",
    ],
)
def test_what_is_no_address_of_a_hub(address: object) -> None:
    if address == "https://hub\n":
        assert hub_base(address) == "https://hub"  # white space around is no mistake worth an error
        return
    with pytest.raises(RefusedError):
        hub_base(address)
