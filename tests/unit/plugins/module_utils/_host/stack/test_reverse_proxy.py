"""The hooks of the reverse proxy: which image is tested, and which sites count as answering."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Container, Endpoint, ExecResult
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack import reverse_proxy
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.reverse_proxy import ReverseProxy

from stackhost import StackHost, make_container

NGINX = make_container("reverse-proxy", "nginx", image="nginx:1.30.7")
RECORD = SimpleNamespace(sites={"a.test": {}, "b.test": {}}, marker="m")


@pytest.fixture
def host(tmp_path: Path) -> StackHost:
    host = StackHost(tmp_path)
    host.engine.images = {"nginx:1.30.7", "nginx:1.31.0"}
    host.paths.generations.mkdir(parents=True)
    return host


def live(host: StackHost) -> None:
    """Make generation 3 the live one."""
    (host.paths.generations / "3").mkdir()
    host.paths.current.symlink_to("generations/3")


def refuse(host: StackHost, image: str) -> None:
    wanted = {"nginx": image, "certbot": "certbot:1"}
    ReverseProxy().refuse_images(host.engine, host.paths, wanted, [NGINX])


def test_another_image_is_tested_on_the_live_generation(host: StackHost) -> None:
    live(host)
    refuse(host, "nginx:1.31.0")
    assert host.engine.done == ["nginx:1.31.0 nginx -t -q -c /etc/nginx/vsa/generations/3/nginx.conf"]


def test_an_image_that_fails_the_test_is_refused_with_its_message(host: StackHost) -> None:
    live(host)
    host.engine.answer = ExecResult(1, "", "nginx: [emerg] unknown directive")
    with pytest.raises(RefusedError) as refused:
        refuse(host, "nginx:1.31.0")
    assert refused.value.message == "the image nginx:1.31.0 refuses the live generation 3"
    assert refused.value.details == ["NGINX says: nginx: [emerg] unknown directive"]


@pytest.mark.parametrize("image", ["nginx:1.30.7", "nginx:9"])
def test_an_image_that_runs_or_is_not_here_is_not_tested(host: StackHost, image: str) -> None:
    live(host)
    refuse(host, image)
    assert host.engine.done == []


def test_without_a_generation_there_is_nothing_to_test(host: StackHost) -> None:
    refuse(host, "nginx:1.31.0")
    assert host.engine.done == []


def test_a_host_whose_group_has_the_number_of_the_keys_is_refused(host: StackHost) -> None:
    (host.root / "etc").mkdir()
    (host.root / "etc/group").write_text("root:x:0:\n")
    ReverseProxy().refuse_host(host.paths)
    (host.root / "etc/group").write_text("web:x:80443:\n")
    with pytest.raises(RefusedError, match="the group 80443 of this host is web"):
        ReverseProxy().refuse_host(host.paths)


def test_the_lock_exists_before_the_reloader_opens_it(host: StackHost) -> None:
    ReverseProxy().prepare(host.paths)
    assert host.paths.lock.stat().st_mode & 0o777 == 0o600


@dataclasses.dataclass
class FakeNginx:
    """An NGINX that serves one generation."""

    running: int | None
    serves: int | None

    def __call__(self, *_host: object) -> FakeNginx:
        return self

    def master(self) -> int | None:
        return self.running

    def generation(self, _master: int) -> int | None:
        return self.serves


@pytest.mark.parametrize(
    ("running", "serves", "record", "expected"),
    [
        (1, 3, RECORD, ["a.test"]),
        (None, None, RECORD, []),
        (1, 2, RECORD, []),
        (1, 3, None, []),
    ],
)
def test_answering_sites(
    host: StackHost,
    monkeypatch: pytest.MonkeyPatch,
    running: int | None,
    serves: int | None,
    record: object,
    expected: list[str],
) -> None:
    def asked(domains: Any, **words: Any) -> list[str]:
        assert words == {"address": "127.0.0.1", "marker": "m", "generation": 3, "sites": RECORD.sites}
        return [domain for domain in domains if domain == "a.test"]

    live(host)
    monkeypatch.setattr(reverse_proxy.Generations, "record", lambda *_number: record)
    monkeypatch.setattr(reverse_proxy, "Nginx", FakeNginx(running, serves))
    monkeypatch.setattr(reverse_proxy, "serving", asked)
    assert ReverseProxy().answering_sites(host.engine, host.paths) == expected


# The networks


class Networks:
    """The container of the proxy on its networks; ``done`` lists what was asked of the engine."""

    def __init__(self, *names: str, recreated: bool = True, running: bool = True) -> None:
        ends = {name: Endpoint("172.20.0.2", "") for name in ("flowbiz_entry", "flowbiz_ext", *names)}
        labels = {"com.docker.compose.config-hash": "before" if recreated else "now"}
        self.proxy: Container | None = dataclasses.replace(
            make_container("reverse-proxy", "nginx"),
            networks=ends,
            labels=labels,
            status="running" if running else "exited",
        )
        self.done: list[str] = []

    def container(self, name: str) -> Container | None:
        assert name == "vsa-nginx"
        return self.proxy

    def network(self, name: str) -> dict[str, Any] | None:
        return {"Name": name, "EnableIPv6": False} if name == "flowbiz_ext" else None

    def ensure_network(self, name: str, **more: Any) -> bool:
        self.done.append(f"make {name} {more['subnet6'] or 'without IPv6'}")
        return True

    def connect(self, network: str, _container: str) -> None:
        self.done.append(f"join {network}")

    def disconnect(self, network: str, _container: str) -> None:
        self.done.append(f"leave {network}")


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    ran: list[int] = []
    monkeypatch.setattr(reverse_proxy, "run_script", lambda pid, _script: ran.append(pid))
    monkeypatch.setattr(reverse_proxy, "config_hash", lambda *_texts, **_more: "now")
    return ran


def test_the_entry_network_has_no_ipv6_if_the_common_one_has_none(
    host: StackHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reverse_proxy, "ensure_firewall", lambda *_values, **_more: [])
    engine = Networks()
    asks = host.root / "proc/sys/net/ipv4/conf/vsa-entry/arp_announce"
    asks.parent.mkdir(parents=True)
    asks.write_text("0")
    ReverseProxy().make_networks(cast(Any, engine), host.paths)
    assert engine.done == ["make flowbiz_entry without IPv6"]
    assert asks.read_text() == "2\n", "the host would not reach its own sites"


def test_the_tenants_networks_are_left_only_before_the_proxy_is_recreated(host: StackHost, scripts: list[int]) -> None:
    del scripts
    hooks = ReverseProxy()
    for engine, left in (
        (Networks("flowbiz_ext_a", "flowbiz_ext_b", "other"), ["flowbiz_ext_a", "flowbiz_ext_b"]),
        (Networks("flowbiz_ext_a", recreated=False), []),
        (Networks("flowbiz_ext_a", running=False), []),
    ):
        forecast = hooks.forecast(cast(Any, engine), host.paths, "", "")
        assert bool(forecast) == bool(left)
        assert hooks.leave_networks(cast(Any, engine), host.paths) == left
        assert engine.done == [f"leave {name}" for name in left]
    absent = Networks()
    absent.proxy = None
    assert hooks.forecast(cast(Any, absent), host.paths, "", "") == []
    assert hooks.leave_networks(cast(Any, absent), host.paths) == []


def test_after_the_start_the_proxy_is_on_the_networks_of_the_live_sites(
    host: StackHost, scripts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    live(host)
    record = SimpleNamespace(networks=["flowbiz_ext", "flowbiz_ext_a", "flowbiz_ext_b"])
    monkeypatch.setattr(reverse_proxy.Generations, "record", lambda _self, _number: record)
    reloaded: list[int] = []
    monkeypatch.setattr(reverse_proxy.Nginx, "reload", lambda _self, master: reloaded.append(master))
    engine = Networks("flowbiz_ext_a")
    ReverseProxy().after_start(cast(Any, engine), host.paths)
    assert engine.done[0].startswith("make flowbiz_ext_b fd")
    assert engine.done[1:] == ["join flowbiz_ext_b"]
    assert scripts == [1]
    # What is on that network was unknown to NGINX when it started.
    assert reloaded == [1]
    assert "flowbiz_ext_b" in host.paths.override.read_text()
    ReverseProxy().after_start(cast(Any, Networks("flowbiz_ext_a", "flowbiz_ext_b")), host.paths)
    assert reloaded == [1], "there was nothing to join"
    stopped = Networks(running=False)
    ReverseProxy().after_start(cast(Any, stopped), host.paths)
    assert stopped.done == []


def listening(host: StackHost, port: int) -> None:
    """Let process 812, apache2, listen on a port of the host."""
    proc = Path(host.paths.root) / "proc"
    (proc / "net").mkdir(parents=True)
    (proc / "net/tcp").write_text(f"head\n   0: 00000000:{port:04X} 00000000:0000 0A 0:0 0:0 0 0 0 4711 1\n")
    (proc / "812/fd").mkdir(parents=True)
    (proc / "812/comm").write_text("apache2\n")
    (proc / "812/fd/3").symlink_to("socket:[4711]")


@pytest.mark.parametrize("port", [80, 443])
def test_finding_18_a_port_that_is_taken_is_found_before_the_start(host: StackHost, port: int) -> None:
    # Finding 18: it was found after 28 s, in Docker's words.
    listening(host, port)
    with pytest.raises(RefusedError, match=rf"port {port} of this host is taken by apache2 \(pid 812\)"):
        ReverseProxy().refuse_taken_ports(host.engine, host.paths)


def test_another_port_or_a_proxy_that_runs_is_no_obstacle(host: StackHost) -> None:
    listening(host, 8080)
    ReverseProxy().refuse_taken_ports(host.engine, host.paths)
