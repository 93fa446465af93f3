"""UUIDs of version 7 (RFC 9562)."""

from __future__ import annotations

import uuid

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.ids import is_uuid7, uuid7
from hypothesis import given, settings
from hypothesis import strategies as st


def test_the_example_of_rfc_9562() -> None:
    # Appendix A.6: 2022-02-22 19:22:22 UTC, rand_a = CC3, rand_b = 18C4DC0C0C07398F with its variant.
    tail = (0xCC3 << 62) | 0x18C4DC0C0C07398F
    assert uuid7(0x017F22E279B0, randomness=tail.to_bytes(10, "big")) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.integers(0, (1 << 48) - 1), st.binary(min_size=10, max_size=16))
def test_it_is_one_as_python_reads_it(milliseconds: int, randomness: bytes) -> None:
    text = uuid7(milliseconds, randomness=randomness)
    read = uuid.UUID(text)
    assert is_uuid7(text)
    assert (read.version, read.variant, read.int >> 80) == (7, uuid.RFC_4122, milliseconds)
    assert str(read) == text


def test_they_sort_by_time() -> None:
    high, low = b"\xff" * 10, b"\0" * 10
    assert uuid7(1_000, randomness=high) < uuid7(1_001, randomness=low)
    assert uuid7(1_000, randomness=low) != uuid7(1_000, randomness=high)


def test_too_little_randomness_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 10 random bytes"):
        uuid7(0, randomness=b"123456789")


@pytest.mark.parametrize(
    "text",
    ["", "017f22e2-79b0-4cc3-98c4-dc0c0c07398f", "017f22e2-79b0-7cc3-18c4-dc0c0c07398f",
     "017F22E2-79B0-7CC3-98C4-DC0C0C07398F", "017f22e279b07cc398c4dc0c0c07398f",
     "017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n", "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}"],
)  # fmt: skip
def test_what_is_none(text: str) -> None:
    assert not is_uuid7(text)
