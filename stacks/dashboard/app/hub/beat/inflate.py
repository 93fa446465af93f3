"""The body of a beat, counted while it is read and while it is inflated, so that it never fills memory."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

from hub.core import BAD_BEAT, COMPRESSED_MOST, INFLATED_MOST, TOO_LARGE
from hub.errors import HubError, refusal

__all__ = ("drained", "inflated", "too_large")

# A sender that is refused may send so much until it has to see the answer.
_MOST_DRAINED = 16 << 20
_GZIP = 16 + zlib.MAX_WBITS


async def inflated(chunks: AsyncIterator[bytes]) -> bytes:
    """Return the inflated body. HubError if it is too large at either end, no gzip, or cut short."""
    unpack = zlib.decompressobj(_GZIP)
    sent = 0
    found = bytearray()
    async for chunk in chunks:
        sent += len(chunk)
        if sent > COMPRESSED_MOST:
            raise too_large()
        try:
            # One byte more than allowed is enough to know.
            found += unpack.decompress(chunk, INFLATED_MOST + 1 - len(found))
        except zlib.error as error:
            raise refusal(BAD_BEAT, "the body is no gzip", "body") from error
        if len(found) > INFLATED_MOST:
            raise refusal(TOO_LARGE, f"the body has more than {INFLATED_MOST} bytes when it is inflated")
        if unpack.unused_data:
            raise refusal(BAD_BEAT, "something follows the gzip of the body", "body")
    if not unpack.eof:
        raise refusal(BAD_BEAT, "the body is cut short", "body")
    return bytes(found)


async def drained(chunks: AsyncIterator[bytes]) -> bool:
    """Read the rest of a body that was refused, and say whether it ended.

    The proxy sends the whole body before it reads an answer, and a connection that is closed before loses the answer.
    """
    read = 0
    async for chunk in chunks:
        read += len(chunk)
        if read > _MOST_DRAINED:
            return False
    return True


def too_large() -> HubError:
    """Return the refusal of a body that is too large as it is sent."""
    return refusal(TOO_LARGE, f"the body has more than {COMPRESSED_MOST} bytes")
