"""What the controller hands over of a CA bundle: certificates, and never a key."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.action.bootstrap_info import read_certificates

BLOCK = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (BLOCK.encode(), BLOCK),
        (f"{BLOCK}-----BEGIN PRIVATE KEY-----\n".encode(), ""),
        (b"\xff\xfe", ""),
        (b"", ""),
    ],
)
def test_only_certificates_are_read(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(content)
    assert read_certificates(path) == text


def test_what_is_no_file_gives_nothing(tmp_path: Path) -> None:
    assert read_certificates(tmp_path) == ""
    assert read_certificates(tmp_path / "none.pem") == ""
