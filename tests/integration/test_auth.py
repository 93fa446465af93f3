# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Basic auth on a real host: who may pass, at which spelling of a path, for how long, and if the check is down."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import rig
from proxyhost import ProxyHost
from terminal import INTERRUPT, on_a_terminal

Run = Callable[..., subprocess.CompletedProcess[str]]
SITE, OPEN = "auth.vsa.test", "beside.vsa.test"
WWW = f"www.{SITE}"
FILES = f"/srv/platform/reverse-proxy/data/htpasswd/{SITE}"
# Sends one request per line of standard input, all on one connection.
_HELD = r"""
import base64, http.client, socket, ssl, sys
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
client = http.client.HTTPSConnection(sys.argv[1])
client.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", 443), 10), server_hostname=sys.argv[1])
client.auto_open = 0
for _ in sys.stdin:
    credential = base64.b64encode(sys.argv[2].encode()).decode()
    client.request("GET", "/held", headers={"Authorization": "Basic " + credential})
    answer = client.getresponse(); answer.read()
    print(answer.status, flush=True)
"""
_EXTRA = ("auth_pass", "allow", "trusted_proxies", "rate_limit", "rate_burst", "aliases", "www", "maintenance")
PASSWORD = "cAnArY-pässwörd 5"


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """A proxy with a site of three routes and a neighbour site. No path of the two sites is behind a password."""
    host = ProxyHost(proxy_vps)
    for name in ("web-1", "web-2"):
        host.restart_web(name)
    routes = [
        {"path": "/", "container": "web-1", "port": 3000},
        {"path": "/admin/reports/", "container": "web-2", "port": 3000},
        {"path": "/API/", "container": "web-2", "port": 3000},
    ]
    host.certificate(SITE)
    host.drive(domain=SITE, said={"routes": routes, "ca": "selfsigned"})
    host.provision(OPEN)
    yield host
    for name in (SITE, OPEN):
        host.remove(name)
    host.run("rm", "-rf", FILES)


@pytest.fixture(autouse=True)
def nothing_protected(host: ProxyHost) -> Iterator[None]:
    """Each test starts with an open site, and with a check that is not busy."""
    yield
    manifest = host.run("cat", f"/etc/vsa/sites/{SITE}.yml")
    fields = [name for name in _EXTRA if f"{name}:" in manifest]
    if fields or "auth:" in manifest:
        answer = host.drive(domain=SITE, said={"auth": []}, unset=fields)
        assert "error" not in answer, answer
    host.run("rm", "-rf", FILES)


