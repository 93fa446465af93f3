"""The audit trails of a large fleet: chained records of runs, made fast and the same each time."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import GENESIS
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.ids import uuid7

__all__ = ("FIELDS", "Trails")

FIELDS = "node hash received_at at run kind actor verb target status whole line".split()
"""The columns of a row, in its order."""

_ACTORS = ("ops",) * 9 + ("anna",) * 6 + ("ben",) * 3 + ("root",) * 12 + ("awx",) * 5 + ("chiara",)
_VERBS = (
    ("cert.renew", 30, "site"),
    ("site.provision", 18, "site"),
    ("stack.up", 12, "stack"),
    ("vhost.sync", 8, None),
    ("auth.add", 4, "site"),
    ("stack.roll", 4, "stack"),
    ("site.unprovision", 3, "site"),
    ("stack.backup", 16, "stack"),
    ("vhost.rollback", 1, None),
    ("agent.register", 1, None),
)
_STATUS = ("ok",) * 285 + ("failed",) * 9 + ("refused",) * 3 + ("unreachable", "interrupted", "not_put_back")
_ERROR = "the proxy does not take the new configuration: host not found in upstream in sites/{target}.conf:14"
_DIFF = """--- before: sites/{target}.conf
+++ after: sites/{target}.conf
@@ -1,9 +1,9 @@
 server {{
     listen 443 ssl;
     server_name {target};
     location / {{
-        set $upstream web-1:3000;
+        set $upstream web-2:3000;
         proxy_pass http://$upstream;
     }}
 }}
"""


class Trails:
    """Rows for the table of records, the oldest first, about ``number`` of them over 400 days before a time."""

    def __init__(self, nodes: list[str], number: int, at: datetime) -> None:
        self.tails = dict.fromkeys(nodes, GENESIS)
        self._nodes, self._number, self._at = nodes, number, at
        self._chance = random.Random(11)
        self._first: dict[str, tuple[datetime, str]] = {}

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of run after run. A run of a timer is one node's own; others have records on many nodes."""
        began = self._at - timedelta(days=400)
        # A run has about 2.2 records.
        step = timedelta(days=400) / (self._number / 2.2 + 1)
        verbs = [entry for entry in _VERBS for _time in range(entry[1])]
        for number in range(self._number):
            start = began + step * number
            verb, _weight, kind = self._chance.choice(verbs)
            yield from self._run(number, min(start, self._at - timedelta(minutes=1)), verb, kind)

    def _run(self, number: int, start: datetime, verb: str, kind: str | None) -> Iterator[tuple[Any, ...]]:
        chance = self._chance
        run = uuid7(int(start.timestamp() * 1000), randomness=number.to_bytes(10, "big"))
        node = self._nodes[int(len(self._nodes) * chance.random() ** 1.4)]
        target = None
        if kind == "site":
            target = f"site-{chance.randrange(5000):04}.{('shop', 'blog', 'app')[number % 3]}.example.com"
        elif kind == "stack":
            target = f"shop-{chance.randrange(250)}"
        actor, status = chance.choice(_ACTORS), chance.choice(_STATUS)
        own = actor == "root" or chance.random() < 0.25
        said = {"run": run, "actor": actor, "verb": verb, "target": target}
        seconds = 1 + chance.random() * 20
        if own:
            yield self._row(node, start, kind="started", status="started", seconds=None, **said)
        touched = [node]
        if verb == "vhost.sync":
            touched = chance.sample(self._nodes, min(len(self._nodes), 1 + chance.randrange(6)))
        for which, place in enumerate(touched):
            when = start + timedelta(seconds=seconds * 0.8 + which * 0.2, microseconds=number % 997)
            ended = status if which == 0 and status != "unreachable" else "ok"
            yield self._row(place, when, kind="change", status=ended, seconds=seconds, **said)
        if own:
            end = start + timedelta(seconds=seconds + len(touched) * 0.2, microseconds=number % 991)
            yield self._row(node, end, kind="finished", status=status, seconds=seconds, **said)

    def _row(
        self,
        node: str,
        at: datetime,
        *,
        run: str,
        kind: str,
        actor: str,
        verb: str,
        target: str | None,
        status: str,
        seconds: float | None,
    ) -> tuple[Any, ...]:
        name = target or "proxy"
        generations = []
        if kind == "change" and self._chance.random() < 0.4:
            outcome = {"ok": "live", "not_put_back": "not_put_back"}.get(status, "put_back")
            before = self._chance.randrange(1, 4000)
            sites = {"added": [], "changed": [target] if target else [], "removed": []}
            diff = {name: _DIFF.format(target=name) * (6 if self._chance.random() < 0.02 else 1)}
            generations = [
                {
                    "before": before,
                    "after": before + 1,
                    **sites,
                    "host": node,
                    "outcome": outcome,
                    "run": None,
                    "diffs": diff,
                    "cut_bytes": 0,
                    "cut_diffs": 0,
                    "cut_sites": 0,
                }
            ]
        changes = []
        if kind != "started":
            changes = [{"host": node, "task": "Change the proxy", "action": "flowbiz.vsa.vhost", "diff": None}]
        bad = status not in ("ok", "started")
        content = {
            "prev_hash": self.tails[node],
            "schema": 1,
            "id": run,
            "kind": kind,
            "time": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "actor": {"user": actor, "sudo_user": None, "ssh_client": "198.51.100.7"},
            "controller": {"name": node, "id": hashlib.sha256(node.encode()).hexdigest()[:16]},
            "verb": verb,
            "version": "0.4.0",
            "hosts": [] if kind == "started" else [node],
            "target": target,
            "playbook": None if kind == "change" else f"flowbiz.vsa.{verb}",
            "arguments": {},
            "check": False,
            "status": status,
            "counts": {},
            "changes": changes,
            "generations": generations,
            "duration": seconds and round(seconds, 3),
            "error": _ERROR.format(target=name) if bad else None,
        }
        text = json.dumps(content, separators=(",", ":"))
        found = hashlib.sha256(text.encode()).hexdigest()
        line = f'{text[:-1]},"hash":"{found}"}}'
        self.tails[node] = found
        self._first.setdefault(node, (at, found))
        return (node, found, at + timedelta(seconds=20), at, run, kind, actor, verb, target, status, True, line)

    def breaks(self) -> Iterator[tuple[Any, ...]]:
        """Yield breaks of chains: one trail begins late, one has a gap."""
        late, gap = self._nodes[1], self._nodes[3 % len(self._nodes)]
        at, found = self._first[late]
        text = "the trail has earlier records, which the node no longer has or never sent"
        yield (late, "begins_late", at, None, found, text)
        text = "this record does not follow the last one: records between them are missing, or the trail was rewritten"
        yield (gap, "gap", self._at - timedelta(days=2), "ab" * 32, self.tails[gap], text)
