"""The policy of stacks as a table: a hostile Compose file for each finding, and legitimate ones that pass."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.finding import WARNING
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.policy import judge, refusal, unescaped
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.rules.catalogue import NAMES, NEVER, violation
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.rules.facts import KnownContainer

from composing import make_config, make_facts

FOLDER = "/srv/acme/shop"


def bind(source: str, **more: Any) -> dict[str, Any]:
    return {"type": "bind", "source": source, "target": "/x", **more}


def mounted(source: str, **more: Any) -> dict[str, Any]:
    return make_config({"volumes": [bind(source, **more)]})


def volume(**entry: Any) -> dict[str, Any]:
    return make_config(volumes={"v": entry})


def on(name: str, end: Any = None, *, external: bool = True, **service: Any) -> dict[str, Any]:
    """Return a Compose file whose service is on one network."""
    network = {"name": name, "external": True} if external else {"name": name}
    return make_config({"networks": {"net": end}, **service}, networks={"net": network})


def network(**entry: Any) -> dict[str, Any]:
    return make_config(networks={"default": {"name": "shop_default", **entry}})


def built(**build: Any) -> dict[str, Any]:
    return make_config({"build": {"context": FOLDER, "dockerfile": "Dockerfile", **build}})


EDGE = "flowbiz_ext_acme"
OTHER = "flowbiz_ext_beta"
TMPFS = {"type": "tmpfs", "device": "tmpfs"}
HOSTILE: list[tuple[str, str, dict[str, Any]]] = [
    ("privileged", "web privileged", make_config({"privileged": True})),
    ("privileged", "web post_start", make_config({"post_start": [{"command": ["id"], "privileged": True}]})),
    ("privileged", "web pre_stop", make_config({"pre_stop": [{"command": ["id"], "privileged": True}]})),
    ("host-pid", "web pid", make_config({"pid": "host"})),
    ("host-ipc", "web ipc", make_config({"ipc": "host"})),
    ("host-uts", "web uts", make_config({"uts": "host"})),
    ("host-userns", "web userns_mode", make_config({"userns_mode": "host"})),
    ("host-network", "web network_mode", make_config({"network_mode": "host"})),
    ("host-network", "host", on("host")),
    ("cgroup", "web cgroup", make_config({"cgroup": "host"})),
    ("cgroup", "web cgroup_parent", make_config({"cgroup_parent": "/system.slice"})),
    ("cgroup", "web cpu_rt_runtime", make_config({"cpu_rt_runtime": "400ms"})),
    ("device", "web devices", make_config({"devices": [{"source": "/dev/sda", "target": "/dev/sda"}]})),
    ("device", "web device_cgroup_rules", make_config({"device_cgroup_rules": ["b 8:0 rwm"]})),
    ("device", "web gpus", make_config({"gpus": [{"count": -1}]})),
    (
        "device",
        "web deploy.resources",
        make_config({"deploy": {"resources": {"reservations": {"devices": [{"capabilities": ["gpu"]}]}}}}),
    ),
    ("capability", "web SYS_ADMIN", make_config({"cap_add": ["CAP_SYS_ADMIN"]})),
    ("capability", "web NET_RAW", make_config({"cap_add": ["net_raw"]})),
    ("capability", "web ALL", make_config({"cap_add": ["ALL"]})),
    ("security-opt", "web seccomp=unconfined", make_config({"security_opt": ["seccomp=unconfined"]})),
    ("security-opt", "web apparmor:unconfined", make_config({"security_opt": ["apparmor:unconfined"]})),
    ("security-opt", "web systempaths=unconfined", make_config({"security_opt": ["systempaths=unconfined"]})),
    ("security-opt", "web no-new-privileges:false", make_config({"security_opt": ["no-new-privileges:false"]})),
    ("security-opt", "web label:disable", make_config({"security_opt": ["label:disable"]})),
    ("sysctl", "web vm.overcommit_memory", make_config({"sysctls": {"vm.overcommit_memory": "1"}})),
    ("sysctl", "web kernel.core_pattern", make_config({"sysctls": ["kernel.core_pattern=|/x"]})),
    ("ulimit", "web rtprio", make_config({"ulimits": {"rtprio": 99}})),
    ("runtime", "web crun-vm", make_config({"runtime": "crun-vm"})),
    ("credential-spec", "web credential_spec", make_config({"credential_spec": {"file": "x.json"}})),
    ("oom", "web oom_score_adj", make_config({"oom_score_adj": -1000})),
    ("oom", "web oom_kill_disable", make_config({"oom_kill_disable": True})),
    ("log-driver", "web syslog", make_config({"logging": {"driver": "syslog", "options": {"syslog-address": "x"}}})),
    ("provider", "web provider", make_config({"provider": {"type": "x"}})),
    ("unknown-key", "web new_key", make_config({"new_key": 1})),
    ("unknown-key", "web annotations", make_config({"annotations": {"run.oci.keep_original_groups": "1"}})),
    ("unknown-key", "models", make_config(models={"m": {"model": "x"}})),
    ("unknown-key", "web deploy.new", make_config({"deploy": {"new": 1}})),
    ("docker-socket", "web use_api_socket", make_config({"use_api_socket": True})),
    ("docker-socket", "web /var/run/docker.sock", mounted("/var/run/docker.sock", read_only=True)),
    ("docker-socket", "web /run", mounted("/run")),
    ("bind-outside", "web /", mounted("/")),
    ("bind-outside", "web /etc", mounted("/etc", read_only=True)),
    ("bind-outside", "web /srv/acme/shop2", mounted("/srv/acme/shop2")),
    ("bind-outside", "web /srv/acme/shop/../../beta", mounted("/srv/acme/shop/../../beta")),
    ("bind-outside", "web relative", mounted("relative")),
    ("bind-outside", "v /etc", volume(driver_opts={"type": "none", "o": "bind", "device": "/etc"})),
    ("bind-outside", "v /etc", volume(driver_opts={"type": "ext4", "o": "ro,rbind", "device": "/etc"})),
    ("bind-outside", "v ./data", volume(driver_opts={"type": "bind", "o": "", "device": "./data"})),
    (
        "bind-nested",
        f"web {FOLDER}/data/sub",
        make_config({"volumes": [bind(f"{FOLDER}/data"), bind(f"{FOLDER}/data/sub")]}),
    ),
    ("bind-propagation", f"web {FOLDER}/data", mounted(f"{FOLDER}/data", bind={"propagation": "rshared"})),
    ("volume-driver", "v type=overlay", volume(driver_opts={"type": "overlay"})),
    ("volume-driver", "v device=/dev/sda1, type=ext4", volume(driver_opts={"type": "ext4", "device": "/dev/sda1"})),
    ("volume-driver", "v rclone", volume(driver="rclone")),
    (
        "volume-driver",
        "v device=tmpfs, o=rshared, type=tmpfs",
        volume(driver_opts={**TMPFS, "o": "rshared"}),
    ),
    ("file-outside", "s /etc/shadow", make_config(secrets={"s": {"file": "/etc/shadow"}})),
    ("file-outside", "c /etc/passwd", make_config(configs={"c": {"file": "/etc/passwd"}})),
    ("build", "web /srv/beta/blog", make_config({"build": {"context": "/srv/beta/blog"}})),
    ("build", "web https://example.com/x.git", make_config({"build": {"context": "https://example.com/x.git"}})),
    ("build", "web /srv/acme/shop/../../x", built(dockerfile="../../x")),
    ("build", "web /etc", built(additional_contexts={"etc": "/etc"})),
    ("build", "web privileged", built(privileged=True)),
    ("build", "web entitlements", built(entitlements=["security.insecure"])),
    ("build", "web ssh", built(ssh=["default"])),
    ("build", "web network", built(network="host")),
    ("build", "web type=local,dest=/x", built(cache_to=["type=local,dest=/x"])),
    ("foreign-image", "web nginx:1.30.7", make_config({"build": {"context": FOLDER}, "image": "nginx:1.30.7"})),
    ("foreign-image", "web blog:1", built(tags=["blog:1"])),
    ("foreign-container", "web container:beta-web", make_config({"pid": "container:beta-web"})),
    ("foreign-container", "web container:beta-web", make_config({"ipc": "container:beta-web"})),
    ("foreign-container", "web container:beta-web", make_config({"network_mode": "container:beta-web"})),
    ("foreign-container", "web container:beta-web:ro", make_config({"volumes_from": ["container:beta-web:ro"]})),
    ("foreign-container", "web beta-web:x", make_config({"external_links": ["beta-web:x"]})),
    ("edge-alias", "web beta-web.flowbiz_ext_beta", on(EDGE, {"aliases": ["beta-web.flowbiz_ext_beta"]})),
    ("edge-alias", "web beta-web.flowbiz_ext_beta", make_config({"hostname": "beta-web.flowbiz_ext_beta"})),
    (
        "edge-alias",
        "web beta-web.flowbiz_ext_beta",
        make_config({"hostname": "beta-web", "domainname": OTHER}),
    ),
    # Docker's DNS ignores case.
    ("edge-alias", "web Beta-web.FLOWBIZ_EXT_beta", on(EDGE, {"aliases": ["Beta-web.FLOWBIZ_EXT_beta"]})),
    ("foreign-name", "web Beta-Web", on(EDGE, {"aliases": ["Beta-Web"]})),
    ("reserved-name", "web VSA-nginx", on(EDGE, {"aliases": ["VSA-nginx"]})),
    ("edge-alias", "web x.flowbiz_ext", make_config({"container_name": "x.flowbiz_ext"})),
    ("foreign-name", "web beta-web", make_config({"container_name": "beta-web"})),
    ("foreign-name", "web beta-web", on(EDGE, {"aliases": ["beta-web"]})),
    ("foreign-name", "web beta-shop", on(EDGE, {"aliases": ["beta-shop"]})),
    ("foreign-name", "web tool", on("tools", {"aliases": ["tool"]})),
    ("foreign-network", "flowbiz_ext_beta", on("flowbiz_ext_beta")),
    ("foreign-network", "flowbiz_ext_beta", on("flowbiz_ext_beta", external=False)),
    ("foreign-network", "flowbiz_ext_acme", on(EDGE, external=False)),
    ("foreign-network", "flowbiz_ext_new", on("flowbiz_ext_new")),
    ("foreign-network", "flowbiz_ext", on("flowbiz_ext")),
    ("foreign-network", "blog_default", on("blog_default")),
    ("foreign-network", "tools", on("tools")),
    ("foreign-network", "bridge", on("bridge")),
    ("foreign-network", "flowbiz_entry", on("flowbiz_entry")),
    ("foreign-network", "reverse-proxy_internal", on("reverse-proxy_internal")),
    ("foreign-network", "web flowbiz_ext_beta", make_config({"network_mode": "flowbiz_ext_beta"})),
    ("foreign-network", "web blog_default", make_config({"network_mode": "blog_default"})),
    ("docker-api", "vsa_docker_list", on("vsa_docker_list")),
    ("docker-api", "vsa_docker_list", on("vsa_docker_list", external=False)),
    ("foreign-network", "vsa_loki", on("vsa_loki")),
    ("foreign-network", "vsa_loki", on("vsa_loki", external=False)),
    ("docker-inspect", "vsa_docker_inspect", on("vsa_docker_inspect")),
    ("docker-inspect", "web vsa_docker_inspect", make_config({"network_mode": "vsa_docker_inspect"})),
    ("foreign-network", "web bridge", make_config({"network_mode": "bridge"})),
    ("foreign-volume", "blog_data", volume(name="blog_data", external=True)),
    ("foreign-volume", "blog_data", volume(name="blog_data")),
    ("foreign-volume", "down_data", volume(name="down_data", external=True)),
    ("foreign-volume", "by-hand", volume(name="by-hand", external=True)),
    ("foreign-volume", "lost", volume(name="lost", external=True)),
    ("network-driver", "shop_default macvlan", network(driver="macvlan")),
    (
        "network-driver",
        "shop_default com.docker.network.bridge.name",
        network(driver_opts={"com.docker.network.bridge.name": "docker0"}),
    ),
    ("network-driver", "shop_default ipam", network(ipam={"driver": "dhcp"})),
    ("network-driver", "web vsa.joined", on(EDGE, {"driver_opts": {"vsa.joined": "1"}})),
    ("network-subnet", "shop_default 9.9.9.0/24", network(ipam={"config": [{"subnet": "9.9.9.0/24"}]})),
    ("network-subnet", "shop_default 2600::/64", network(ipam={"config": [{"subnet": "2600::/64"}]})),
    ("network-subnet", "shop_default 169.254.169.0/24", network(ipam={"config": [{"subnet": "169.254.169.0/24"}]})),
    ("published-port", "web *:8099/tcp", make_config({"ports": [{"target": 80, "published": "8099"}]})),
    (
        "published-port",
        "web 0.0.0.0:53/udp",
        make_config({"ports": [{"published": "53", "host_ip": "0.0.0.0", "protocol": "udp"}]}),
    ),
    ("published-port", "web :::80/tcp", make_config({"ports": [{"published": "80", "host_ip": "::"}]})),
    ("published-port", "web *:any port/tcp", make_config({"ports": [{"target": 80}]})),
    ("published-port", "web *:25-26/tcp", make_config({"ports": [{"published": "25-26"}]})),
    ("reserved-name", "web vsa-auth2", make_config({"container_name": "vsa-auth2"})),
    ("reserved-name", "web vsa-nginx", on(EDGE, {"aliases": ["vsa-nginx"]})),
    ("reserved-name", "vsa-nginx vsa-nginx", make_config(services={"vsa-nginx": {"image": "app:1"}})),
    ("reserved-label", "web vsa.edge", make_config({"labels": {"vsa.edge": "1"}})),
    ("reserved-label", "web com.docker.compose.project", make_config({"labels": ["com.docker.compose.project=blog"]})),
    ("reserved-label", "web vsa.x", make_config({"deploy": {"labels": {"vsa.x": "1"}}})),
    ("reserved-label", "default vsa.edge", network(labels={"vsa.edge": "1"})),
    ("reserved-label", "v com.docker.compose.volume", volume(labels={"com.docker.compose.volume": "x"})),
]


@pytest.mark.parametrize(("name", "subject", "config"), HOSTILE, ids=[f"{row[0]}-{row[1]}" for row in HOSTILE])
def test_a_hostile_file(name: str, subject: str, config: dict[str, Any]) -> None:
    found = judge(config, make_facts(ports=frozenset({(25, "tcp")})))
    assert (name, subject) in [(finding.name, finding.subject) for finding in found]
    assert all(finding.level == WARNING and finding.remedy and finding.text for finding in found)


LEGITIMATE: dict[str, dict[str, Any]] = {
    "one service": make_config(),
    "an application with a database": {
        "name": "shop",
        "services": {
            "web": {
                "image": "app:1",
                "command": None,
                "entrypoint": None,
                "container_name": "shop-web",
                "depends_on": {"db": {"condition": "service_healthy", "required": True}},
                "environment": {"DATABASE_URL": "postgres://db/app"},
                "healthcheck": {"test": ["CMD", "true"], "interval": "2s"},
                "labels": {"org.example.team": "shop"},
                "logging": {"driver": "json-file", "options": {"max-size": "10m"}},
                "networks": {"default": None, "edge": {"aliases": ["shop"]}},
                "ports": [
                    {"mode": "ingress", "host_ip": "127.0.0.1", "target": 80, "published": "8080", "protocol": "tcp"},
                    {"mode": "ingress", "host_ip": "::1", "target": 80, "published": "8080", "protocol": "tcp"},
                    {"mode": "ingress", "target": 25, "published": "25", "protocol": "tcp"},
                ],
                "cap_drop": ["ALL"],
                "cap_add": ["CHOWN", "CAP_SETUID", "net_bind_service"],
                "security_opt": ["no-new-privileges:true"],
                "sysctls": {"net.core.somaxconn": "1024", "kernel.shmmax": "1"},
                "ulimits": {"nofile": 1000, "memlock": {"soft": -1, "hard": -1}},
                "tmpfs": ["/run"],
                "read_only": True,
                "init": True,
                "user": "1000:1000",
                "volumes": [
                    bind(f"{FOLDER}/data", bind={"create_host_path": True}),
                    bind(f"{FOLDER}/config/app.conf", read_only=True),
                    {"type": "volume", "source": "files", "target": "/files", "volume": {}},
                    {"type": "volume", "target": "/anonymous", "volume": {}},
                    {"type": "tmpfs", "target": "/t"},
                ],
                "secrets": [{"source": "key"}],
                "deploy": {"replicas": 2, "resources": {"limits": {"memory": "1g"}}, "placement": {}},
                "extra_hosts": ["db.example=10.0.0.5"],
                "post_start": [{"command": ["true"]}],
                "x-note": "ours",
            },
            "db": {
                "image": "postgres:18",
                "networks": {"default": None},
                "shm_size": "128m",
                "oom_score_adj": 200,
                "pid": "service:web",
                "volumes_from": ["web"],
                "build": {
                    "context": f"{FOLDER}/db",
                    "dockerfile": "Dockerfile",
                    "additional_contexts": {"b": "docker-image://a:1"},
                },
            },
        },
        "networks": {
            "default": {"name": "shop_default", "ipam": {"config": [{"subnet": "10.9.0.0/24"}]}, "internal": True},
            "edge": {"name": EDGE, "external": True, "ipam": {}},
        },
        "volumes": {
            "files": {"name": "shop_files"},
            "data": {"name": "shop_data"},
            "socket": {"driver_opts": {"type": "tmpfs", "device": "tmpfs", "o": "size=64k,mode=0750,uid=101"}},
            "local": {"driver": "local", "driver_opts": {"type": "none", "o": "bind", "device": f"{FOLDER}/files"}},
        },
        "secrets": {"key": {"name": "shop_key", "file": f"{FOLDER}/key.txt"}, "word": {"environment": "WORD"}},
        "configs": {"c": {"name": "shop_c", "content": "x"}},
        "x-common": {"privileged": True},
    },
    "a network of another stack of the same tenant": on("db_default"),
    "a network that nobody uses": on("empty"),
    "a network that does not exist yet": on("new"),
    "no network": make_config({"network_mode": "none"}),
    "a service with the name of another tenant's service": on(EDGE, None),
}


@pytest.mark.parametrize("name", LEGITIMATE)
def test_a_legitimate_file(name: str) -> None:
    assert judge(LEGITIMATE[name], make_facts(ports=frozenset({(25, "tcp")}))) == []


def test_the_platforms_stack_may_be_on_the_common_edge_network() -> None:
    facts = make_facts(tenant="platform", folder="/srv/platform/shop")
    assert judge(on("flowbiz_ext"), facts) == judge(on("flowbiz_ext_platform"), facts) == []
    assert judge(on(EDGE), facts)


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (on("flowbiz_entry"), "foreign-network"),
        (on("reverse-proxy_internal"), "foreign-network"),
        (volume(name="reverse-proxy_auth-socket", external=True), "foreign-volume"),
    ],
)
def test_the_platforms_stack_has_nothing_of_the_proxy(config: dict[str, Any], name: str) -> None:
    facts = make_facts(tenant="platform", folder="/srv/platform/shop")
    assert [finding.name for finding in judge(config, facts)] == [name]


def test_every_finding_has_a_hostile_file() -> None:
    known = {name for name, _subject, _config in HOSTILE}
    assert set(NAMES) - known == {"foreign-project"}, "the project is judged below"


@pytest.mark.parametrize(
    ("facts", "subjects"),
    [
        pytest.param({}, [], id="a new stack"),
        pytest.param({"name": "blog", "folder": "/srv/acme/blog"}, ["/srv/beta/blog"], id="the other one runs"),
        pytest.param({"name": "down", "folder": "/srv/acme/down"}, ["/srv/beta/down"], id="the other one is down"),
        pytest.param(
            {"name": "reverse-proxy", "folder": "/srv/acme/reverse-proxy"},
            ["/srv/platform/reverse-proxy"],
            id="the proxy",
        ),
        pytest.param({"name": "db", "folder": "/srv/acme/db"}, [], id="its own containers"),
    ],
)
def test_the_project(facts: dict[str, Any], subjects: list[str]) -> None:
    found = judge(make_config(networks={}), make_facts(**facts))
    assert [finding.subject for finding in found if finding.name == "foreign-project"] == subjects


def test_a_project_of_another_program() -> None:
    by_hand = KnownContainer("x", project="shop", folder="/root/shop")
    found = judge(make_config(), make_facts(containers=(by_hand,)))
    assert [(finding.name, finding.subject) for finding in found] == [("foreign-project", "/root/shop")]


def test_a_stack_that_runs_although_another_has_its_name_goes_on() -> None:
    own = KnownContainer("shop-web-1", project="shop", folder=FOLDER)
    facts = make_facts(containers=(own,), stacks=frozenset({("beta", "shop"), ("acme", "shop")}))
    assert judge(make_config(), facts) == []


def test_the_volumes_of_a_tenant_whose_stack_is_gone() -> None:
    config = make_config(volumes={"data": {"name": "shop_data"}})
    assert judge(config, make_facts()) == []
    (found,) = judge(config, make_facts(former=frozenset({"beta"})))
    assert (found.name, found.subject) == ("foreign-volume", "shop_data")
    assert judge(config, make_facts(former=frozenset({"beta"}), stacks=frozenset({("acme", "shop")}))) == []


def test_links_are_resolved() -> None:
    config = mounted(f"{FOLDER}/data/link")
    assert judge(config, make_facts()) == []
    (found,) = judge(config, make_facts(real={f"{FOLDER}/data/link": "/etc"}))
    assert (found.name, found.subject) == ("bind-outside", f"web {FOLDER}/data/link")
    assert "which is /etc" in found.text
    socket = make_facts(real={f"{FOLDER}/data/link": "/run/docker.sock"})
    assert [finding.name for finding in judge(config, socket)] == ["docker-socket"]


def test_all_stacks_may_lie_behind_a_link() -> None:
    real = {FOLDER: "/data/srv/acme/shop", f"{FOLDER}/data": "/data/srv/acme/shop/data"}
    assert judge(mounted(f"{FOLDER}/data"), make_facts(real=real)) == []


def test_unescaped() -> None:
    assert unescaped({"a$$": ["b$$c", {"d": "$$$$"}, 1, None]}) == {"a$": ["b$c", {"d": "$$"}, 1, None]}


def test_the_refusal_lists_all() -> None:
    error = refusal("shop", [violation("privileged", "web", "it is set"), violation("host-pid", "web", "pid is host")])
    assert error.message == "the stack shop reaches the host or another tenant: privileged, host-pid"
    assert error.details[0] == (
        "privileged: it is set. Allowed: leave the key out, "
        "and add the single capability that the service needs by cap_add"
    )
    assert error.as_result()["vsa_exit"] == 3
    assert "stack_allow=privileged,host-pid" in str(error.as_result()["vsa_error"])


def test_what_nobody_can_allow_has_no_hint() -> None:
    assert set(NEVER) == {"docker-inspect", "foreign-project"}
    error = refusal("shop", [violation("foreign-project", "/srv/beta/shop", "x")])
    assert error.message == "the stack shop reaches the host or another tenant: foreign-project"
    assert error.hint is None
