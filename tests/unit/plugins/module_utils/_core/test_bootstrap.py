"""The decisions of bootstrap, as a table of cases: where the engine comes from, what is refused, and daemon.json."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core import bootstrap as core
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.bootstrap import (
    DaemonRequest,
    EngineRequest,
    EngineSource,
    Platform,
    Policy,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError

DEBIAN_12 = Platform("debian", "12", "bookworm", "amd64")
DEBIAN_13 = Platform("debian", "13", "trixie", "amd64")
DOCKER_PACKAGES = ("docker-ce", "docker-ce-cli", "containerd.io", "docker-compose-plugin")
REQUEST = EngineRequest(
    source="auto",
    repository="https://download.docker.com/linux/",
    distro_packages=("docker.io", "docker-compose"),
    distro_compose_package="docker-compose",
    docker_packages=DOCKER_PACKAGES,
)
REPOSITORY = "https://download.docker.com/linux/debian"

# What apt knows on a fresh host of each kind.
OLD = {"docker.io": "20.10.24+dfsg1-1+deb12u1", "docker-compose": "1.29.2-3"}
NEW = {"docker.io": "26.1.5+dfsg1-9", "docker-compose": "2.26.1-4"}
FROM_DOCKER = dict.fromkeys(DOCKER_PACKAGES, "5:29.0.1-1~debian.12~bookworm") | {"docker-compose-plugin": "2.40.3-1"}

OS_RELEASE = """\
PRETTY_NAME="Debian GNU/Linux 13 (trixie)"
# a comment = nothing
VERSION_ID="13"
VERSION_CODENAME=trixie
ID=debian
HOME_URL='https://www.debian.org/'
"""

# apt-cache policy, apt 3.0.3 of Debian 13
APT_POLICY = """\
docker.io:
  Installed: 26.1.5+dfsg1-9+b1
  Candidate: 26.1.5+dfsg1-9+b9
  Version table:
     26.1.5+dfsg1-9+b9 500
        500 http://mirror.example.com/debian trixie/main amd64 Packages
 *** 26.1.5+dfsg1-9+b1 100
        100 /var/lib/dpkg/status
docker-cli:
  Installed: (none)
  Candidate: 26.1.5+dfsg1-9+b9
  Version table:
     26.1.5+dfsg1-9+b9 500
        500 http://mirror.example.com/debian trixie/main amd64 Packages
docker-ce:
  Installed: (none)
  Candidate: (none)
  Version table:
