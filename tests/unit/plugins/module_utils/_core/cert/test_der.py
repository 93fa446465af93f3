"""What a certificate says, read without a library, compared with the library."""

from __future__ import annotations

import datetime
import ssl

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.der import issuer_and_end
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from certs import make_pair


def test_issuer_and_end_of_a_pair() -> None:
    authority = make_pair(["Some CA"])
    pair = make_pair(["shop.example.com"], issuer=authority)
    der = ssl.PEM_cert_to_DER_cert(pair.pem)
    assert issuer_and_end(der) == ("Some CA", pair.certificate.not_valid_after_utc)


@pytest.mark.parametrize("year", [2049, 2050, 2199])
@pytest.mark.parametrize("organization", ["Let's Encrypt", "Größe", "名"])
def test_times_of_both_kinds_and_names_of_all_letters(year: int, organization: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CH"),
            x509.NameAttribute(NameOID.COMMON_NAME, "R13"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
        ]
    )
    end = datetime.datetime(year, 12, 31, 23, 59, 58, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(1999, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    from cryptography.hazmat.primitives.serialization import Encoding

    assert issuer_and_end(made.public_bytes(Encoding.DER)) == (organization, end)


@pytest.mark.parametrize("cut", [0, 1, 2, 10, 50, 100, 200])
def test_what_is_no_certificate(cut: int) -> None:
    der = ssl.PEM_cert_to_DER_cert(make_pair(["a.example"]).pem)
    with pytest.raises(ValueError, match=r"no certificate|cut short"):
        issuer_and_end(der[:cut])
    with pytest.raises(ValueError, match=r"no certificate|cut short|no time"):
        issuer_and_end(b"\x30\x03\x02\x01" + bytes([cut % 256]))