def _add(vsa: Run, user: str = "alice", *words: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    done = vsa("auth", "add", "--domain", SITE, "--user", user, "--password-stdin", *words, input=password + "\n")
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@contextmanager
def _held(host: ProxyHost, credential: str) -> Iterator[Callable[[], int]]:
    """A connection that stays open: each call sends a request on this connection and returns the status."""
    with subprocess.Popen(
        ["docker", "exec", "-i", host.vps.name, "python3", "-c", _HELD, SITE, credential],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        talk, answers = process.stdin, process.stdout
        assert talk is not None
        assert answers is not None

        def ask() -> int:
            talk.write("\n")
            return int(answers.readline())

        yield ask
        talk.close()


def _checks(host: ProxyHost) -> int:
    return host.run("docker", "logs", "vsa-auth").count(SITE)


def test_who_has_the_password_is_let_in(vsa: Run, host: ProxyHost) -> None:
    assert host.status(SITE, "/admin/") == 200
    done = _add(vsa, "alice", "--route", "/admin/")
    assert "changed in" in done.stdout.splitlines()[-1]
    status, text = host.get(SITE, "/admin/x", "-D", "-")
    assert status == 401
    assert f'www-authenticate: Basic realm="{SITE} /admin/", charset="UTF-8"' in text
    for words, expected in (
        ((f"alice:{PASSWORD}",), 200),
        ((f"alice:{PASSWORD}x",), 401),
        (("alice:",), 401),
        ((f"bob:{PASSWORD}",), 401),
    ):
        assert host.get(SITE, "/admin/x", "-u", *words)[0] == expected
    for header in ("Basic", "Basic !!!", "Bearer x", "Basic " + "A" * 2000, "Digest username=alice"):
        assert host.get(SITE, "/admin/", "-H", f"Authorization: {header}")[0] == 401
    assert host.status(SITE, "/") == host.status(SITE, "/adminx") == 200
    # The backend does not see the password.
    answer = json.loads(host.get(SITE, "/admin/x", "-u", f"alice:{PASSWORD}")[1])
    assert "authorization" not in {name.lower() for name in answer["headers"]}
    kept = json.loads(host.get(SITE, "/x", "-H", "Authorization: Bearer of-the-app")[1])
    assert {name.lower(): value for name, value in kept["headers"].items()}["authorization"] == "Bearer of-the-app"
    host.drive(domain=SITE, said={"auth_pass": True})
    answer = json.loads(host.get(SITE, "/admin/x", "-u", f"alice:{PASSWORD}")[1])
    assert "authorization" in {name.lower() for name in answer["headers"]}


def test_the_same_password_changes_nothing_and_another_one_counts_at_once(vsa: Run, host: ProxyHost) -> None:
    _add(vsa)
    assert host.get(SITE, "/", "-u", f"alice:{PASSWORD}")[0] == 200
    before, live, text = host.disk(), host.live(), host.run("cat", f"{FILES}/,")
    assert "unchanged in" in _add(vsa).stdout.splitlines()[-1]
    assert (host.disk(), host.live(), host.run("cat", f"{FILES}/,")) == (before, live, text)
    _add(vsa, password="another one")
    assert host.get(SITE, "/", "-u", f"alice:{PASSWORD}")[0] == 401
    assert host.get(SITE, "/", "-u", "alice:another one")[0] == 200
    # Another user or another password needs no transaction of the proxy.
    _add(vsa, "bob")
    assert host.live() == live
    assert host.get(SITE, "/", "-u", f"bob:{PASSWORD}")[0] == 200
    assert re.fullmatch(r"640 0 80443\n750 0 80443\n", host.run("stat", "-c", "%a %u %g", f"{FILES}/,", FILES))
    assert re.fullmatch(r"(?:\w+:\$2y\$10\$[./A-Za-z0-9]{53}\n){2}", host.run("cat", f"{FILES}/,"))


def test_every_spelling_of_a_protected_path_is_closed(vsa: Run, host: ProxyHost) -> None:
    _add(vsa, "alice", "--route", "/admin/")
    _add(vsa, "bob", "--route", "/api/v2", password="of bob")
    table = {
        "/admin": 401,
        "/admin/": 401,
        "/admin/reports/1": 401,  # another route, below the protected path
        "/admin%2f": 401,
        "/%61dmin/": 401,
        "//admin/": 401,
        "/./admin/": 401,
        "/admin/./x": 401,
        # NGINX reads another path here than a backend may read: the request is refused for every user.
        "/Admin/": 404,
        "/ADMIN": 404,
        "/admin;v=1/x": 404,
        "/\\admin/": 404,
        "/x/../admin/": 400,
        "/admin/%2e%2e/x": 400,
        "/admin/..%2fx": 400,
        "/admin/..%5cx": 400,
        "/api/v2": 401,
        "/api/v22": 401,
        "/API/v2/x": 404,
        "/.well-known/vsa/auth/0": 404,
        "/.well-known/vsa/auth-check": 404,
        "/API/v1": 200,
        "/administrator": 200,
        "/a..b/c..": 200,
        "/x?next=/../admin/": 200,
    }
    assert {path: host.status(SITE, path) for path in table} == table
    assert host.get(SITE, "/admin/", "-u", f"alice:{PASSWORD}")[0] == 200
    assert host.get(SITE, "/admin", "-u", f"alice:{PASSWORD}")[0] == 200
    assert json.loads(host.get(SITE, "/admin/reports/1", "-u", f"alice:{PASSWORD}")[1])["app"] == "web-2"
    # The users of one path may not pass at the other path.
    assert host.get(SITE, "/api/v2", "-u", f"alice:{PASSWORD}")[0] == 401
    assert host.get(SITE, "/admin/", "-u", "bob:of bob")[0] == 401
    assert host.get(SITE, "/api/v2", "-u", "bob:of bob")[0] == 200


def test_who_is_shut_out_is_so_at_once(vsa: Run, host: ProxyHost) -> None:
    _add(vsa, "alice")
    _add(vsa, "bob", password="of bob")
    assert host.get(SITE, "/", "-u", f"alice:{PASSWORD}")[0] == 200
    with _held(host, f"alice:{PASSWORD}") as ask:
        assert ask() == 200
        done = vsa("auth", "remove", "--domain", SITE, "--user", "alice")
        assert done.returncode == 0, done.stderr
        assert ask() == 401  # on the same connection on which the user could pass before
    assert host.get(SITE, "/", "-u", f"alice:{PASSWORD}")[0] == 401
    assert host.get(SITE, "/", "-u", "bob:of bob")[0] == 200
    again = vsa("auth", "remove", "--domain", SITE, "--user", "alice")
    assert "unchanged in" in again.stdout.splitlines()[-1]
    # Without its last user the path stays closed.
    assert "nobody may pass" in vsa("auth", "remove", "--domain", SITE, "--user", "bob").stdout
    assert host.get(SITE, "/", "-u", "bob:of bob")[0] == 401
    listed = json.loads(vsa("auth", "list", "--domain", SITE, "--json").stdout)
    entry = next(iter(listed["hosts"].values()))["auth"]
    assert [(row["path"], row["users"], row["state"]) for row in entry] == [("/", [], "locked")]
    assert vsa("auth", "remove", "--domain", SITE).returncode == 2
    assert vsa("auth", "remove", "--domain", SITE, "-y").returncode == 0
    assert host.status(SITE) == 200
    assert host.run("ls", FILES, check=False) == ""
    assert "unchanged in" in vsa("auth", "remove", "--domain", SITE, "-y").stdout.splitlines()[-1]


def test_a_terminal_asks_twice_and_shows_no_password(host: ProxyHost, tmp_path: Path) -> None:
    words = ("auth", "add", "--domain", SITE, "--user", "alice")
    with on_a_terminal(host.vps, words, folder=tmp_path) as terminal:
        # If nothing is typed, the prompt asks again. If the two passwords differ, the prompt says so and starts again.
        for asked, typed in (
            ("Password: ", "\n"),
            ("Password: ", f"{PASSWORD}\n"),
            ("Repeat for confirmation: ", "\n"),
            ("Repeat for confirmation: ", "cAnArY-another\n"),
            ("do not match.*Password: ", f"{PASSWORD}\n"),
            ("Repeat for confirmation: ", f"{PASSWORD}\n"),
        ):
            terminal.wait_for(asked)
            terminal.type(typed)
        code, shown = terminal.ended(), terminal.shown
    assert code == 0, shown
    assert "changed in" in shown
    assert "cAnArY" not in shown
    assert host.get(SITE, "/", "-u", "alice:cAnArY-another")[0] == 401
    assert host.get(SITE, "/", "-u", f"alice:{PASSWORD}")[0] == 200


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        pytest.param([INTERRUPT], 130, "interrupted", marks=pytest.mark.long),
        pytest.param(["cAnArY", INTERRUPT], 130, "interrupted", marks=pytest.mark.long),
        (["cAnArY-1\n", INTERRUPT], 130, "interrupted"),
        (["\x04"], 3, "not confirmed"),
        (["cAnArY" + "x" * 67 + "\n"] * 2, 2, "72 bytes"),
    ],
    ids=["Ctrl-C", "Ctrl-C after letters", "Ctrl-C at the second", "Ctrl-D", "too long"],
)
def test_a_password_that_is_not_given_changes_nothing(
    host: ProxyHost, typed: list[str], code: int, said: str, tmp_path: Path
) -> None:
    before = host.disk()
    with on_a_terminal(host.vps, ("auth", "add", "--domain", SITE, "--user", "alice"), folder=tmp_path) as terminal:
        terminal.wait_for("Password: ")
        for text in typed:
            terminal.type(text)
            if text.endswith("\n") and text is not typed[-1]:
                terminal.wait_for("Repeat for confirmation: ")
        ended, shown = terminal.ended(), terminal.shown
    assert (ended, said in shown, "nothing was changed" in shown) == (code, True, True), shown
    assert "cAnArY" not in shown
    assert "Traceback" not in shown
    assert host.disk() == before
    assert host.run("ls", FILES, check=False) == ""


