"""What the audit page keeps in memory: who answers, and how long records are kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hub.sources import Source
from hub.trails.controllers import Controllers

__all__ = ("KEPT_DAYS", "Trails")

KEPT_DAYS = 400
"""So many days the hub keeps a record, unless a setting says otherwise. The node's trail stays the truth."""


@dataclass
class Trails:
    """The sources of the audit page, and for how many days the hub keeps records."""

    controllers: Controllers = field(default_factory=Controllers)
    database: Source = field(default_factory=lambda: Source("PostgreSQL"))
    days: int = KEPT_DAYS

    def oldest(self, at: datetime) -> datetime:
        """Return the time from which on records are kept."""
        return at - timedelta(days=self.days)
