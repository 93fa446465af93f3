"""The shapes of the pages' JSON, for the description of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

__all__ = ("MODELS", "View")


class Source(BaseModel):
    """Where figures come from: ``state`` is ok, bad, silent or warn; ``at`` is the time of what it gave last."""

    name: str
    state: str
    at: str | None
    text: str | None


class View(BaseModel):
    """What all pages have: the time of what is shown, and the sources."""

    time: str
    sources: list[Source]


class Row(BaseModel):
    """What the rows of all lists have. ``is_old``: the node is silent, and this is what it said last."""

    id: str
    is_old: bool
    kind: str
    word: str
    why: str | None
    node: str
    name: str
    since: str | None


class ContainerRow(Row):
    """A container. Sizes are in bytes; ``sites`` are the domains that lead to it."""

    image: str | None
    stack: str | None
    service: str | None
    tenant: str | None
    restarts: int | None
    memory_bytes: int | None
    memory_limit_bytes: int | None
    sites: list[str]
    container: str


class Route(BaseModel):
    """A route of a site, with the state of its container; null if the engine did not say it."""

    path: str | None
    container: str | None
    port: int | None
    state: str | None


class SiteAuth(BaseModel):
    """Paths behind a password, paths that stay open below them, and the number of users."""

    paths: list[str] | None
    open: list[str] | None
    users: int | None


class SiteCertificate(BaseModel):
    """The state of a site's certificate on disk."""

    state: str | None
    not_after: str | None


class DomainRow(Row):
    """A site. ``requests`` are those of the last hour, null if they are not known."""

    aliases: list[str]
    tenant: str | None
    profile: str | None
    routes: list[Route]
    auth: SiteAuth
    certificate: SiteCertificate | None
    changed_at: str | None
    requests: int | None


class Served(BaseModel):
    """What the proxy served for the name when the agent asked, beside the file."""

    kind: str
    word: str
    at: str | None


class Renewal(BaseModel):
    """The next renewal: a day or a time, and whether ARI (RFC 9773) or the lifetime says so."""

    at: str | None
    method: str | None


class Attempt(BaseModel):
    """The last try that failed, with the words of the CA."""

    at: str | None
    error: str | None


class CertificateRow(Row):
    """A certificate. ``part_left`` is the part of its lifetime that is left."""

    names: list[str]
    issuer: str | None
    key: str | None
    not_before: str | None
    not_after: str | None
    days_left: int | None
    part_left: float | None
    served: Served
    renewal: Renewal | None
    last_attempt: Attempt | None


class List[R: Row](BaseModel):
    """One page of a list: how many rows the question has, and how many of each kind."""

    rows: list[R]
    total: int
    all: int
    counts: dict[str, int]
    nodes: list[str]
    page: int
    pages: int


class ListView[R: Row](View):
    """A page that is a list. ``words`` name the kinds."""

    words: list[tuple[str, str]]
    list: List[R]


class DomainsView(ListView[DomainRow]):
    """The page Domains."""

    tenants: list[str]


class CertificatesView(ListView[CertificateRow]):
    """The page Certificates."""

    issuers: list[str]


class Part(BaseModel):
    """A figure of a whole: used and whole in bytes, the part that is used, and its kind."""

    used_bytes: int
    bytes: int
    part: float
    kind: str


class Disk(Part):
    """A filesystem, and in about how many days it is full if it grows on as in the last 30 days."""

    mount: str | None
    full_in_days: int | None


class Load(BaseModel):
    """The load average of one minute, and the processors."""

    load1: float
    cpus: int | None
    part: float | None


class MachineRow(BaseModel):
    """A node with its figures."""

    id: str
    kind: str
    word: str
    provider: str | None
    received_at: str | None
    health: str
    load: Load | None
    memory: Part | None


class OverviewMachine(MachineRow):
    """A node of the Overview, with its fullest filesystem."""

    disk: Disk | None


class VpsMachine(MachineRow):
    """A node of the page VPS, with everything that is known of it."""

    name: str
    hostname: str
    address: str
    addresses: list[str]
    refused: dict[str, Any] | None
    sites_answer: dict[str, Any] | None
    skew_seconds: float | None
    agent: dict[str, Any]
    os: str | None
    kernel: str | None
    docker: str | None
    nginx: str | None
    boot_at: str | None
    cpus: int | None
    disks: list[Disk]
    network: list[dict[str, Any]]
    sites: int | None
    containers: int | None
    sections: dict[str, dict[str, Any]]
    attention: list[dict[str, Any]]
    trail_error: str | None


class VpsView(View):
    """The page VPS."""

    nodes: list[VpsMachine]


class AttentionItem(BaseModel):
    """One thing to look at, with the verb to run."""

    kind: str
    what: str
    why: str
    where: str
    since: str | None
    command: str
    page: str
    query: dict[str, str]


class Tile(BaseModel):
    """A figure of the fleet; ``parts`` are kind, number and word, ``series`` its course."""

    name: str
    value: int | None
    parts: list[tuple[str | None, Any, str]]
    path: str
    series: list[float | None] | None
    line: str


class OverviewView(View):
    """The page Overview."""

    attention: list[AttentionItem]
    attention_total: int
    tiles: list[Tile]
    traffic: dict[str, Any]
    operations: list[dict[str, Any]]
    nodes: list[OverviewMachine]


class Found(BaseModel):
    """Something that a search found, with the page that shows it."""

    name: str
    node: str
    kind: str
    word: str
    path: str
    query: dict[str, str]


class FoundGroup(BaseModel):
    """The domains, containers or nodes that a search found."""

    name: str
    total: int
    rows: list[Found]


class SearchView(View):
    """The page Search."""

    groups: list[FoundGroup]


MODELS: Mapping[str, type[BaseModel]] = {
    "overview": OverviewView,
    "containers": ListView[ContainerRow],
    "domains": DomainsView,
    "certificates": CertificatesView,
    "vps": VpsView,
    "search": SearchView,
}
"""The shape of each page's JSON, by the name of the page."""