def test_one_connection_asks_and_is_let_in(vsa: Run, host: ProxyHost) -> None:
    _add(vsa)
    for version in ("--http1.1", "--http2"):
        text = host.run(
            *("curl", "-sk", version, "--resolve", f"{SITE}:443:127.0.0.1", "-w", "%{http_code} %{num_connects}\n"),
            *("-o", "/dev/null", f"https://{SITE}/", "--next", "-sk", version, "-o", "/dev/null"),
            *("-w", "%{http_code} %{num_connects}\n", "-u", f"alice:{PASSWORD}", f"https://{SITE}/"),
        )
        assert text.splitlines() == ["401 1", "200 0"], version


def test_p8_a_page_costs_one_check(vsa: Run, host: ProxyHost) -> None:
    _add(vsa)
    before = _checks(host)
    urls = " ".join(f"https://{SITE}/part/{number}" for number in range(50))
    sinks = " ".join(["-o /dev/null"] * 50)
    ask = f"curl -sk --parallel --parallel-max 50 --resolve {SITE}:443:127.0.0.1 -w '%{{http_code}}\\n'"
    text = host.run("sh", "-c", f"{ask} -u 'alice:{PASSWORD}' {urls} {sinks}")
    assert text.split() == ["200"] * 50
    assert _checks(host) - before == 1