"""


def test_a_platform_is_read_from_os_release() -> None:
    platform = core.parse_platform(OS_RELEASE, architecture="amd64")
    assert platform == DEBIAN_13
    assert platform.name == "Debian 13"
    assert core.parse_platform("", architecture="arm64") == Platform("unknown", "unknown", "", "arm64")


def test_the_versions_are_read_from_apt_cache_policy() -> None:
    policy = core.parse_policy(APT_POLICY)
    assert policy.installed == {"docker.io": "26.1.5+dfsg1-9+b1"}
    assert policy.candidates == {"docker.io": "26.1.5+dfsg1-9+b9", "docker-cli": "26.1.5+dfsg1-9+b9"}
    assert policy.missing(["docker-cli", "docker.io", "no-such"]) == ("docker-cli", "no-such")


@pytest.mark.parametrize(
    ("installed", "candidate", "version"),
    [
        ("2.26.1-4", "2.30.0-1", "2.26.1"),
        (None, "2.26.1-4", "2.26.1"),
        (None, "5:29.0.1-1~debian.12~bookworm", "29.0.1"),
        (None, "26.1.5+dfsg1-9", "26.1.5"),
        (None, "v2", "0"),
        (None, None, "0"),
    ],
)
def test_a_version_has_no_epoch_and_no_revision(installed: str | None, candidate: str | None, version: str) -> None:
    policy = Policy({"x": installed} if installed else {}, {"x": candidate} if candidate else {})
    assert policy.version("x") == version


# asked for, installed, candidates → kind, what is missing, whether the repository is added
SOURCES = [
    ("auto", {}, NEW, "distro", ("docker.io", "docker-compose"), False),
    ("auto", {"docker.io": "26.1.5"}, NEW, "distro", ("docker-compose",), False),
    ("auto", NEW, NEW, "distro", (), False),
    ("auto", {}, OLD, "docker", DOCKER_PACKAGES, True),
    ("auto", {}, OLD | FROM_DOCKER, "docker", DOCKER_PACKAGES, False),
    ("auto", FROM_DOCKER, NEW | FROM_DOCKER, "docker", (), False),
    ("auto", {"docker-ce": "5:29.0.1"}, OLD | FROM_DOCKER, "docker", DOCKER_PACKAGES[1:], False),
    ("docker", {}, NEW, "docker", DOCKER_PACKAGES, True),
    ("docker", {"docker.io": "26.1.5"}, NEW, "docker", DOCKER_PACKAGES, True),
    ("distro", {}, NEW, "distro", ("docker.io", "docker-compose"), False),
]


@pytest.mark.parametrize(("asked", "installed", "candidates", "kind", "missing", "adds"), SOURCES)
def test_where_the_engine_comes_from(
    asked: str, installed: dict[str, str], candidates: dict[str, str], kind: str, missing: tuple[str, ...], adds: bool
) -> None:
    request = dataclasses.replace(REQUEST, source=asked)
    policy = Policy(installed, candidates)
    source = core.choose_source(request, policy, DEBIAN_12)
    assert source == EngineSource(kind, missing, REPOSITORY if adds else "")
    core.check_source(request, source, policy, DEBIAN_12)


# asked for, installed, candidates, why the repository cannot be reached → the lines that the operator reads
REFUSED_SOURCES = [
    (
        "auto",
        {"docker.io": "20.10.24+dfsg1-1"},
        OLD,
        "",
        """\
refused: an engine of the other kind is installed, and replacing it would stop its containers for a while
field      bootstrap_docker_source = auto
there are  docker.io 20.10.24+dfsg1-1, Compose 1.29.2 of the distribution
expected   Compose ≥ 2.18
nothing was changed
try        bootstrap_docker_source=docker, if a pause of its containers is all right""",
    ),
    (
        "distro",
        {"docker-ce": "5:29.0.1-1"},
        NEW | FROM_DOCKER,
        "",
        """\
refused: an engine of the other kind is installed, and replacing it would stop its containers for a while
field      bootstrap_docker_source = distro
there are  docker-ce 5:29.0.1-1, Compose 2.26.1 of the distribution
expected   Compose ≥ 2.18
nothing was changed
try        bootstrap_docker_source=auto, which keeps it""",
    ),
    (
        "distro",
        {},
        OLD,
        "",
        """\
refused: Debian 12 has no Compose ≥ 2.18
field      bootstrap_docker_source = distro
there are  docker-compose 1.29.2
nothing was changed
try        bootstrap_docker_source=docker (Docker's own repository), or a host with Debian 13 or Ubuntu 24.04""",
    ),
    (
        "auto",
        {"docker-ce": "5:23.0.1-1", "docker-compose-plugin": "2.17.3-1"},
        OLD | FROM_DOCKER,
        "",
        """\
refused: docker-compose-plugin 2.17.3 is older than 2.18
field      bootstrap_docker_source = auto
nothing was changed
try        apt-get update && apt-get install --only-upgrade docker-compose-plugin (on the host)""",
    ),
    (
        "auto",
        {},
        OLD,
        f"{REPOSITORY}/gpg: Connection refused",
        f"""\
refused: Debian 12 has no Compose ≥ 2.18, and Docker's repository is out of reach
field      bootstrap_docker_source = auto
there are  docker-compose 1.29.2 (the distribution's)
it said    {REPOSITORY}/gpg: Connection refused
nothing was changed
try        a host with Debian 13 or Ubuntu 24.04, whose own Compose fits
           or let the host reach the repository, or name a copy of it: bootstrap_docker_repository=URL
           or do all but the engine: bootstrap_engine_enabled=false""",
    ),
]


