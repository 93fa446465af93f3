"""NGINX accepts every configuration made of values that the forms accepted, without a warning.

The words are the very ones of tests/unit/plugins/module_utils/_core/test_forms_hostile.py, where each configuration was
read back and means what was asked for. Many sites go into one generation, and one ``nginx -t`` tests it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.forms import CAS, PROFILES
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import numbered
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings, parse_settings
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import Site

import rig
from hostile import KINDS, judge
from hostile_sites import sites_of
from making import generation_files, make_renderer, make_site

pytestmark = pytest.mark.rig

IMAGE = "nginx:1.30.7"
RUN = "docker run --rm --network none --label vsa.rig=1 --memory 1g".split()
TEST = "nginx -t -q -c /etc/nginx/vsa/generations/1/nginx.conf".split()
LONGEST_LABEL = "a" * 63
LONGEST = ".".join([LONGEST_LABEL] * 3 + ["a" * 35, "zz"])  # 230 characters
NAMES = [f"{number:02d}{LONGEST[2:]}" for number in range(100)]


@pytest.fixture(scope="module")
def image() -> str:
    """The image of NGINX, genuine or a stand-in."""
    rig.engine_up()
    rig.images(IMAGE)
    return IMAGE


def says(image: str, tree: Path, sites: Iterable[Site], settings: Settings | None = None) -> tuple[int, str]:
    """Write a generation, and return the exit code and the output of NGINX's test."""
    for folder in ("sites", "manifests"):
        (tree / "generations/1" / folder).mkdir(parents=True)
    for name, text in generation_files(sites, make_renderer(settings=settings)).items():
        (tree / "generations/1" / name).write_text(numbered(name, text, 1), encoding="utf-8")
    done = subprocess.run(
        [*RUN, "-v", f"{tree}:/etc/nginx/vsa:ro", image, *TEST],
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, (done.stdout + done.stderr).strip()


@pytest.mark.parametrize("name", KINDS)
def test_what_the_forms_accept_nginx_accepts(image: str, tmp_path: Path, name: str) -> None:
    accepted = judge(KINDS[name]).accepted
    assert len(accepted) >= 100
    assert says(image, tmp_path, (expected.site for expected in sites_of(name, accepted))) == (0, "")


def test_two_containers_whose_names_differ_by_case_alone(image: str, tmp_path: Path) -> None:
    routes = [{"path": f"/{name}/", "container": name, "port": 3000} for name in ("web-1", "Web-1", "WEB-1")]
    assert says(image, tmp_path, [make_site("case.test", routes=routes)]) == (0, "")


def extremes() -> Iterator[Site]:
    """Return sites with the longest and shortest values of every form."""
    domain, *aliases = NAMES
    yield make_site(domain, aliases=aliases, upstream=f"{LONGEST_LABEL}.{LONGEST_LABEL}:65535", tenant="t" * 32)
    yield make_site(
        "routes.test",
        routes=[
            {"path": f"/{number:03d}" + "p" * 196, "container": f"{number:03d}" + "c" * 60, "port": number + 1}
            for number in range(100)
        ],
    )
    yield make_site(
        "lists.test",
        allow=[f"10.{number // 256}.{number % 256}.0/24" for number in range(500)]
        + [f"2001:db8:{number:x}::/48" for number in range(500)],
        trusted_proxies=["0.0.0.0/0", "::/0", "::ffff:10.0.0.1", *(f"192.0.2.{number}" for number in range(256))],
    )
    for number, (rate, burst) in enumerate((("1r/m", 0), ("999999r/s", 10000), ("999999r/m", 1))):
        yield make_site(f"rate-{number}.test", rate_limit=rate, rate_burst=burst)
    for number, size in enumerate(("0", "1", "999999", "999999k", "999999m", "999999g")):
        yield make_site(f"size-{number}.test", body_size=size)
    for number, ca in enumerate((*CAS, "https://ca.test/dir")):
        yield make_site(f"ca-{number}.test", ca=ca, aliases=[f"alias-{number}.test"])
    longest = {"path": "/" + "p.+" * 66 + "/", "container": "web-1", "port": 1, "strip_prefix": True}
    stripped = [{**longest, "path": f"/{number}~@:.+-_/"} for number in range(99)]
    yield make_site("strip.test", routes=[longest, *stripped], timeout="1ms")
    networks = [f"10.{number // 256}.{number % 256}.0/24" for number in range(1000)]
    yield make_site("closed.test", www="add", maintenance=True, maintenance_allow=networks, timeout="999999d")
    yield make_site(f"x1{LONGEST[2:]}", www="remove", maintenance=True, aliases=[f"x2{LONGEST[2:]}"])
    for profile in PROFILES:
        yield make_site(f"profile-{profile}.test", profile=profile, http3=True)


def test_the_ends_of_every_form(image: str, tmp_path: Path) -> None:
    assert says(image, tmp_path, extremes()) == (0, "")


def test_no_site_at_all(image: str, tmp_path: Path) -> None:
    assert says(image, tmp_path, []) == (0, "")


@pytest.mark.parametrize("timeout", ["1ms", "999999ms", "1s", "999999s", "999999m", "999999h", "999999d"])
@pytest.mark.parametrize("valid", ["1s", "999999d"])
def test_settings_of_a_host(image: str, tmp_path: Path, timeout: str, valid: str) -> None:
    settings = parse_settings({"worker_shutdown_timeout": timeout, "resolver_valid": valid})
    assert says(image, tmp_path, [make_site()], settings) == (0, "")


def test_what_the_forms_refuse_would_have_been_refused_or_worse(image: str, tmp_path: Path) -> None:
    # This tests the test: NGINX reports a value that its form should have refused.
    renderer_sees = make_site("shop.test")
    object.__setattr__(renderer_sees, "domain", "shop .test server")
    code, words = says(image, tmp_path, [renderer_sees])
    assert code != 0
    assert "[emerg]" in words
