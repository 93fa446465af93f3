"""How fast the filesystems of the nodes fill, from a point for each hour of the last thirty days."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, extract, func, select
from sqlalchemy.dialects.postgresql import insert

from hub.tables import disk_point

__all__ = ("Growth", "full_in_days", "keep_points")

_KEPT = timedelta(days=30)
# A growth is told from so long a time on, and as long as the end is so near.
_LEAST = timedelta(hours=24)
_MOST_DAYS = 365
_DAY = 86_400
# The points change once an hour.
_REFRESHED_SECONDS = 600


def keep_points(connection: Connection, node: str, disks: Iterable[Mapping[str, Any]], *, at: datetime) -> None:
    """Keep how full the filesystems of a node are, the first beat of each hour. Points older than thirty days go."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    values = [
        {"node": node, "mount": disk["mount"], "hour": hour, "used_bytes": disk["used_bytes"]}
        for disk in disks
        if disk.get("mount") and disk.get("used_bytes") is not None
    ]
    if not values:
        return
    # Two filesystems of one name, as no node has them, would be one point.
    unique = list({value["mount"]: value for value in values}.values())
    made = connection.execute(insert(disk_point).values(unique).on_conflict_do_nothing())
    if made.rowcount:
        old = (disk_point.c.node == node) & (disk_point.c.hour < at - _KEPT)
        connection.execute(delete(disk_point).where(old))


@dataclass
class Growth:
    """Bytes per second by node and filesystem, read again every ten minutes."""

    _slopes: dict[tuple[str, str], float] = field(default_factory=dict)
    _read_at: float | None = None

    def read(self, connection: Connection, *, at: datetime) -> Mapping[tuple[str, str], float]:
        """Return the growth of each filesystem whose points span at least a day."""
        if self._read_at is None or time.monotonic() - self._read_at > _REFRESHED_SECONDS:
            self._slopes = _slopes(connection, at)
            self._read_at = time.monotonic()
        return self._slopes


def _slopes(connection: Connection, at: datetime) -> dict[tuple[str, str], float]:
    points = disk_point.c
    slope = func.regr_slope(points.used_bytes, extract("epoch", points.hour)).label("slope")
    query = (
        select(points.node, points.mount, slope)
        .where(points.hour > at - _KEPT)
        .group_by(points.node, points.mount)
        .having(func.max(points.hour) - func.min(points.hour) >= _LEAST)
    )
    return {(row.node, row.mount): float(row.slope) for row in connection.execute(query) if row.slope is not None}


def full_in_days(disk: Mapping[str, Any], bytes_per_second: float | None) -> int | None:
    """Return in about how many days a filesystem is full if it grows on; None if it does not, or not within a year."""
    if not bytes_per_second or bytes_per_second <= 0:
        return None
    days = (disk["bytes"] - disk["used_bytes"]) / bytes_per_second / _DAY
    return round(days) if days <= _MOST_DAYS else None