@pytest.mark.parametrize(("asked", "installed", "candidates", "unreachable", "text"), REFUSED_SOURCES)
def test_a_source_that_does_not_fit_is_refused(
    asked: str, installed: dict[str, str], candidates: dict[str, str], unreachable: str, text: str
) -> None:
    request = dataclasses.replace(REQUEST, source=asked)
    policy = Policy(installed, candidates)
    source = core.choose_source(request, policy, DEBIAN_12)
    with pytest.raises(RefusedError) as caught:
        core.check_source(request, source, policy, DEBIAN_12, repository_error=unreachable)
    assert core.refusal_text([caught.value], state="nothing was changed") == text


DAEMON = DaemonRequest(
    address_pools=[{"base": "172.20.0.0/14", "size": 24}],
    live_restore=True,
    log_max_size="10m",
    log_max_file=3,
    ipv6=True,
    options={},
)
LABELS = "com.docker.compose.project,com.docker.compose.service"
OURS: dict[str, Any] = {
    "live-restore": True,
    "default-address-pools": [{"base": "172.20.0.0/14", "size": 24}],
    "log-driver": "json-file",
    "log-opts": {"max-size": "10m", "max-file": "3", "tag": "{{.Name}}", "labels": LABELS},
}
FILTER = {"ip6tables": True, "experimental": True}
NO_LOGS = {key: value for key, value in OURS.items() if not key.startswith("log-")}

# the operator's file, other wishes, the engine's version → the whole new file
DAEMONS: list[tuple[dict[str, Any], dict[str, Any], str, dict[str, Any]]] = [
    ({}, {}, "27.0.0", OURS),
    ({}, {}, "", OURS),
    ({}, {}, "29.1", OURS),
    ({}, {}, "26.1.5+dfsg1", OURS | FILTER),
    ({}, {}, "20.10.24", OURS | FILTER),
    ({}, {"ipv6": False}, "26.1.5", OURS),
    ({"labels": ["rack=7"]}, {}, "27.0.0", OURS | {"labels": ["rack=7"]}),
    ({"live-restore": False}, {}, "27.0.0", OURS),
    (
        {"log-driver": "local", "log-opts": {"max-size": "5m"}},
        {},
        "27.0.0",
        NO_LOGS | {"log-driver": "local", "log-opts": {"max-size": "5m"}},
    ),
    (
        {"log-opts": {"labels": "x", "max-file": "9", "tag": "{{.ID}}", "env": "REGION"}},
        {},
        "27.0.0",
        OURS
        | {
            "log-opts": {
                "labels": f"x,{LABELS}",
                "max-size": "10m",
                "max-file": "3",
                "tag": "{{.ID}}",
                "env": "REGION",
            }
        },
    ),
    # the operator changes the driver on a host that has ours: not every driver knows tag and labels
    (
        OURS,
        {"options": {"log-driver": "local"}},
        "27.0.0",
        NO_LOGS | {"log-driver": "local", "log-opts": {"max-size": "10m", "max-file": "3"}},
    ),
    ({}, {"options": {"log-driver": "journald"}}, "27.0.0", NO_LOGS | {"log-driver": "journald"}),
    ({}, {"options": {"experimental": False}}, "26.1.5", OURS | {"ip6tables": True, "experimental": False}),
    (
        {},
        {"options": {"log-opts": {"max-file": "7"}, "dns": ["192.0.2.1"]}},
        "27.0.0",
        OURS | {"log-opts": {**OURS["log-opts"], "max-file": "7"}, "dns": ["192.0.2.1"]},
    ),
]