_LIMIT = {"rate_limit": "1r/m", "rate_burst": 0}


@pytest.mark.parametrize(
    ("said", "own", "other"),
    [
        ({}, 401, None),
        ({"allow": ["203.0.113.7"]}, 403, None),
        (_LIMIT, 429, None),
        ({"aliases": [WWW]}, 401, 301),
        ({"www": "add"}, 301, 401),
        ({"www": "remove"}, 401, 301),
        ({"maintenance": True}, 503, None),
        ({"www": "add", "maintenance": True, "allow": ["203.0.113.7"], **_LIMIT}, 301, 503),
        ({"www": "remove", "maintenance": True, "allow": ["203.0.113.7"], **_LIMIT}, 503, 301),
    ],
    ids=[
        "auth",
        "allow list",
        "rate limit",
        "alias",
        "to www",
        "from www",
        "maintenance",
        "all to www",
        "all from www",
    ],
)
def test_p7_a_challenge_is_answered_ahead_of_all(
    host: ProxyHost, said: dict[str, object], own: int, other: int | None
) -> None:
    """P7: auth, lists or redirects block the challenge. ``own`` and ``other``: what two names answer otherwise."""
    answer = host.drive(domain=SITE, said={**said, "auth": ["/"]})
    assert "error" not in answer, answer
    place = "/srv/platform/reverse-proxy/data/acme/.well-known/acme-challenge"
    host.run("sh", "-c", f"mkdir -p {place} && echo token-7 > {place}/probe")
    for name, status in ((SITE, own), (WWW, other)):
        if status is None:
            # No site has this name, but the challenge is answered over HTTP: a certificate may exist before its site.
            assert host.get(name, "/.well-known/acme-challenge/probe", https=False) == (200, "token-7\n")
            continue
        for https in (True, False, True, False):
            got = host.get(name, "/.well-known/acme-challenge/probe", https=https)
            assert got == (200, "token-7\n"), (name, https)
        # No user has a password yet, so nobody may pass. One of two requests exceeds the rate.
        assert [host.get(name, "/", "-u", "alice:x")[0] for _ in range(2)][-1] == status, name
        assert host.get(name, "/", https=False)[0] == 301
    host.run("rm", f"{place}/probe")


