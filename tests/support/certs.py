"""Certificates for tests: keys and chains of a CA that is made for the test."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ("NOW", "Pair", "make_pair", "put_pair")

NOW = datetime.datetime(2026, 11, 24, 10, 0, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Pair:
    """A key with its certificate; ``chain`` is the content of fullchain.pem: the certificate and its issuers."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    chain: str

    @property
    def key_pem(self) -> str:
        """Return the key as PEM."""
        return self.encrypted_key_pem(None)

    def encrypted_key_pem(self, phrase: bytes | None) -> str:
        """Return the key as PEM, encrypted if there is a pass phrase."""
        how = serialization.BestAvailableEncryption(phrase) if phrase else serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how).decode()

    @property
    def pem(self) -> str:
        """Return the certificate alone as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()


def make_pair(
    names: Sequence[str],
    *,
    issuer: Pair | None = None,
    start: datetime.datetime = NOW - datetime.timedelta(days=10),
    end: datetime.datetime = NOW + datetime.timedelta(days=80),
) -> Pair:
    """Return a key and its certificate over ``names``, signed by ``issuer`` or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    certificate = builder.sign(issuer.key if issuer else key, hashes.SHA256())
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return Pair(key, certificate, pem + (issuer.chain if issuer else ""))


def put_pair(directory: Path, *, chain: str | None, key: str | None) -> None:
    """Write fullchain.pem and privkey.pem, each only if it is given."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in (("fullchain.pem", chain), ("privkey.pem", key)):
        if text is not None:
            (directory / name).write_text(text, encoding="utf-8")