@pytest.mark.parametrize(("there", "wishes", "version", "wanted"), DAEMONS)
def test_daemon_json_keeps_what_the_operator_wrote(
    there: dict[str, Any], wishes: dict[str, Any], version: str, wanted: dict[str, Any]
) -> None:
    request = dataclasses.replace(DAEMON, **wishes)
    before = json.dumps(there) if there else ""
    plan = core.plan_daemon(request, before, path="/x", engine_version=version)
    assert json.loads(plan.text) == wanted
    assert json.loads(plan.changed_keys) == {key: value for key, value in wanted.items() if there.get(key) != value}
    assert (plan.change, plan.before) == (True, before)

    again = core.plan_daemon(request, plan.text, path="/x", engine_version=version)
    assert (again.change, again.changed_keys) == (False, "{}")
    unfinished = core.plan_daemon(request, plan.text, path="/x", engine_version=version, unfinished=True)
    assert (unfinished.change, unfinished.text) == (True, plan.text)


@pytest.mark.parametrize(("version", "can"), [("20.10.24", False), ("23.0", True), ("26.1.5", True), ("", True)])
def test_an_engine_before_23_cannot_check_a_file(version: str, can: bool) -> None:
    plan = core.plan_daemon(DAEMON, "", path="/x", engine_version=version)
    assert plan.validate == ("dockerd --validate --config-file %s" if can else "")


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ('{ "labels": ["a" }', "refused: the daemon.json of this host is not JSON"),
        ('{\n  "labels": []\n  "dns": []\n}\n', "refused: the daemon.json of this host is not JSON"),
        ("[1]", "refused: the daemon.json of this host is not a JSON object"),
    ],
)
def test_a_daemon_json_of_another_form_is_refused(text: str, first: str) -> None:
    with pytest.raises(RefusedError) as caught:
        core.plan_daemon(DAEMON, text, path="/etc/docker/daemon.json", engine_version="27")
    lines = core.refusal_text([caught.value], state="nothing was changed").splitlines()
    assert lines[:2] == [first, "field      file = /etc/docker/daemon.json"]
    assert lines[-2:] == ["nothing was changed", "try        put it right or move it away, then run the same again"]


def test_a_broken_daemon_json_is_refused_with_its_line() -> None:
    with pytest.raises(RefusedError) as caught:
        core.plan_daemon(DAEMON, '{\n  "labels": []\n  "dns": []\n}\n', path="/x", engine_version="27")
    lines = core.refusal_text([caught.value], state="nothing was changed").splitlines()
    assert "it said    line 3, column 3: Expecting ',' delimiter" in lines


def container(name: str, options: dict[str, str] | None, driver: str = "json-file") -> dict[str, Any]:
    """Return a container as Docker 26 inspects it."""
    return {"Name": f"/{name}", "HostConfig": {"LogConfig": {"Type": driver, "Config": options}}}


OPTIONS: dict[str, str] = OURS["log-opts"]
OLD_OPTIONS = {"max-size": "10m", "max-file": "3"}

# the containers, the daemon.json before → the names in the warning
LOGGED: list[tuple[list[dict[str, Any]], dict[str, Any], str]] = [
    ([], {}, ""),
    ([container("a", OPTIONS)], {}, ""),
    ([container("b", OLD_OPTIONS), container("a", None), container("c", OPTIONS)], {}, "a, b"),
    # its own Compose file sets the options
    ([container("a", OPTIONS | {"max-size": "50m", "tag": "mine"})], {"log-opts": OLD_OPTIONS}, ""),
    # it has the value that daemon.json had when it was made
    ([container("a", OPTIONS | {"max-size": "5m"})], {"log-opts": {"max-size": "5m"}}, "a"),
    ([container("a", {}, driver="local"), container("b", {}, driver="none")], {}, ""),
    ([container("a", {})], {"log-driver": "local"}, ""),
    (
        [container(f"web-{n:02}", {}) for n in range(12)],
        {},
        f"{', '.join(f'web-{n:02}' for n in range(10))} and 2 more",
    ),
]