def test_without_the_check_nobody_new_is_let_in(vsa: Run, host: ProxyHost) -> None:
    _add(vsa)
    _add(vsa, "bob", password="of bob")
    assert host.get(SITE, "/", "-u", f"alice:{PASSWORD}")[0] == 200
    host.run("docker", "stop", "vsa-auth")
    try:
        status, text = host.get(SITE, "/", "-u", "bob:of bob")
        assert (status, text) == (503, "login is not possible now\n")
        assert host.get(SITE, "/", "-u", f"alice:{PASSWORD}")[0] == 200  # remembered
        assert host.status(SITE) == 401
        assert host.status(OPEN) == 200
        # NGINX starts without the check. For a moment no container held the memory of passwords, so it is gone.
        host.run("docker", "restart", "vsa-nginx")
        host.wait_until(f"curl -sk --resolve {OPEN}:443:127.0.0.1 https://{OPEN}/ -o /dev/null")
        assert host.get(SITE, "/", "-u", f"alice:{PASSWORD}")[0] == 503
    finally:
        host.run("docker", "start", "vsa-auth")
    ask = f"curl -sk --resolve {SITE}:443:127.0.0.1 -o /dev/null -w '%{{http_code}}' -u 'bob:of bob' https://{SITE}/"
    host.wait_until(f"[ $({ask}) = 200 ]")
    # After a kill the check starts again by itself, although its old socket still exists.
    pid = host.run("docker", "inspect", "-f", "{{.State.Pid}}", "vsa-auth").strip()
    host.run("sh", "-c", f"pkill -9 -P {pid}; kill -9 {pid}")
    host.wait_until(f"[ $(docker inspect -f '{{{{.State.Pid}}}}' vsa-auth) != {pid} ]")
    _add(vsa, "carol", password="of carol")
    ask = ask.replace("bob:of bob", "carol:of carol")
    host.wait_until(f"[ $({ask}) = 200 ]")
    gone = f"{FILES}/,"
    host.run("mv", gone, f"{gone}.away")
    assert host.get(SITE, "/", "-u", "carol:of carol")[0] == 503
    host.run("mv", f"{gone}.away", gone)


def test_too_many_logins_are_put_off(vsa: Run, host: ProxyHost) -> None:
    _add(vsa)
    gateway = json.loads(host.get(OPEN)[1])["headers"]["X-Real-IP"]
    host.drive(domain=SITE, said={"trusted_proxies": [gateway]})

    def ask(*addresses: str) -> list[str]:
        """Send one wrong password from each address, all at the same time, and return the statuses."""
        words = ["-sk", "-o", "/dev/null", "-w", "%{http_code} ", "--resolve", f"{SITE}:443:127.0.0.1"]
        guesses = [
            [*words, "-H", f"X-Forwarded-For: {address}", "-u", f"alice:{address}", f"https://{SITE}/{number}"]
            for number, address in enumerate(addresses)
        ]
        argv = [word for number, guess in enumerate(guesses) for word in (*(["--next"] if number else []), *guess)]
        return host.run("curl", "--parallel", "--parallel-immediate", "--parallel-max", "40", *argv).split()

    # All addresses of one IPv6 network count as one client.
    seen = ask(*(f"2001:db8:1:2::{number:x}" for number in range(1, 41)))
    assert {*seen} == {"401", "429"}
    assert seen.count("401") >= 10
    assert seen.count("429") >= 10
    time.sleep(3)
    assert ask("2001:db8:1:3::1") == ["401"]
    assert host.status(OPEN) == 200


