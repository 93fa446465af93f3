"""The policy of stacks over containers that run."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.rules.facts import KnownContainer
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.running import as_service, is_own, judge_running

from composing import make_facts

SHOP = KnownContainer("shop-web-1", "shop", "/srv/acme/shop", {"shop_default": frozenset({"web"})})
# What Docker says of a container that has nothing special.
PLAIN = {
    "Privileged": False,
    "PidMode": "",
    "IpcMode": "private",
    "UTSMode": "",
    "UsernsMode": "",
    "CgroupnsMode": "host",
    "NetworkMode": "shop_default",
    "Devices": None,
    "DeviceRequests": None,
    "CapAdd": ["CHOWN"],
    "SecurityOpt": ["no-new-privileges:true"],
    "Runtime": "runc",
    "OomScoreAdj": 0,
    "OomKillDisable": False,
    "CgroupParent": "",
    "LogConfig": {"Type": "json-file"},
    "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}], "81/tcp": None},
}


def attrs(*mounts: dict[str, Any], **host: Any) -> dict[str, Any]:
    labels = {"com.docker.compose.service": "web"}
    return {"HostConfig": {**PLAIN, **host}, "Config": {"Labels": labels}, "Mounts": list(mounts)}


def mount(source: str, **more: Any) -> dict[str, Any]:
    return {"Type": "bind", "Source": source, "RW": True, "Propagation": "rprivate", **more}


@pytest.mark.parametrize(
    ("seen", "finding"),
    [
        (attrs(Privileged=True, SecurityOpt=["label=disable"]), ("privileged", "web privileged")),
        (attrs(PidMode="host"), ("host-pid", "web pid")),
        (attrs(NetworkMode="host"), ("host-network", "web network_mode")),
        (attrs(UsernsMode="host"), ("host-userns", "web userns_mode")),
        (attrs(Devices=[{"PathOnHost": "/dev/sda"}]), ("device", "web devices")),
        (attrs(DeviceRequests=[{"Count": -1}]), ("device", "web gpus")),
        (attrs(CapAdd=["CAP_SYS_ADMIN"]), ("capability", "web SYS_ADMIN")),
        (attrs(SecurityOpt=["seccomp=unconfined"]), ("security-opt", "web seccomp=unconfined")),
        (attrs(Ulimits=[{"Name": "rtprio"}]), ("ulimit", "web rtprio")),
        (attrs(LogConfig={"Type": "gelf"}), ("log-driver", "web gelf")),
        (attrs(mount("/etc")), ("bind-outside", "web /etc")),
        (attrs(mount("/var/run/docker.sock", RW=False)), ("docker-socket", "web /var/run/docker.sock")),
        (attrs(mount("/srv/acme/shop/x", Propagation="rshared")), ("bind-propagation", "web /srv/acme/shop/x")),
        (
            attrs(PortBindings={"80/tcp": [{"HostIp": "", "HostPort": "8099"}]}),
            ("published-port", "web *:8099/tcp"),
        ),
    ],
)
def test_what_reaches_the_host(seen: dict[str, Any], finding: tuple[str, str]) -> None:
    found = judge_running(seen, SHOP, make_facts())
    assert [(entry.name, entry.subject) for entry in found] == [finding]
    assert judge_running(seen, SHOP, make_facts(), allowed={finding}) == []


@pytest.mark.parametrize(
    "seen",
    [
        attrs(),
        attrs(mount("/srv/acme/shop/data", Propagation="rslave")),
        attrs({"Type": "volume", "Name": "v", "Source": "/var/lib/docker/volumes/v/_data"}),
        attrs(PidMode="container:0123", IpcMode="shareable", NetworkMode="container:0123"),
        attrs(PortBindings={"25/tcp": [{"HostIp": "0.0.0.0", "HostPort": "25"}, {"HostIp": "::", "HostPort": "25"}]}),
    ],
    ids=["nothing special", "a folder of the stack", "a volume", "a service of its stack", "a declared port"],
)
def test_what_is_harmless(seen: dict[str, Any]) -> None:
    assert judge_running(seen, SHOP, make_facts(ports=frozenset({(25, "tcp")}))) == []


def container(*networks: str, name: str = "x", folder: str = "", alias: str = "a") -> KnownContainer:
    return KnownContainer(name, "p" if folder else "", folder, dict.fromkeys(networks, frozenset({alias})))


@pytest.mark.parametrize(
    ("seen", "findings"),
    [
        (container("flowbiz_ext_acme", folder="/srv/acme/p"), []),
        (container("flowbiz_ext", "flowbiz_ext_platform", folder="/srv/platform/p"), []),
        (container("flowbiz_ext_beta", folder="/srv/acme/p"), ["foreign-network"]),
        (container("flowbiz_ext", folder="/srv/acme/p"), ["foreign-network"]),
        (container("blog_default", folder="/srv/acme/p"), ["foreign-network"]),
        # Somebody connected it by hand.
        (container("vsa_docker_list", folder="/srv/acme/p"), ["docker-api"]),
        (container("vsa_docker_inspect", folder="/srv/acme/p"), ["docker-inspect"]),
        (container("vsa_docker_inspect"), ["docker-inspect"]),
        (container("vsa_loki", folder="/srv/acme/p"), ["foreign-network"]),
        (container("vsa_loki"), ["foreign-network"]),
        (container("db_default", "tools", folder="/srv/acme/p"), []),
        (container("flowbiz_ext"), []),
        (container("flowbiz_ext_beta"), []),
        (container("flowbiz_ext_acme", "flowbiz_ext_beta"), ["foreign-network", "foreign-network"]),
        (container("flowbiz_ext_acme", alias="beta-web.flowbiz_ext_beta"), ["edge-alias"]),
        (container("flowbiz_ext_acme", alias="BETA-web.Flowbiz_Ext_beta"), ["edge-alias"]),
        (container("n", name="vsa-x"), ["reserved-name"]),
    ],
)
def test_networks_and_names(seen: KnownContainer, findings: list[str]) -> None:
    assert [entry.name for entry in judge_running(attrs(), seen, make_facts(folder=seen.folder))] == findings


def test_a_container_without_a_stack_has_no_folder() -> None:
    found = judge_running(attrs(mount("/srv/acme/shop/data")), container("n"), make_facts(folder="", tenant=""))
    assert [entry.name for entry in found] == ["bind-outside"]


PROXY = ("reverse-proxy", "/srv/platform/reverse-proxy")


@pytest.mark.parametrize(
    ("name", "project", "folder", "labels", "own"),
    [
        ("vsa-nginx", *PROXY, {}, True),
        ("0123456789ab_vsa-nginx", *PROXY, {}, True),
        ("vsa-nginx", "reverse-proxy", "/srv/acme/reverse-proxy", {}, False),
        ("vsa-x", "shop", "/srv/platform/shop", {}, False),
        ("vsa-once-0123", "", "", {"vsa.once": "1"}, True),
        ("vsa-x", "", "", {}, False),
        # An image has the labels, and Docker gives them to its containers.
        ("eager_newton", *PROXY, {}, False),
        ("eager_newton", "", "", {"vsa.once": "1"}, False),
    ],
)
def test_vsas_own(name: str, project: str, folder: str, labels: dict[str, str], own: bool) -> None:
    assert is_own(KnownContainer(name, project, folder), labels) is own


@pytest.mark.parametrize(
    ("project", "labels", "subjects"),
    [
        ("reverse-proxy", {}, ["web com.docker.compose.project"]),
        ("shop", {"vsa.once": "1"}, ["web vsa.once"]),
        ("shop", {}, []),
    ],
)
def test_labels_by_which_a_container_passes_for_ours(project: str, labels: dict[str, str], subjects: list[str]) -> None:
    seen = attrs()
    seen["Config"]["Labels"] |= labels
    found = judge_running(seen, KnownContainer("x", project, "/srv/platform/reverse-proxy"), make_facts())
    assert [(entry.name, entry.subject) for entry in found] == [("reserved-label", subject) for subject in subjects]


def test_a_service_of_nothing() -> None:
    assert as_service({})["volumes"] == []
