"""The documents that ``vsa --json`` prints, as types that pydantic reads.

``docs/reference/json.schema.json`` is made of them by ``make docs``. A program in Python reads a document with
``TypeAdapter(Document).validate_json(text)``. The command itself never imports this file, because pydantic takes longer
to load than a verb takes to start: the extra ``documents`` installs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

__all__ = ("Document", "json_schema")

_CLOSED = ConfigDict(extra="forbid")
_OPEN = ConfigDict(extra="allow")

Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]
Time = Annotated[
    Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+]00:00)$")] | None,
    Field(description="RFC 3339, UTC."),
]
AuditId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")]
Status = Annotated[
    Literal[
        "ok", "internal_error", "usage_error", "refused", "failed", "unreachable", "not_put_back", "due", "interrupted"
    ],
    Field(
        description="The word for the exit code: 0 ok, 1 internal_error, 2 usage_error, 3 refused, 4 failed (and "
        "rolled back), 5 unreachable, 6 not_put_back, 7 due, 130 interrupted."
    ),
]
State = Literal["down", "warning", "not checked", "ok"]
Served = Annotated[
    Literal["same", "older", "newer", "other", "none", None],
    Field(
        description="The certificate that the proxy serves, compared with the file; null if the proxy was not asked."
    ),
]
Diff = Annotated[
    dict[str, Any],
    Field(description="Ansible's own form: a unified diff as `prepared`, or both sides with headers."),
]


@with_config(_CLOSED)
class Error(TypedDict):
    message: Annotated[str, Field(description="What is wrong.")]
    field: NotRequired[Annotated[str, Field(description="The option, or the place in a file.")]]
    value: NotRequired[Annotated[str, Field(description="The wrong value.")]]
    expected: NotRequired[Annotated[str, Field(description="What would be right.")]]
    there_are: NotRequired[Annotated[list[str], Field(description="The values that exist instead.")]]
    state: NotRequired[Annotated[str, Field(description="The state of the host now.")]]
    # The key is `try`, which is a word of Python.
    try_: NotRequired[Annotated[str, Field(alias="try", description="What to do next.")]]
    details: NotRequired[
        Annotated[list[str], Field(description="Further text of NGINX, of the authority or of a task.")]
    ]


# -- the audit verbs ---------------------------------------------------------------------------------------------------


@with_config(_CLOSED)
class AuditRun(TypedDict):
    id: str
    time: Annotated[Time, Field(description="When the run began; in a host's own trail, when the record was written.")]
    apart: Annotated[bool, Field(description="The time cannot be right: the clock of a machine was wrong.")]
    verb: str
    target: str | None
    sites: Annotated[list[str], Field(description="The sites that the run changed; of a host's own trail at most 100.")]
    status: Annotated[str, Field(description="As in audit.md; started: the run is under way.")]
    check: bool
    changed: bool
    actor: str
    hosts: list[str]
    duration: Annotated[float | None, Field(description="Seconds.")]
    error: str | None


@with_config(_CLOSED)
class AuditProblem(TypedDict):
    what: Literal["edited", "removed", "inserted", "reordered", "truncated", "head"]
    file: str
    line: int
    id: str | None
    text: str


@with_config(_CLOSED)
class Audit(TypedDict):
    """The results of the audit verbs without --on, which contact no host."""

    runs: NotRequired[
        Annotated[list[AuditRun], Field(description="list: the runs in the order of their records, the last run last.")]
    ]
    earlier: NotRequired[Annotated[bool, Field(description="list: there are earlier runs than these.")]]
    records: NotRequired[
        Annotated[list[dict[str, Any]], Field(description="show: the records of the run, see audit.md.")]
    ]
    checked: NotRequired[Annotated[Count, Field(description="verify: the number of records.")]]
    head: NotRequired[Annotated[str, Field(description="verify: the hash of the last record.")]]
    problems: NotRequired[Annotated[list[AuditProblem], Field(description="verify: the findings.")]]
    indexed: NotRequired[Annotated[Count, Field(description="rebuild: the number of runs in the index.")]]
    sent: NotRequired[Annotated[Count, Field(description="ship: the number of records that Loki accepted.")]]
    skipped: NotRequired[Annotated[Count, Field(description="ship: the number of records that Loki never accepts.")]]
    pending: NotRequired[Annotated[Count, Field(description="ship: the number of records that wait.")]]
    message: NotRequired[Annotated[str | None, Field(description="ship: why records wait.")]]


# -- what a host returns -----------------------------------------------------------------------------------------------


@with_config(_CLOSED)
class Finding(TypedDict):
    name: Annotated[str, Field(pattern="^[a-z0-9-]+$", description="The finding's own name, which never changes.")]
    level: Literal["down", "warning", "not checked"]
    subject: Annotated[str, Field(description="A site, a container, a network, a file, or the name of a check.")]
    text: Annotated[str, Field(description="What was seen.")]
    remedy: Annotated[str, Field(description="What to do; empty if nothing is to be done.")]


@with_config(_CLOSED)
class Step(TypedDict):
    name: str
    state: Literal["ok", "changed", "would_change", "warning", "skipped", "failed"]
    text: str
    notes: NotRequired[list[str]]


@with_config(_OPEN)
class LastChange(TypedDict):
    """The generation that changed the site last, and who made the change."""

    generation: NotRequired[int]
    time: NotRequired[Time]
    actor: NotRequired[str]
    verb: NotRequired[str]
    audit_id: NotRequired[str]


@with_config(_OPEN)
class Route(TypedDict):
    path: str
    container: str
    port: Annotated[int, Field(ge=1, le=65535)]
    profile: NotRequired[Annotated[str | None, Field(description="The profile that applies to the route.")]]
    strip_prefix: NotRequired[
        Annotated[bool, Field(description="Whether the path is stripped before the request reaches the container.")]
    ]
    headers: NotRequired[
        Annotated[dict[str, str], Field(description="Headers that the container gets besides those of the proxy.")]
    ]
    remarks: NotRequired[
        Annotated[list[str], Field(description="What is no error of the container, and hurts the site later.")]
    ]
    state: NotRequired[
        Annotated[
            str | None,
            Field(
                description="The container's state as the engine reports it, `missing`, or null if the engine did not "
                "answer."
            ),
        ]
    ]


@with_config(_OPEN)
class Ping(TypedDict):
    user: str
    python: str
    bootstrapped: bool


@with_config(_OPEN)
class HubNode(TypedDict):
    """What the hub knows of a node."""

    freshness: Annotated[
        Literal["fresh", "late", "silent", "never"],
        Field(description="By the age of the last beat, by the hub's clock."),
    ]
    received_at: Time | None
    age_seconds: float | None
    agent: Annotated[str | None, Field(description="The version of the agent.")]
    skew_seconds: Annotated[float | None, Field(description="How far the node's clock is ahead of the hub's.")]


@with_config(_OPEN)
class Agent(TypedDict):
    state: Annotated[
        Literal["fresh", "late", "never", "stopped", "not registered"],
        Field(description="By the age of the last beat that the hub took; late from 75 seconds on."),
    ]
    problems: Annotated[list[str], Field(description="What to look at.")]
    hub_url: NotRequired[str | None]
    node: NotRequired[Annotated[str | None, Field(description="The name that the hub has for the host.")]]
    version: NotRequired[str]
    timer: NotRequired[dict[str, bool]]
    units: NotRequired[Annotated[dict[str, Any], Field(description="How the last runs of both units ended.")]]
    last_beat: NotRequired[Annotated[dict[str, Any] | None, Field(description="The last beat that the hub took.")]]
    answer: NotRequired[Annotated[dict[str, Any] | None, Field(description="What became of the last beat.")]]
    cursor: NotRequired[Annotated[str | None, Field(description="The hash of the last audit record that the hub has.")]]
    backlog: NotRequired[Annotated[int | None, Field(description="The audit records that the hub lacked then.")]]
    skew_seconds: NotRequired[Annotated[int | None, Field(description="How far the host's clock is ahead.")]]
    failures: NotRequired[Annotated[Count, Field(description="Beats in a row that the hub did not take.")]]
    wait_seconds: NotRequired[Annotated[Count, Field(description="Nothing is sent for so long.")]]


@with_config(_CLOSED)
class Vps(TypedDict):
    """What the inventory says of a host."""

    groups: list[str]
    provider: str | None
    address: Annotated[str | None, Field(description="Where SSH connects; null if only Ansible can tell.")]
    port: int | None
    hostname: str | None
    ipv6: bool | None
    inbound: Annotated[list[str], Field(description="What the provider's firewall must let through: 22/tcp.")]
    host_keys: Annotated[list[str], Field(description="The fingerprints in known_hosts beside the inventory.")]
    unanswered: NotRequired[
        Annotated[list[str], Field(description="--live: the ports of inbound that gave no answer to this machine.")]
    ]
    hub: NotRequired[
        Annotated[HubNode | None, Field(description="If the hub answered; null if it does not know the host.")]
    ]


@with_config(_OPEN)
class Validity(TypedDict):
    state: Literal["ok", "due", "cannot renew", "expiring", "expired", "mismatch", "missing"]
    problem: NotRequired[str | None]
    served: NotRequired[Served]
    not_after: NotRequired[Time]
    seconds_left: NotRequired[float | None]
    fraction_left: NotRequired[Annotated[float, Field(ge=0, le=1)] | None]


@with_config(_OPEN)
class Site(TypedDict):
    domain: str
    state: NotRequired[
        Annotated[
            Literal["ok", "not checked", "warning", "invalid", "down"],
            Field(
                description="What a visitor gets: down, or pages with a warning; not checked: nobody asked, or no "
                "answer came in time."
            ),
        ]
    ]
    problems: NotRequired[list[str]]
    live: NotRequired[bool]
    names: NotRequired[list[str]]
    aliases: NotRequired[list[str]]
    served: NotRequired[
        Annotated[
            str,
            Field(description="The name under which the site is served; the other names are redirected to this name."),
        ]
    ]
    maintenance: NotRequired[
        Annotated[bool, Field(description="Whether clients that are not on the list get the maintenance page.")]
    ]
    tenant: NotRequired[str | None]
    network: NotRequired[str | None]
    ca: NotRequired[str | None]
    email: NotRequired[str | None]
    profile: NotRequired[str | None]
    routes: NotRequired[list[Route]]
    auth: NotRequired[Annotated[list[str], Field(description="The prefixes behind a password.")]]
    certificate: NotRequired[Validity]
    last_change: NotRequired[Annotated[LastChange | None, Field(description="Null if no generation says so.")]]
    manifest: NotRequired[
        Annotated[
            dict[str, Any],
            Field(description="The fields that the manifest sets; all other fields have their default."),
        ]
    ]


@with_config(_OPEN)
class Certificate(Validity):
    domain: str
    site: NotRequired[Annotated[bool, Field(description="Whether a site uses the certificate.")]]
    ca: NotRequired[str | None]
    issuer: NotRequired[str | None]
    key: NotRequired[str | None]
    key_matches: NotRequired[
        Annotated[bool | None, Field(description="Whether key and certificate are a pair; null without a certificate.")]
    ]
    past_two_thirds: NotRequired[
        Annotated[bool, Field(description="Whether two thirds of the certificate's life have passed.")]
    ]
    served_fingerprint: NotRequired[
        Annotated[str | None, Field(description="SHA-256 of the certificate that the proxy serves.")]
    ]
    renews_by: NotRequired[
        Annotated[
            Literal["ari", "lifetime", None],
            Field(description="What determines the renewal: the CA (RFC 9773), or the share of the lifetime."),
        ]
    ]
    ari: NotRequired[
        Annotated[
            dict[str, Any] | None,
            Field(description="The window in which the CA wants the renewal, with start and end."),
        ]
    ]
    names: NotRequired[list[str]]
    not_before: NotRequired[Time]
    fingerprint: NotRequired[Annotated[str | None, Field(description="SHA-256, in hexadecimal.")]]
    served_not_after: NotRequired[Time]
    renews: NotRequired[Annotated[str | None, Field(description="The day of the renewal.")]]
    last_failure: NotRequired[dict[str, Any] | None]


@with_config(_OPEN)
class Protected(TypedDict):
    """A path behind basic auth."""

    domain: str
    path: str
    users: Annotated[list[str], Field(description="The users who may pass.")]
    state: Literal["ok", "locked", "missing", "open", "pending", "unused"]
    problem: NotRequired[str | None]


@with_config(_CLOSED)
class Line(TypedDict):
    text: str
    source: Annotated[
        str | None,
        Field(
            description="The source of the line: a field of the manifest, a default or a setting; null if the line "
            "comes from the template alone."
        ),
    ]


@with_config(_OPEN)
class Vhost(TypedDict):
    domain: str
    names: NotRequired[list[str]]
    network: NotRequired[str | None]
    ca: NotRequired[str | None]
    containers: NotRequired[list[str]]
    drift: Annotated[bool, Field(description="Whether the site's files were edited since they went live.")]
    last_change: NotRequired[Annotated[LastChange | None, Field(description="Null if no generation says so.")]]
    origin: NotRequired[
        Annotated[
            Literal["declared", "typed"],
            Field(description="Whether the manifest comes from an inventory (vhost.show)."),
        ]
    ]
    lines: NotRequired[Annotated[list[Line], Field(description="Each line of the site's configuration (vhost.show).")]]
    text: NotRequired[Annotated[str, Field(description="The site's configuration (vhost.show).")]]


@with_config(_OPEN)
class Generation(TypedDict):
    number: int
    live: bool
    base: NotRequired[int | None]
    time: NotRequired[Time]
    actor: NotRequired[str | None]
    verb: NotRequired[str | None]
    audit_id: NotRequired[str | None]
    summary: NotRequired[str | None]
    changed: NotRequired[Annotated[list[str], Field(description="The sites that the generation changed.")]]
    removed: NotRequired[Annotated[list[str], Field(description="The sites that the generation removed.")]]


@with_config(_OPEN)
class Container(TypedDict):
    name: str
    service: NotRequired[str | None]
    state: NotRequired[str | None]
    health: NotRequired[str | None]
    image: NotRequired[str | None]
    started_at: NotRequired[Time]
    restarts: NotRequired[Annotated[int, Field(description="How often the engine restarted the container.")]]
    memory: NotRequired[Annotated[int | None, Field(description="stack.ps: its memory in bytes.")]]


@with_config(_OPEN)
class Stack(TypedDict):
    name: str
    state: Literal["healthy", "starting", "unhealthy", "down"]
    problem: NotRequired[str | None]
    tenant: NotRequired[str | None]
    project: NotRequired[Annotated[str, Field(description="The Compose project.")]]
    description: NotRequired[str | None]
    folder: NotRequired[str]
    source: NotRequired[
        Annotated[str | None, Field(description="Where its files came from; null if an earlier release wrote them.")]
    ]
    proxy: NotRequired[bool]
    containers: NotRequired[list[Container]]


@with_config(_OPEN)
class StackBackup(TypedDict):
    run: Annotated[str, Field(description="The id of the run.")]
    tenant: str
    stack: str
    host: Annotated[str, Field(description="The host name of the VPS that made the backup.")]
    time: Time
    age: Annotated[int, Field(description="In seconds.")]
    complete: Annotated[bool, Field(description="Whether the run ended. Only then it can be restored.")]
    databases: Annotated[list[str], Field(description="The services whose dumps it has.")]
    size: Annotated[int, Field(description="How many bytes were read.")]


@with_config(_OPEN)
class Log(TypedDict):
    container: str
    service: NotRequired[str | None]
    lines: list[str]


@with_config(_CLOSED)
class StackVolume(TypedDict):
    name: str
    size: Annotated[int | None, Field(description="In bytes; null if the engine does not say.")]


@with_config(_CLOSED)
class Declared(TypedDict):
    domain: str
    state: Annotated[
        Literal["new", "changed", "adopted", "mended", "unchanged"],
        Field(description="adopted: the site was typed before; mended: the host differed from the declaration."),
    ]


@with_config(_OPEN)
class Unreadable(TypedDict):
    domain: str
    problem: str


@with_config(_CLOSED)
class RemovedBefore(TypedDict):
    """The last removal of a site that is not here any more."""

    time: Time
    verb: str
    actor: str
    audit_id: str


@with_config(_CLOSED)
class Affected(TypedDict):
    new: list[str]
    changed: list[str]
    off_the_air: list[str]


@with_config(_CLOSED)
class RemovedContainer(TypedDict):
    name: str
    image: str
    created: Annotated[int, Field(description="Unix time.")]
    origin: Annotated[str, Field(description="What started it: its Compose project and folder, or docker run.")]
    written_bytes: Count
    written_paths: Annotated[Count, Field(description="The number of these paths.")]


@with_config(_OPEN)
class Host(TypedDict):
    status: Status
    changed: bool
    seconds: Annotated[Seconds, Field(description="From the host's first task to its last result.")]
    error: NotRequired[Error]
    steps: NotRequired[list[Step]]
    diff: NotRequired[list[Diff]]
    ping: NotRequired[Annotated[Ping, Field(description="host.ping, vps.list --live: as what the host was reached.")]]
    vps: NotRequired[Annotated[Vps, Field(description="vps.list")]]
    agent: NotRequired[Annotated[Agent, Field(description="agent.status")]]
    hub_url: NotRequired[Annotated[str, Field(description="agent.register: the address of the hub.")]]
    node: NotRequired[Annotated[str, Field(description="agent.register: the name that the hub has for the host.")]]
    answer: NotRequired[
        Annotated[dict[str, Any], Field(description="agent.register: what the hub answered to the last beat.")]
    ]
    state: NotRequired[Annotated[State, Field(description="host.status: the worst level of the findings.")]]
    findings: NotRequired[Annotated[list[Finding], Field(description="host.status: what is wrong, the worst first.")]]
    checks: NotRequired[Annotated[list[str], Field(description="host.status: the names of the checks.")]]
    domains: NotRequired[Annotated[list[str], Field(description="host.status: the domains of the sites.")]]
    site_states: NotRequired[
        Annotated[dict[str, Count], Field(description="host.status: the number of sites in each state.")]
    ]
    causes: NotRequired[
        Annotated[
            list[Finding],
            Field(description="site.list, site.show: what is wrong with the host and concerns its sites."),
        ]
    ]
    sites: NotRequired[
        Annotated[list[Site], Field(description="site.list, site.show; vps.remove: the sites of the host.")]
    ]
    declared: NotRequired[Annotated[list[Declared], Field(description="site.apply")]]
    undeclared: NotRequired[
        Annotated[list[str], Field(description="site.apply: the sites of the host that are not declared.")]
    ]
    pruned: NotRequired[
        Annotated[
            list[str],
            Field(description="site.apply: the undeclared sites that were removed, or would be removed."),
        ]
    ]
    vsa_sites: NotRequired[
        Annotated[
            dict[str, dict[str, Any]],
            Field(description="site.export: each manifest by domain, as an inventory declares it."),
        ]
    ]
    unreadable: NotRequired[
        Annotated[list[Unreadable], Field(description="site.export: the manifests that are not valid.")]
    ]
    site: NotRequired[Annotated[Site, Field(description="site.provision")]]
    serves: NotRequired[Annotated[list[str], Field(description="stack.down: the sites that need its containers.")]]
    service: NotRequired[Annotated[str, Field(description="stack.exec: the service that ran the command.")]]
    container: NotRequired[Annotated[str, Field(description="stack.exec: the container that ran the command.")]]
    command_exit_code: NotRequired[
        Annotated[int, Field(description="stack.exec: the exit code of the command, and of vsa if VSA did not fail.")]
    ]
    stdout: NotRequired[Annotated[str, Field(description="stack.exec: what the command wrote, without secrets.")]]
    stderr: NotRequired[Annotated[str, Field(description="stack.exec: the same of its standard error.")]]
    left_out_bytes: NotRequired[
        Annotated[Count, Field(description="stack.exec: how many bytes of the output did not fit.")]
    ]
    close: NotRequired[Annotated[list[str], Field(description="stack.down: the sites that it closes for maintenance.")]]
    unprovision: NotRequired[Annotated[list[str], Field(description="stack.down --sites: the sites that it removes.")]]
    volumes: NotRequired[
        Annotated[list[StackVolume], Field(description="stack.down --volumes: the volumes that it deletes.")]
    ]
    volumes_in_use: NotRequired[
        Annotated[
            dict[str, list[str]],
            Field(description="stack.down --volumes: the volumes that stay, each with the others that mount it."),
        ]
    ]
    certificate: NotRequired[Annotated[Validity, Field(description="site.provision, cert.issue")]]
    runs: NotRequired[
        Annotated[
            list[AuditRun],
            Field(description="audit.list --on: the runs in the order of their records, the last run last."),
        ]
    ]
    earlier: NotRequired[Annotated[bool, Field(description="audit.list --on: there are earlier runs than these.")]]
    records: NotRequired[
        Annotated[list[dict[str, Any]], Field(description="audit.show --on: the records of the run, see audit.md.")]
    ]
    left_out: NotRequired[
        Annotated[Count, Field(description="audit.show --on: records that did not fit into the result.")]
    ]
    renewed: NotRequired[
        Annotated[list[str], Field(description="cert.renew: the domains whose certificate was renewed.")]
    ]
    certificates: NotRequired[Annotated[list[Certificate], Field(description="cert.status")]]
    auth: NotRequired[Annotated[list[Protected], Field(description="auth.list")]]
    vhosts: NotRequired[Annotated[list[Vhost], Field(description="vhost.list, vhost.show")]]
    generations: NotRequired[Annotated[list[Generation], Field(description="vhost.history, newest first")]]
    drift: NotRequired[Annotated[list[str], Field(description="The live files that were edited (vhost.list).")]]
    generation: NotRequired[Annotated[int | None, Field(description="The generation that is live now.")]]
    base: NotRequired[Annotated[int | None, Field(description="The generation that was live before.")]]
    invalid: NotRequired[
        Annotated[
            list[str],
            Field(description="vhost.sync: the manifests that are not valid; their last good version is served."),
        ]
    ]
    silent: NotRequired[
        Annotated[list[str], Field(description="The changed sites that nobody answers now: exit code 7.")]
    ]
    plan: NotRequired[Annotated[str | None, Field(description="The hash that names the plan.")]]
    affected: NotRequired[
        Annotated[
            Affected,
            Field(description="vhost.sync, vhost.rollback: the sites that come, change and go off the air."),
        ]
    ]
    target: NotRequired[Annotated[int, Field(description="vhost.rollback --check: the generation to go back to.")]]
    rolled_back_to: NotRequired[
        Annotated[int, Field(description="site.rollback: the generation whose version of the site came back.")]
    ]
    stacks: NotRequired[Annotated[list[Stack], Field(description="stack.list, stack.ps, stack.logs")]]
    backups: NotRequired[Annotated[list[StackBackup], Field(description="stack.backups, newest first")]]
    run: NotRequired[Annotated[str, Field(description="stack.backup, stack.restore: the run.")]]
    restored_sites: NotRequired[
        Annotated[list[str], Field(description="stack.restore: the sites that led to the stack.")]
    ]
    kept_data: NotRequired[
        Annotated[list[str], Field(description="stack.restore: the volumes and the folder with the data of before.")]
    ]
    domain: NotRequired[Annotated[str, Field(description="site.unprovision")]]
    removed: NotRequired[
        Annotated[list[str], Field(description="site.unprovision: what was removed, files by their path.")]
    ]
    presence: NotRequired[
        Annotated[
            Literal["here", "removed", "never"],
            Field(
                description="site.unprovision: here; removed: by an earlier run; never: this host never had the site."
            ),
        ]
    ]
    candidates: NotRequired[
        Annotated[
            list[str],
            Field(description="site.unprovision: sites of this host with a similar name, if it never had this one."),
        ]
    ]
    elsewhere: NotRequired[
        Annotated[
            list[str],
            Field(description="site.unprovision: the other hosts that have the site, if this one never had it."),
        ]
    ]
    removed_before: NotRequired[RemovedBefore | None]
    kept: NotRequired[Annotated[list[str], Field(description="site.unprovision, vps.remove: what stays on purpose.")]]
    shared: NotRequired[
        Annotated[
            dict[str, list[str]],
            Field(
                description="site.unprovision: the containers that stay because others use them, each with its users."
            ),
        ]
    ]
    containers: NotRequired[
        Annotated[
            list[RemovedContainer],
            Field(
                description="site.unprovision --check: the containers that would go, and their data that is on no "
                "volume."
            ),
        ]
    ]
    logs: NotRequired[Annotated[list[Log], Field(description="stack.logs")]]
    cursor: NotRequired[
        Annotated[str, Field(description="stack.logs, if a log is followed: where the next slice begins.")]
    ]


@with_config(_CLOSED)
class Document(TypedDict):
    """One document for every verb, also if the verb fails. Each host has the result of the verb, with these names."""

    schema: Literal[1]
    verb: Annotated[str | None, Field(description="Noun and verb; null if the command line names no verb.")]
    audit_id: Annotated[
        AuditId | None,
        Field(description="The id of the run in the audit trail; null if no run began, and for the audit verbs."),
    ]
    status: Status
    exit_code: Annotated[
        Literal[0, 1, 2, 3, 4, 5, 6, 7, 130],
        Field(description="The exit code of the command; the worst of all hosts."),
    ]
    changed: Annotated[bool, Field(description="Whether anything changed on any host, or would change with --check.")]
    check: NotRequired[Annotated[bool, Field(description="Whether --check was given.")]]
    seconds: NotRequired[Annotated[Seconds, Field(description="How long the command took.")]]
    warnings: NotRequired[Annotated[list[str], Field(description="vps.list: what looks wrong in the inventory.")]]
    error: NotRequired[Error]
    password: NotRequired[
        Annotated[
            str,
            Field(description="auth.add --generate: the generated password, which is shown only here."),
        ]
    ]
    audit: NotRequired[Audit]
    hosts: dict[str, Host]


class _Plain(GenerateJsonSchema):
    """Makes a schema without titles, which would repeat each name."""

    def generate(self, schema: Any, mode: Any = "validation") -> JsonSchemaValue:
        """Return the schema with its dialect and its own title."""
        made = _without_titles(super().generate(schema, mode))
        title = "The document that `vsa --json` prints"
        return {"$schema": self.schema_dialect, "title": title, **made}


def _without_titles(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: _without_titles(value)
            for key, value in node.items()
            if not (key == "title" and isinstance(value, str))
        }
    return [_without_titles(entry) for entry in node] if isinstance(node, list) else node


def json_schema(verbs: Sequence[str]) -> dict[str, Any]:
    """Return the JSON Schema of a document; ``verbs`` are the verbs that print one (``site.provision``)."""
    made = TypeAdapter(Document).json_schema(schema_generator=_Plain)
    verb = made["properties"]["verb"]
    made["properties"]["verb"] = {"description": verb["description"], "enum": [*verbs, None]}
    return made