def test_a_rollback_needs_the_users(vsa: Run, host: ProxyHost) -> None:
    _add(vsa, "alice", "--route", "/admin/")
    closed = host.live()
    assert vsa("auth", "remove", "--domain", SITE, "-y").returncode == 0
    done = vsa("vhost", "rollback", "--to", str(closed), "-y")
    assert done.returncode == 3
    assert f"{SITE}: the users of /admin/ were removed" in done.stderr
    assert host.status(SITE, "/admin/") == 200


def test_what_is_refused_changes_nothing(vsa: Run, host: ProxyHost, tmp_path: Path) -> None:
    before = host.disk()

    def refused(code: int, words: str, *more: str, password: str = "x") -> None:
        done = vsa("auth", "add", "--domain", SITE, *more, "--password-stdin", input=password)
        assert done.returncode == code, done.stdout + done.stderr
        assert words in done.stderr
        assert host.run("ls", FILES, check=False) == ""

    refused(2, "72", "--user", "alice", password="é" * 37)
    refused(2, "empty", "--user", "alice", password="\n")
    refused(2, "control character", "--user", "alice", password="a\nb\n")
    refused(2, "control character", "--user", "alice", password="a\0b")
    refused(2, "not a user's name", "--user", "a:b")
    refused(2, "not a user's name", "--user", "#a")
    refused(2, "path", "--user", "a", "--route", "/a,b")
    done = vsa("auth", "add", "--domain", "none.vsa.test", "--user", "a", "--password-stdin", input="x")
    assert done.returncode == 3
    assert "no such site" in done.stderr
    host.run("docker", "rename", "vsa-auth", "vsa-auth-away")
    try:
        refused(3, "vsa stack up reverse-proxy", "--user", "alice")
    finally:
        host.run("docker", "rename", "vsa-auth-away", "vsa-auth")
    # A transaction that fails leaves no password file.
    broken = tmp_path / "templates"
    broken.mkdir()
    own = Path(__file__).parents[2] / "roles/vhost/templates/site.conf.j2"
    (broken / "site.conf.j2").write_text(own.read_text().replace("auth_request ", "auth_requestt "))
    password = tmp_path / "password"
    password.write_text("x y z\n")
    extra = {"domain": SITE, "auth_user": "alice", "auth_password_file": str(password)}
    done = rig.playbook(
        "flowbiz.vsa.auth.add", host.vps, extra={**extra, "auth_vhost_templates_dir": str(broken)}, check=False
    )
    assert "auth_requestt" in done.stdout
    assert host.run("ls", FILES, check=False) == ""
    assert host.disk() == before
    # The other door: first a correct call, with --check.
    done = rig.playbook("flowbiz.vsa.auth.add", host.vps, extra=extra, words=["--check"], check=False)
    assert done.returncode == 0, done.stdout
    assert host.disk() == before
    assert host.run("ls", FILES, check=False) == ""


def test_a_generated_password_is_shown_once_and_lies_nowhere(vsa: Run, host: ProxyHost) -> None:
    done = vsa("auth", "add", "--domain", SITE, "--user", "ci", "--generate", "--json")
    document = json.loads(done.stdout)
    password = document["password"]
    assert len(password) * 6 >= 128
    assert host.get(SITE, "/", "-u", f"ci:{password}")[0] == 200
    assert host.get(SITE, "/", "-u", "ci:of-the-storm")[0] == 401
    _add(vsa)
    host.get(SITE, "/", "-u", f"alice:{PASSWORD}")
    for secret in (password, PASSWORD):
        for place in ("/var/log", "/etc/vsa", "/srv", "/var/lib/vsa", "/run", "/tmp", "/root/.ansible"):
            assert host.run("grep", "-rlsF", "--", secret, place, check=False) == "", place
        assert secret not in host.run("journalctl", "--no-pager", "-q")
        for container in ("vsa-nginx", "vsa-auth"):
            assert secret not in host.run("sh", "-c", f"docker logs {container} 2>&1")
        # The controller has no copy either: neither in its trail, nor in the directory of private files.
        places = [str(rig.cache_dir("state")), "/dev/shm"]
        found = subprocess.run(["grep", "-rlsF", "--", secret, *places], capture_output=True, text=True)
        assert found.stdout == ""
