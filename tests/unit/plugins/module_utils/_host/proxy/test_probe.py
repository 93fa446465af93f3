"""The fingerprint of a served certificate, from the file it was read from."""

from __future__ import annotations

import hashlib

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.certificates import leaf_fingerprint
from cryptography.hazmat.primitives import serialization

from certs import Pair, make_pair


@pytest.fixture(scope="module")
def pair() -> Pair:
    """A certificate of a CA with its chain, of a length whose base64 has no padding to end a lenient reading."""
    ca = make_pair(["a CA"])
    pairs = (make_pair(["shop.example.com"], issuer=ca) for _ in range(1000))
    return next(pair for pair in pairs if len(pair.certificate.public_bytes(serialization.Encoding.DER)) % 3 == 0)


def test_it_is_that_of_the_first_certificate(pair: Pair) -> None:
    expected = hashlib.sha256(pair.certificate.public_bytes(serialization.Encoding.DER)).hexdigest()
    assert leaf_fingerprint(pair.chain) == expected
    assert leaf_fingerprint(pair.pem) == expected
    assert leaf_fingerprint(f"subject=CN = shop\nissuer=CN = ca\n{pair.chain}") == expected
    assert leaf_fingerprint(pair.chain.replace("\n", "\r\n")) == expected


def test_another_order_is_another_certificate(pair: Pair) -> None:
    _empty, leaf, issuer = pair.chain.split("-----BEGIN CERTIFICATE-----")
    mark = "-----BEGIN CERTIFICATE-----"
    assert leaf_fingerprint(mark + issuer + mark + leaf) != leaf_fingerprint(pair.chain)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pem: "",
        lambda pem: "no certificate",
        lambda pem: pem.replace("BEGIN", "BEGIM"),
        lambda pem: pem[:200],
        lambda pem: "-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n",
    ],
    ids=["empty", "text", "marks", "truncated", "turned"],
)
def test_what_is_not_whole_has_none(pair: Pair, spoil: object) -> None:
    assert leaf_fingerprint(spoil(pair.pem)) is None  # type: ignore[operator]
