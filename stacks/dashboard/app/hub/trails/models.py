"""The views of the audit page as OpenAPI describes them."""

from __future__ import annotations

from pydantic import BaseModel

from hub.api.views import View

__all__ = ("AuditRecord", "AuditRuns")


class AuditRun(BaseModel):
    """A run: its records from all trails in one row. `status` is the worst of theirs, `hash` that of its newest."""

    hash: str
    run: str
    at: str
    began_at: str | None
    actor: str
    verb: str
    target: str | None
    status: str
    kind: str
    checked: bool
    seconds: float | None
    error: str | None
    nodes: list[str]
    more_nodes: int
    records: int
    controller: bool
    whole: bool


class Looked(BaseModel):
    """The search gave up after so many records; it goes on with the next page."""

    records: int
    until: str


class ChainBreak(BaseModel):
    """A place where a chain breaks: before the record of this hash."""

    kind: str
    at: str
    hash: str
    text: str


class Chain(BaseModel):
    """The chain of one node's trail: whole, broken, unread or none. `more`: there are more breaks than these."""

    writer: str
    state: str
    since: str | None
    left: int
    error: str | None
    breaks: list[ChainBreak]
    more: bool


class Options(BaseModel):
    """Words for the filters."""

    nodes: list[str]
    actors: list[str]
    verbs: list[str]


class AuditRuns(View):
    """A page of runs, newest first. `next` is the value of `before` for the next page. `about`: records in all."""

    filters: dict[str, str]
    before: str | None
    rows: list[AuditRun]
    next: str | None
    older: str | None
    newest: str | None
    looked: Looked | None
    about: int | None
    chains: list[Chain] | None
    options: Options
    statuses: list[str]
    days: int


class RecordRow(BaseModel):
    """A record of a run. `writer` is the node, or the id of the controller that is no node."""

    hash: str
    origin: str
    writer: str
    kind: str
    at: str
    status: str
    status_kind: str
    seconds: float | None
    error: str | None
    whole: bool


class DiffLine(BaseModel):
    """A line of a diff: `+` added, `-` removed, `@` a place, `#` a file, or empty."""

    sign: str
    text: str


class Argument(BaseModel):
    """An argument of a run; a masked value is `***`."""

    name: str
    value: str


class HostCounts(BaseModel):
    """The tasks of a host by how they ended."""

    host: str
    ok: int | None
    changed: int | None
    failed: int | None
    unreachable: int | None


class TaskChange(BaseModel):
    """A task that changed something."""

    host: str | None
    task: str | None
    action: str | None
    diff: list[DiffLine]


class SiteDiff(BaseModel):
    """The diff of a site's files."""

    site: str
    diff: list[DiffLine]


class Generation(BaseModel):
    """What a transaction of the proxy did to which sites."""

    host: str | None
    before: int | None
    after: int | None
    outcome: str | None
    run: str | None
    added: list[str]
    changed: list[str]
    removed: list[str]
    cut_bytes: int
    cut_diffs: int
    cut_sites: int
    diffs: list[SiteDiff]


class FullRecord(RecordRow):
    """A record with all that it says. `line` is the line of the trail if it is no record of our form."""

    previous: str | None
    user: str | None
    sudo_user: str | None
    ssh_client: str | None
    controller: str | None
    version: str | None
    playbook: str | None
    check: bool
    hosts: list[str]
    arguments: list[Argument]
    counts: list[HostCounts]
    changes: list[TaskChange]
    generations: list[Generation]
    line: str | None


class AuditRecord(View):
    """A record, its run, and the other records of the run, the oldest first."""

    run: AuditRun
    record: FullRecord
    records: list[RecordRow]
