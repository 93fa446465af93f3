"""An audit trail for tests: chained lines of any time and size, rotated on demand."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import itertools
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["TrailFolder", "moment"]


def moment(nanoseconds: int) -> str:
    """Return RFC 3339 text with microseconds, as in the trail."""
    then = datetime.datetime.fromtimestamp(nanoseconds // 1_000_000_000, tz=datetime.UTC)
    return f"{then:%Y-%m-%dT%H:%M:%S}.{nanoseconds // 1000 % 1_000_000:06d}Z"


@dataclasses.dataclass
class TrailFolder:
    """A folder with a trail (``audit.jsonl``, rotated ``audit.jsonl.1`` …) and the files of its shipment to Loki."""

    folder: Path
    name: str = "run"
    head: str = "0" * 64

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.live = self.folder / "audit.jsonl"
        self.live.touch()
        self.cursor = self.folder / "loki.json"
        self.lines: list[str] = []
        self._numbers = itertools.count(1)
        self._rotations = itertools.count(1)

    @property
    def files(self) -> list[Path]:
        """Every file of the trail, oldest first."""
        rotated = [path for path in self.folder.glob("audit.jsonl.*") if path.suffix[1:].isdigit()]
        return [*sorted(rotated, key=lambda path: int(path.suffix[1:])), self.live]

    @property
    def skipped_notes(self) -> list[dict[str, Any]]:
        """The records that are noted as never accepted by Loki."""
        path = self.folder / "loki-skipped.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def add(self, count: int = 1, *, at: Iterable[int] = (), size: int = 0) -> list[str]:
        """Append records (at the given nanoseconds, else now), padded to about ``size``; returns their lines."""
        times = iter(at)
        added = []
        for _ in range(count):
            content = {
                "prev_hash": self.head,
                "id": f"{self.name}-{next(self._numbers)}",
                "kind": "started",
                "time": moment(next(times, None) or time.time_ns()),
                "error": "x" * size,
            }
            text = json.dumps(content)
            self.head = hashlib.sha256(text.encode()).hexdigest()
            added.append(f'{text[:-1]}, "hash": "{self.head}"}}')
        self.raw("".join(line + "\n" for line in added))
        self.lines += added
        return added

    def raw(self, text: str) -> None:
        """Append any text, record or not."""
        with self.live.open("a") as stream:
            stream.write(text)

    def rotate(self) -> None:
        """Rename the live file to the next number and begin a new one."""
        self.live.rename(self.folder / f"audit.jsonl.{next(self._rotations)}")
        self.live.touch()
