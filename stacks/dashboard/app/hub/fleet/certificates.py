"""The page Certificates: what lies on disk beside what the proxy serves, as the agent of each node saw both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from hub.core import parse_time
from hub.fleet.derived import PageRow
from hub.fleet.kinds import Shown
from hub.fleet.snapshot import Kept, NodeState
from hub.moments import rfc3339

__all__ = ("SORTS", "certificate_rows", "with_rest")

SORTS = {
    "name": lambda row: row["name"],
    "node": lambda row: row["node"],
    "left": lambda row: row["not_after"] or "",
    "issuer": lambda row: row["issuer"] or "",
}
"""The columns that the page can be sorted by."""

_WRONG = {"expired": "expired", "mismatch": "wrong names", "missing": "missing"}
_DUE = {"expiring": "overdue", "cannot renew": "cannot renew"}
_DAY = 86_400


def certificate_rows(state: NodeState) -> Sequence[PageRow]:
    """Return a row for each certificate of a node."""
    served = {kept.key: kept.body for kept in state.section("served").rows}
    used = {str(kept.body.get("certificate")) for kept in state.section("domains").rows}
    return [_row(state.id, kept, served.get(kept.key), used) for kept in state.section("certificates").rows]


def _row(node: str, kept: Kept, served: Mapping[str, Any] | None, used: set[str]) -> PageRow:
    body = kept.body
    shown_served = _served(body, served, is_used=kept.key in used)
    shown = _shown(body, shown_served)
    names = [str(name) for name in body.get("names") or ()]
    attempt, renewal = body.get("last_attempt") or {}, body.get("renewal") or {}
    return {
        "id": f"{node}/{kept.key}",
        "is_old": False,
        "kind": shown.kind,
        "word": shown.word,
        "why": shown.why,
        "node": node,
        "name": kept.key,
        "names": names,
        "issuer": body.get("issuer"),
        "key": body.get("key"),
        "not_before": body.get("not_before"),
        "not_after": body.get("not_after"),
        "served": {"kind": shown_served.kind, "word": shown_served.word, "at": (served or {}).get("at")},
        "renewal": {"at": renewal.get("at"), "method": renewal.get("method")} if renewal else None,
        "last_attempt": {"at": attempt.get("at"), "error": attempt.get("error")} if attempt else None,
        "since": rfc3339(kept.since),
        "words": " ".join((kept.key, *names, str(body.get("issuer")))).lower(),
    }


def _served(body: Mapping[str, Any], served: Mapping[str, Any] | None, *, is_used: bool) -> Shown:
    """Return what the proxy serves for the name, beside the file."""
    if not is_used:
        return Shown("old", "no site uses it")
    if served is None:
        return Shown("old", "not checked")
    if served.get("error"):
        return Shown("bad", "no answer", str(served["error"]))
    if served.get("fingerprint") == body.get("fingerprint"):
        return Shown("ok", "same")
    ends, file_ends = _time(served.get("not_after")), _time(body.get("not_after"))
    if ends is None or file_ends is None or ends == file_ends:
        return Shown("bad", "another one")
    return Shown("bad", "an older one" if ends < file_ends else "a newer one")


def _shown(body: Mapping[str, Any], served: Shown) -> Shown:
    """Return the state of a certificate: wrong, due, renewing, good, or not checked."""
    state, why = str(body.get("state")), body.get("why")
    if state in _WRONG:
        return Shown("bad", _WRONG[state], why)
    if served.kind == "bad":
        return Shown("bad", "wrong", f"the proxy serves {served.word}: {served.why or 'not the file on disk'}")
    if state in _DUE:
        return Shown("warn", _DUE[state], why)
    if state == "due":
        failed = (body.get("last_attempt") or {}).get("error")
        return Shown("warn", "due", f"last try: {failed}") if failed else Shown("busy", "renewing", why)
    if state == "ok" and served.kind == "ok":
        return Shown("ok", "good")
    return Shown("old", "not checked", why if state != "ok" else None)


def _time(text: object) -> datetime | None:
    return parse_time(text) if isinstance(text, str) else None


def with_rest(row: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Return a row with whole days and the part of the lifetime that are left; null if the times are not known."""
    ends, begins = _time(row["not_after"]), _time(row["not_before"])
    days = part = None
    if ends is not None:
        days = int((ends - at).total_seconds() // _DAY)
        if begins is not None and ends > begins:
            part = round(max(0.0, min(1.0, (ends - at) / (ends - begins))), 2)
    return {**row, "days_left": days, "part_left": part}
