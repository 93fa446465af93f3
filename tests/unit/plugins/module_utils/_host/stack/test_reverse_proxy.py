"""The hooks of the reverse proxy: which image is tested, and which sites count as answering."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import ExecResult
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
    assert refused.value.details == ["nginx: [emerg] unknown directive"]


@pytest.mark.parametrize("image", ["nginx:1.30.7", "nginx:9"])
def test_an_image_that_runs_or_is_not_here_is_not_tested(host: StackHost, image: str) -> None:
    live(host)
    refuse(host, image)
    assert host.engine.done == []


def test_without_a_generation_there_is_nothing_to_test(host: StackHost) -> None:
    refuse(host, "nginx:1.31.0")
    assert host.engine.done == []


def test_the_lock_exists_before_the_reloader_opens_it(host: StackHost) -> None:
    ReverseProxy().prepare(host.paths)
    assert host.paths.lock.stat().st_mode & 0o777 == 0o644


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
