"""Which host a verb about a domain acts on. A host that could not be asked may have the domain too."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.placement import Place, choose_host

HAS = Place(site=True)
NOT = Place()
REST = Place(remains=("a certificate",))

CHOSEN = [
    ({"a": HAS, "b": NOT}, False, "a"),
    ({"a": NOT, "b": HAS}, True, "b"),
    ({"a": REST, "b": HAS}, False, "b"),
    ({"a": NOT, "b": REST}, False, "b"),
]


@pytest.mark.parametrize(("places", "makes", "host"), CHOSEN)
def test_the_only_host_that_has_the_domain(places: dict[str, Place | None], makes: bool, host: str) -> None:
    assert choose_host("x.example", places, makes=makes) == host


REFUSED = [
    ({"a": HAS, "b": HAS}, False, 2, "is on several hosts: a, b", "the same with --limit a, or --limit b"),
    ({"a": REST, "b": REST}, False, 2, "is on several hosts: a, b", "the same with --limit a, or --limit b"),
    ({"a": NOT, "b": NOT}, True, 2, "a new site needs a host", "the same with --limit a, or --limit b"),
    ({"a": REST, "b": NOT}, True, 2, "a new site needs a host", "the same with --limit a, or --limit b"),
    ({"a": NOT, "b": NOT}, False, 3, "no host of the inventory has x.example", "site.list"),
    # The silent host may have the domain, so no other host is acted on.
    ({"a": HAS, "b": None}, False, 5, "b could not be asked whether x.example is there; a has it", "--limit a"),
    ({"a": NOT, "b": None}, False, 5, "b could not be asked whether x.example is there; no other host has it", "b"),
    ({"a": NOT, "b": None}, True, 5, "b could not be asked", "--limit b"),
]


@pytest.mark.parametrize(("places", "makes", "code", "message", "hint"), REFUSED)
def test_finding_15_otherwise_no_host_is_chosen(
    places: dict[str, Place | None], makes: bool, code: int, message: str, hint: str
) -> None:
    with pytest.raises(VsaError) as caught:
        choose_host("x.example", places, makes=makes)
    assert caught.value.exit_code == code
    assert message in caught.value.message
    assert hint in str(caught.value.as_result()["vsa_error"])


def test_names_that_are_nearly_the_same_are_named_with_their_host() -> None:
    with pytest.raises(VsaError) as caught:
        choose_host("shp.example", {"a": NOT, "b": Place(near=("shop.example",))}, makes=False)
    assert caught.value.there_are == ["shop.example on b"]


def test_a_place_comes_back_from_a_module() -> None:
    place = Place(remains=("users",), near=("b.example",))
    assert Place.from_mapping(place.as_mapping()) == place
    assert Place.from_mapping(None) is None
    assert Place.from_mapping({"msg": "it failed"}) is None
