"""Percentiles of how long requests took, from buckets that add up over any time. Percentiles themselves never do.

A bucket is the text of truncated seconds, as NGINX wrote them with three decimals: ``0.041`` is exactly that,
``0.24`` is 0.240 to 0.249 s, ``1.2`` is 1.2 to 1.299 s, and ``12`` is 12 to 12.999 s.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction

__all__ = ("PERCENTILES", "bucket_bounds", "percentile", "percentiles")

PERCENTILES: Mapping[str, Fraction] = {"p50": Fraction(1, 2), "p95": Fraction(95, 100), "p99": Fraction(99, 100)}
_BUCKET = re.compile(r"(\d+)(?:[.](\d{1,3}))?", re.ASCII)
_FINEST = 1000


def bucket_bounds(text: str) -> tuple[int, int] | None:
    """Return the first and the last millisecond of a bucket; None for text that is no bucket."""
    found = _BUCKET.fullmatch(text)
    if found is None:
        return None
    width = _FINEST // 10 ** len(found[2] or "")
    first = int(found[1]) * _FINEST + int(found[2] or "0") * width
    return first, first + width - 1


def percentiles(counts: Mapping[str, float]) -> dict[str, float | None]:
    """Return p50, p95 and p99 in seconds of counts by bucket; None if there are no requests."""
    return {name: percentile(counts, share) for name, share in PERCENTILES.items()}


def percentile(counts: Mapping[str, float], share: Fraction) -> float | None:
    """Return the nearest rank in seconds. It lies in the right bucket; inside, requests count as spread evenly."""
    buckets = sorted((bounds, count) for text, count in counts.items() if (bounds := bucket_bounds(text)) and count > 0)
    total = sum(count for _bounds, count in buckets)
    rank = math.ceil(share * Fraction(total))
    seen = 0.0
    for (first, last), count in buckets:
        if seen + count >= rank:
            place = (rank - seen - 0.5) / count
            return round(first + (last - first) * place) / _FINEST
        seen += count
    return None