@pytest.mark.parametrize(("containers", "before", "names"), LOGGED)
def test_containers_that_keep_their_log_options_are_named(
    containers: list[dict[str, Any]], before: dict[str, Any], names: str
) -> None:
    plan = core.plan_daemon(DAEMON, json.dumps(before) if before else "", path="/x", engine_version="27")
    warning = "warning: these containers keep their log options until they are recreated: "
    assert core.log_warning(plan, containers) == (f"{warning}{names}" if names else "")


def test_several_refusals_are_one_message() -> None:
    errors = [
        RefusedError("no address", field="bootstrap_email", value="nobody", expected="ops@example.com"),
        RefusedError("no name", field="bootstrap_unset", value="schema", expected="ca, email"),
    ]
    text = core.refusal_text(errors, state="nothing was changed", message="this is not a setting of a host")
    assert text.splitlines() == [
        "refused: this is not a setting of a host",
        "field      bootstrap_email = nobody",
        "expected   ops@example.com",
        "field      bootstrap_unset = schema",
        "expected   ca, email",
        "nothing was changed",
    ]


@pytest.mark.parametrize(
    ("python", "more", "state"),
    [
        (False, False, "nothing was changed"),
        (True, False, "nothing was changed, but Python was installed"),
        (True, True, "what this run did before stays; the same again goes on from there"),
    ],
)
def test_the_state_after_a_refusal(python: bool, more: bool, state: str) -> None:
    assert core.state_after_refusal(python_installed=python, host_changed=more) == state


# journalctl --output=cat of dockerd 26.1.5, started with a data-root that cannot be made
JOURNAL = """\
time="2026-11-01T10:00:00.1Z" level=info msg="Starting up"
failed to start daemon: Error initializing data root: mkdir /proc/nowhere: no such file or directory
time="2026-11-01T10:00:02.2Z" level=warning msg="Controller.NewNetwork bridge:"

"""


@pytest.mark.parametrize(
    ("journal", "words"),
    [
        (
            JOURNAL,
            "failed to start daemon: Error initializing data root: mkdir /proc/nowhere: no such file or directory",
        ),
        ('time="2026-11-01T10:00:00Z" level=fatal msg="no such key"\n', '"no such key"'),
        ('time="2026-11-01T10:00:00Z" level=info msg="Starting up"\n', "nothing"),
        ("", "nothing"),
    ],
)
def test_the_last_words_of_an_engine(journal: str, words: str) -> None:
    assert core.last_words(journal) == words


def test_the_warning_begins_with_the_word_that_the_wrapper_knows() -> None:
    assert core.network_warning("flowbiz_ext").startswith("warning: network flowbiz_ext is there without IPv6")


BLOCK = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("text", "only"),
    [
        (BLOCK, True),
        (f"# my CA\n{BLOCK}{BLOCK}", True),
        ("", False),
        ("text", False),
        (f"{BLOCK}-----BEGIN PRIVATE KEY-----\n", False),
        (f"{BLOCK}-----BEGIN EC PRIVATE KEY-----\n", False),
    ],
)
def test_a_bundle_holds_certificates_and_no_key(text: str, only: bool) -> None:
    assert core.holds_only_certificates(text) is only


@pytest.mark.parametrize("where", ["file", "options"])
def test_a_firewall_backend_past_our_chain_is_refused(where: str) -> None:
    told = {"firewall-backend": "nftables"}
    request = dataclasses.replace(DAEMON, options=told) if where == "options" else DAEMON
    with pytest.raises(RefusedError) as refused:
        core.plan_daemon(request, json.dumps(told) if where == "file" else "", path="/x", engine_version="29.1.0")
    assert (refused.value.field, refused.value.value) == ("firewall-backend", "nftables")
    core.plan_daemon(DAEMON, '{"firewall-backend": "iptables"}', path="/x", engine_version="29.1.0")
