"""From the words typed to the Run: every verb's options, wherever the global ones stand; nothing hostile gets past."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vsa import cli
from vsa.ansible.report import Report
from vsa.ansible.run import Run
from vsa.core import UsageError, checked
from vsa.verbs import agent, auth, bootstrap, cert, host, site, stack, vhost

INVENTORY = "all: {hosts: {vps-01: {}}}\n"


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Run]:
    """The runs that verbs would perform, in a directory with an inventory ``hosts.yml``."""
    seen: list[Run] = []

    def keep(_context: Any, _spec: Any, run: Run, *, subject: str | None = None) -> int:
        seen.append(run)
        return 0

    def keep_report(_context: Any, _spec: Any, run: Run, *, subject: str | None = None) -> Report:
        seen.append(run)
        return Report()

    for noun in (agent, auth, bootstrap, cert, host, site, stack, vhost):
        monkeypatch.setattr(noun, "perform", keep)
    for noun in (stack, vhost):
        monkeypatch.setattr(noun, "performed", keep_report)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VSA_INVENTORY", raising=False)
    (tmp_path / "hosts.yml").write_text(INVENTORY)
    return seen


class Private(str):
    """The path of a private file of this run, whose name nobody knows before."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and bool(re.fullmatch(r"/\S+/vsa-\d+-\d+-\w+/secret", other))

    __hash__ = str.__hash__


PRIVATE = Private("a private file")
TOKEN = "vsa1.vps-01.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
WORDS = [
    (
        f"agent register --hub-url https://HUB.example.com/api/ --token {TOKEN}",
        {"agent_hub_url": "https://hub.example.com", "agent_token_file": PRIVATE},
    ),
    ("agent start", {}),
    ("agent stop", {}),
    ("agent status --exit-code", {}),
    ("agent unregister -y", {}),
    ("site unprovision --domain a.example -y", {"site_domain": "a.example"}),
    (
        "site unprovision --domain a.example --keep-cert --purge --yes",
        {"site_domain": "a.example", "site_keep_cert": True, "site_purge": True},
    ),
    (
        "site unprovision -y --keep-container --domain A.Example",
        {"site_domain": "a.example", "site_keep_container": True},
    ),
    ("site rename --domain a.example --to B.Example", {"site_domain": "a.example", "site_to": "b.example"}),
    (
        "site rename --domain a.example --to b.example --no-redirect",
        {"site_domain": "a.example", "site_to": "b.example", "site_redirect": False},
    ),
    ("site rollback --domain a.example", {"site_domain": "a.example"}),
    ("site rollback --domain a.example --to 41", {"site_domain": "a.example", "site_generation": 41}),
    ("site rollback --domain a.example --force", {"site_domain": "a.example", "site_force": True}),
    ("bootstrap --ca staging --unset email", {"bootstrap_ca": "staging", "bootstrap_unset": ("email",)}),
    ("bootstrap --docker-source distro", {"bootstrap_docker_source": "distro"}),
    (
        "site provision --domain Shop.Example.COM --container web-1 --port 3000",
        {"site_domain": "shop.example.com", "site_container": "web-1", "site_port": 3000},
    ),
    ("site provision --domain bücher.example", {"site_domain": "xn--bcher-kva.example"}),
    (
        "site provision --domain a.example --route /=web-1:3000 --route /api/=api-1:8000 --alias b.example",
        {
            "site_domain": "a.example",
            "site_routes": (
                {"path": "/", "container": "web-1", "port": 3000},
                {"path": "/api/", "container": "api-1", "port": 8000},
            ),
            "site_aliases": ("b.example",),
        },
    ),
    (
        "site provision --domain a.example --tenant t --profile llm --ca https://ca.co/d --email a@b.co --unset hsts",
        {
            "site_domain": "a.example",
            "site_tenant": "t",
            "site_profile": "llm",
            "site_ca": "https://ca.co/d",
            "site_email": "a@b.co",
            "site_unset": ("hsts",),
        },
    ),
    ("site provision --domain a.example --no-dns-check", {"site_domain": "a.example", "site_dns_check": False}),
    ("site provision --domain a.example --force", {"site_domain": "a.example", "site_force": True}),
    ("site apply --no-dns-check", {"site_dns_check": False}),
    (
        "site rename --domain a.example --to b.example --no-dns-check --force",
        {"site_domain": "a.example", "site_to": "b.example", "site_dns_check": False, "site_force": True},
    ),
    (
        "site provision --domain a.example --detect --external-port 8080",
        {"site_domain": "a.example", "site_detect": True, "site_external_port": 8080},
    ),
    (
        "site provision --domain a.b --route /x/=w:3000:llm --strip-prefix /x/ --set allow=10.0.0.1,::1 --set hsts=off",
        {
            "site_domain": "a.b",
            "site_routes": ({"path": "/x/", "container": "w", "port": 3000, "profile": "llm"},),
            "site_strip_prefix": ("/x/",),
            "site_hsts": False,
            "site_allow": ("10.0.0.1", "::1"),
        },
    ),
    (
        "site maintenance on --domain a.example --allow 10.0.0.1",
        {"site_domain": "a.example", "site_maintenance": True, "site_maintenance_allow": ("10.0.0.1",)},
    ),
    ("site maintenance off --domain a.example", {"site_domain": "a.example", "site_maintenance": False}),
    ("host status", {}),
    ("status --exit-code", {}),
    ("ping", {}),
    ("host ping", {}),
    ("status --fresh --no-probe", {"host_fresh": True, "host_probe": False}),
    ("site list", {}),
    ("site list --no-probe --exit-code", {"site_probe": False}),
    ("site show a.example --fresh", {"site_domain": "a.example", "site_fresh": True}),
    ("site show a.example", {"site_domain": "a.example"}),
    ("vhost sync", {"vhost_invalid_fails": False}),
    ("vhost list --exit-code", {}),
    ("vhost show a.example", {"vhost_domain": "a.example"}),
    ("vhost history", {}),
    ("vhost rollback --to 41 -y", {"vhost_to": 41, "vhost_removal": "allow"}),
    ("vhost sync -y", {"vhost_invalid_fails": False, "vhost_removal": "allow"}),
    ("vhost restore", {}),
    ("stack up reverse-proxy", {"stack_name": "reverse-proxy", "stack_password_file": PRIVATE}),
    (
        "stack up hello --set HELLO_DOMAIN=hello.example.com --set A=1 --set EMPTY= --set A=b=c",
        {
            "stack_name": "hello",
            "stack_env": {"HELLO_DOMAIN": "hello.example.com", "A": "b=c", "EMPTY": ""},
            "stack_env_typed": ("HELLO_DOMAIN", "A"),
            "stack_password_file": PRIVATE,
        },
    ),
    (
        "stack up shop --from /stacks --allow device --allow capability --typed capability --typed device",
        {
            "stack_name": "shop",
            "stack_source": "/stacks",
            "stack_allow": ("device", "capability"),
            "stack_password_file": PRIVATE,
        },
    ),
    ("stack down reverse-proxy -y", {"stack_name": "reverse-proxy"}),
    ("stack down shop --sites -y", {"stack_name": "shop", "stack_sites": True}),
    (
        "stack down shop --volumes --typed shop",
        {"stack_name": "shop", "stack_volumes": True, "stack_typed": "shop"},
    ),
    (
        "stack exec shop -- psql -U x --tenant y",
        {"stack_name": "shop", "stack_command": ("psql", "-U", "x", "--tenant", "y")},
    ),
    (
        "stack exec shop db --tenant acme -- ls -- -l",
        {"stack_name": "shop", "stack_service": "db", "stack_tenant": "acme", "stack_command": ("ls", "--", "-l")},
    ),
    ("stack list", {}),
    ("stack down shop --tenant acme -y", {"stack_name": "shop", "stack_tenant": "acme"}),
    (
        "stack set shop A=1 B=x API_KEY=",
        {"stack_name": "shop", "stack_env": {"A": "1", "B": "x", "API_KEY": ""}, "stack_env_typed": ("A", "B")},
    ),
    (
        "stack up shop --build --pull",
        {"stack_name": "shop", "stack_build": True, "stack_pull": True, "stack_password_file": PRIVATE},
    ),
    ("stack rotate shop KEY", {"stack_name": "shop", "stack_rotate": ("KEY",)}),
    ("stack backup shop --tenant acme", {"stack_name": "shop", "stack_tenant": "acme"}),
    ("stack backups", {}),
    ("stack backups shop", {"stack_name": "shop"}),
    ("stack restore shop -y", {"stack_name": "shop"}),
    (
        "stack restore shop --run 20261129t030000z-1f2e --as shop-2 --allow device --typed device -y",
        {
            "stack_name": "shop",
            "stack_run": "20261129t030000z-1f2e",
            "stack_new_name": "shop-2",
            "stack_allow": ("device",),
        },
    ),
    ("stack restart shop web", {"stack_name": "shop", "stack_service": "web"}),
    ("stack logs shop --since 2h --tail 5", {"stack_name": "shop", "stack_since": "2h", "stack_tail": 5}),
    ("stack ps", {}),
    ("stack ps reverse-proxy", {"stack_name": "reverse-proxy"}),
    (
        "stack logs reverse-proxy --service nginx --lines 5",
        {"stack_name": "reverse-proxy", "stack_service": "nginx", "stack_tail": 5},
    ),
    ("cert issue --domain a.example --force", {"cert_domain": "a.example", "cert_force": True}),
    ("cert issue --domain a.example --no-dns-check", {"cert_domain": "a.example", "cert_dns_check": False}),
    (
        "cert issue --domain a.example --san *.a.example --san B.example --dns dns-rfc2136",
        {"cert_domain": "a.example", "cert_san": ("*.a.example", "b.example"), "cert_dns": "rfc2136"},
    ),
    ("cert issue --domain a.example --unset san", {"cert_domain": "a.example", "cert_unset": ("san",)}),
    ("cert renew", {}),
    ("cert renew --domain a.example --force", {"cert_domain": "a.example", "cert_force": True}),
    (
        "cert revoke --domain a.example --reason superseded --replace -y",
        {"cert_domain": "a.example", "cert_reason": "superseded", "cert_replace": True},
    ),
    ("cert install-cron --cron", {"cert_timer_cron": True}),
    ("cert install-cron --remove", {"cert_timer_state": "absent"}),
    ("cert status --domain a.example --exit-code", {"cert_domain": "a.example"}),
]


@pytest.mark.parametrize(("words", "extravars"), WORDS, ids=[words for words, _ in WORDS])
def test_words_become_this_run(runs: list[Run], tmp_path: Path, words: str, extravars: dict) -> None:
    assert cli.main(["-i", "hosts.yml", *words.split()]) == 0
    noun = [word for word in words.split()[:2] if not word.startswith("-")]
    noun = list(cli.SHORT_FORMS.get(noun[0], noun))
    playbook = "bootstrap" if noun[0] == "bootstrap" else ".".join(noun).replace("-", "_")
    inventory = str(tmp_path / "hosts.yml")
    assert runs == [Run(playbook=f"flowbiz.vsa.{playbook}", extravars=extravars, inventory=inventory)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("stack up shop --allow device", "to allow device its name has to be typed, and nobody can be asked"),
        ("stack up shop --allow device -y", "to allow device its name has to be typed, and nobody can be asked"),
        ("stack up shop --allow device --typed capability", "this finding is not to be allowed"),
        ("stack up shop --allow everything", "everything"),
    ],
)
def test_a_finding_is_allowed_by_its_name_alone(
    runs: list[Run], capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    assert cli.main(["-i", "hosts.yml", *words.split()]) == 2
    assert runs == []
    assert said in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--volumes", "to delete the volumes of shop its name has to be typed, and nobody can be asked"),
        ("--volumes -y", "to delete the volumes of shop its name has to be typed, and nobody can be asked"),
        ("--volumes -y --json", "to delete the volumes of shop its name has to be typed, and nobody can be asked"),
        ("--volumes --typed shap -y", "this is not the name of what is deleted"),
        ("--typed shop -y", "this is not the name of what is deleted"),
    ],
)
def test_volumes_are_deleted_by_the_name_of_the_stack_alone(
    runs: list[Run], capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    assert cli.main(["-i", "hosts.yml", "stack", "down", "shop", *words.split()]) == 2
    assert runs == []
    printed = capsys.readouterr()
    assert said in " ".join((printed.err + printed.out).split())


def test_a_check_allows_nothing_and_asks_nothing(runs: list[Run]) -> None:
    assert cli.main(["-i", "hosts.yml", "stack", "up", "shop", "--allow", "device", "--check"]) == 0
    assert runs[0].check


@pytest.mark.parametrize(
    "words", ["stack exec shop", "stack exec shop --", "stack exec shop db ls", "stack exec -- ls"]
)
def test_a_command_stands_after_two_dashes(runs: list[Run], words: str) -> None:
    assert cli.main(["-i", "hosts.yml", *words.split()]) == 2
    assert runs == []


@pytest.mark.parametrize(
    ("content", "code"), [(b"select 1;\n", 0), (b"", 0), (b"\xff\xfe", 2), (b"x" * ((1 << 20) + 1), 2)]
)
def test_the_standard_input_of_a_command_is_text(
    runs: list[Run], monkeypatch: pytest.MonkeyPatch, content: bytes, code: int
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert cli.main(["-i", "hosts.yml", "stack", "exec", "shop", "--stdin", "--", "sh"]) == code
    assert [run.extravars["stack_stdin"] for run in runs] == ([content.decode()] if code == 0 else [])


@pytest.mark.parametrize("words", ["stack up shop --set", "stack set shop"])
def test_a_secret_is_not_typed(
    runs: list[Run], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    assert cli.main(["-i", "hosts.yml", *words.split(), "SMTP_PASSWORD=hunter2"]) == 3
    printed = capsys.readouterr().err
    assert "hunter" not in printed
    assert "SMTP_PASSWORD=-, and the value on standard input" in printed
    assert runs == []
    monkeypatch.setattr("sys.stdin", io.StringIO("hunter2\n"))
    assert cli.main(["-i", "hosts.yml", *words.split(), "SMTP_PASSWORD=-"]) == 0
    assert runs[0].extravars["stack_env"] == {"SMTP_PASSWORD": "hunter2"}
    assert "stack_env_typed" not in runs[0].extravars


@pytest.mark.parametrize("words", ["stack up shop --set A_KEY=- --set B_KEY=-", "stack set shop A_KEY=- B_KEY=-"])
def test_standard_input_has_the_value_of_one_variable(
    runs: list[Run], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    """The second variable would be emptied."""
    monkeypatch.setattr("sys.stdin", io.StringIO("hunter2\n"))
    assert cli.main(["-i", "hosts.yml", *words.split()]) == 2
    printed = capsys.readouterr().err
    assert "B_KEY" in printed
    assert "A_KEY has it" in printed
    assert runs == []


GLOBALS = ["-i", "hosts.yml", "-l", "vps-01", "--check", "--diff", "-v"]


@pytest.mark.parametrize(
    "words",
    [
        [*GLOBALS, "site", "list"],
        ["site", *GLOBALS, "list"],
        ["site", "list", *GLOBALS],
        ["--check", "-v", "site", "-i", "hosts.yml", "list", "--diff", "--limit", "vps-01"],
        ["-i", "other.yml", "site", "list", *GLOBALS],
    ],
)
def test_global_options_stand_before_or_after_the_verb(runs: list[Run], tmp_path: Path, words: list[str]) -> None:
    assert cli.main(words) == 0
    assert runs == [
        Run(
            playbook="flowbiz.vsa.site.list",
            inventory=str(tmp_path / "hosts.yml"),
            limit="vps-01",
            check=True,
            diff=True,
            verbosity=1,
        )
    ]


def test_verbosity_adds_up_wherever_it_stands(runs: list[Run]) -> None:
    assert cli.main(["-v", "site", "-v", "list", "-v", "--local"]) == 0
    assert [(run.verbosity, run.local, run.inventory) for run in runs] == [(3, True, None)]


def test_vsa_inventory_is_used_and_the_flag_wins(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "named.yml").write_text(INVENTORY)
    monkeypatch.setenv("VSA_INVENTORY", "named.yml")
    assert cli.main(["site", "list"]) == cli.main(["site", "list", "-i", "hosts.yml"]) == 0
    assert [run.inventory for run in runs] == [str(tmp_path / "named.yml"), str(tmp_path / "hosts.yml")]


JINJA = ["{{ lookup('pipe', 'id') }}", "{% raw %}", "{{7*7}}", "{#"]
NGINX = ["a.example;", "a.example { return 200; }", "a.example\n}", "$host", "~^(.*)$", "*.example.com", "a.example #"]
SHELL = ["$(id)", "`id`", "a|b", "a;b", "a&&b", "a>b", "'a'", '"a"', "a\\b", "-rf", "--", "a b"]
YAML = ["!!python/object:os.system", "!unsafe x", "a: b", "[a]", "{a}", "&a", "*a", "|", ">", "#a", "- a"]
PATHS = ["../etc", "a/../b", "/etc/passwd", "..", ".", "a/b", "~root", "%2e%2e", "\\\\host\\share"]
BYTES = ["", " ", "\t", "\r\n", "\0", "\x1b[31m", "a\u202eb", "\ufeffa", "ａ.example", "a" * 5000, "𝒶.example"]
NUMBERS = ["0", "-1", "65536", "3.5", "1e3", "0x50", "٣٠٠٠", "+80", "080", "80 ", "nan", "1_000"]
HOSTILE = [*JINJA, *NGINX, *SHELL, *YAML, *PATHS, *BYTES, *NUMBERS]

# Where each kind of value is typed; "{}" is the value itself.
DOORS = {
    "--domain": ["site", "provision", "--domain={}", "--container=web-1", "--port=80"],
    "--container": ["site", "provision", "--domain=a.example", "--container={}", "--port=80"],
    "--port": ["site", "provision", "--domain=a.example", "--container=web-1", "--port={}"],
    "--route path": ["site", "provision", "--domain=a.example", "--route={}=web-1:80"],
    "--route container": ["site", "provision", "--domain=a.example", "--route=/={}:80"],
    "--route port": ["site", "provision", "--domain=a.example", "--route=/=web-1:{}"],
    "--alias": ["site", "provision", "--domain=a.example", "--alias={}"],
    "--tenant": ["site", "provision", "--domain=a.example", "--tenant={}"],
    "--email": ["site", "provision", "--domain=a.example", "--email={}"],
    "--ca": ["site", "provision", "--domain=a.example", "--ca={}"],
    "--profile": ["site", "provision", "--domain=a.example", "--profile={}"],
    "--unset": ["site", "provision", "--domain=a.example", "--unset={}"],
    "--strip-prefix": ["site", "provision", "--domain=a.example", "--strip-prefix={}"],
    "--set": ["site", "provision", "--domain=a.example", "--set={}"],
    **{
        f"--set {field}": ["site", "provision", "--domain=a.example", f"--set={field}={{}}"]
        for field in ("allow", "aliases", "body_size", "hsts", "rate_limit", "timeout", "www")
    },
    "maintenance": ["site", "maintenance", "--domain=a.example", "--", "{}"],
    "--allow": ["site", "maintenance", "on", "--domain=a.example", "--allow={}"],
    "show": ["site", "show", "--", "{}"],
    "stack": ["stack", "up", "--", "{}"],
    "stack --set": ["stack", "up", "x", "--set={}"],
    "stack --set name": ["stack", "up", "x", "--set={}=x"],
    "stack --set value": ["stack", "up", "x", "--set=NAME={}"],
    "--service": ["stack", "logs", "x", "--service={}"],
    "--lines": ["stack", "logs", "x", "--lines={}"],
    "--to": ["vhost", "rollback", "--to={}"],
    "--limit": ["site", "list", "--limit={}"],
    "--loki-url": ["bootstrap", "--loki-url={}"],
    "--alert-url": ["bootstrap", "--alert-url={}"],
    "--alert-command": ["bootstrap", "--alert-command={}"],
    "--dns-plugin": ["bootstrap", "--dns-plugin={}"],
    "--san": ["cert", "issue", "--domain=a.example", "--san={}"],
    "--dns": ["cert", "issue", "--domain=a.example", "--dns={}"],
    "--reason": ["cert", "revoke", "-y", "--domain=a.example", "--reason={}"],
    "--docker-source": ["bootstrap", "--docker-source={}"],
}
# What is of the form after all: a number is a container's or tenant's name, and "*a" a pattern of hosts. A variable's
# value is a plain word, which no quoting, template or command can follow from.
HARMLESS = {
    "--container": {"0", "1e3", "0x50", "1_000", "nan", "080", "65536", "3.5"},
    "--route container": {"0", "1e3", "0x50", "1_000", "nan", "080", "65536", "3.5", "a:b"},
    "--tenant": {"0", "65536", "1e3", "0x50", "080", "nan"},
    "stack": {"0", "65536", "1e3", "0x50", "080", "nan"},
    "--service": {"0", "65536", "1e3", "0x50", "080", "nan"},
    "stack --set name": {"nan"},
    # A value may be any text in one line. It is handed over as a value that Ansible does not read as a template.
    "stack --set value": {value for value in HOSTILE if value.isprintable() and "'" not in value},
    "--route path": {"/etc/passwd"},
    "--strip-prefix": {"/etc/passwd"},
    "--set body_size": {"0", "65536"},
    "--to": {"65536"},
    "--alert-url": {"/etc/passwd"},
    "--alert-command": {"/etc/passwd"},
    "--dns-plugin": {"0", "65536", "1e3", "0x50", "080", "nan"},
    "--dns": {"0", "65536", "1e3", "0x50", "080", "nan"},
    "--san": {"*.example.com"},
    "--limit": {
        "*.example.com", "&a", "*a", "..", ".", "~root", "0", "65536", "3.5", "1e3", "0x50", "080", "nan", "1_000"
    },
}  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
def test_nothing_hostile_gets_past_the_door(runs: list[Run], capsys: pytest.CaptureFixture[str], door: str) -> None:
    accepted = []
    for value in HOSTILE:
        words = [word.replace("{}", value) for word in DOORS[door]]
        code = cli.main(["-i", "hosts.yml", *words])
        printed = capsys.readouterr()
        if code == 0:
            accepted.append(value)
            continue
        assert code == 2, (door, value, printed.err)
        assert "Traceback" not in printed.err
        assert "\x1b" not in printed.err, "a value must not act on the terminal"
    assert set(accepted) <= HARMLESS.get(door, set()), door
    values = {"stack_env": {}} if door == "stack --set value" else {}
    handed = json.dumps([{**run.extravars, **values} for run in runs])
    assert not re.search(r"[{}%$;`|&<>\\]\W*lookup|\{\{|\{%", handed)


def test_a_refused_value_is_named_with_its_field_and_form(runs: list[Run], capsys: pytest.CaptureFixture[str]) -> None:
    words = "site provision --domain shop_1.example --container web-1 --port 80"
    assert cli.main(["-i", "hosts.yml", *words.split()]) == 2
    assert capsys.readouterr().err == (
        "✘ this is not a domain name\n"
        "  field      --domain = shop_1.example\n"
        "  expected   shop.example.com\n"
        "  nothing was changed\n"
    )
    assert runs == []


def test_the_short_name_of_ansibles_door_leads_to_the_options(
    runs: list[Run], capsys: pytest.CaptureFixture[str]
) -> None:
    words = "site provision --domain shop.example.com --upstream web-1:3000"
    assert cli.main(["-i", "hosts.yml", *words.split()]) == 2
    assert capsys.readouterr().err == (
        "✘ no such option '--upstream'\n"
        "  expected   --container NAME --port NUMBER\n"
        "  nothing was changed\n"
        "  try        vsa site provision --help\n"
    )
    assert runs == []


@pytest.mark.parametrize(
    ("word", "named"),
    [
        ("hunter2", "--set\n"),
        ("DB_PASSWORD=hunter'2", "--set DB_PASSWORD\n"),
        ("DB PASSWORD=hunter2", "--set = DB PASSWORD\n"),
    ],
)
def test_a_refused_variable_is_named_and_its_value_is_not_shown(
    runs: list[Run], capsys: pytest.CaptureFixture[str], word: str, named: str
) -> None:
    assert cli.main(["-i", "hosts.yml", "stack", "up", "hello", "--set", word]) == 2
    printed = capsys.readouterr().err
    assert f"  field      {named}" in printed
    assert "hunter" not in printed
    assert runs == []


FORMS = {
    "domain": r"(?=.{1,230}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
    "container": r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}",
    "tenant": r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?",
    "path": r"/[A-Za-z0-9._~@:+/-]{0,199}",
    "email": r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+",
    "port": r"[1-9][0-9]{0,4}",
}
HOSTILE_TEXT = st.one_of(
    st.text(max_size=40),
    st.sampled_from(HOSTILE),
    st.from_regex(r"[a-z0-9./:;{}$%_@=\-\n ]{0,40}", fullmatch=True),
    st.tuples(st.sampled_from(HOSTILE), st.sampled_from(["web-1", "/api/", "shop.example.com"])).map("".join),
)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=1700, deadline=None)
@given(value=HOSTILE_TEXT)
@example(value="web-1\n")
@example(value="80\n")
def test_what_the_wrapper_accepts_is_exactly_of_its_form(form: str, value: str) -> None:
    """Six forms, more than 10,000 values in all."""
    try:
        made = checked(form, value, field="value")
    except UsageError as error:
        named = (error.field, error.value, error.exit_code)
    else:
        named = None
    if named:
        assert named == ("value", value, 2)
        return
    assert re.fullmatch(FORMS[form], str(made), re.ASCII), (form, value, made)


def test_several_hosts_are_a_usage_error_that_lists_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hosts.yml").write_text("all: {hosts: {vps-01: {}, vps-02: {}}}\n")
    assert cli.main(["-i", "hosts.yml", "vhost", "rollback", "-y"]) == 2
    assert "there are  vps-01, vps-02" in capsys.readouterr().err


@pytest.mark.parametrize("extra", [["-i", "hosts.yml"], ["-l", "vps-01"]])
def test_local_is_this_machine_alone(runs: list[Run], extra: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--local", *extra, "site", "list"]) == 2
    assert runs == []


def test_what_destroys_wants_a_yes_where_nobody_can_be_asked(
    runs: list[Run], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["-i", "hosts.yml", "stack", "down", "reverse-proxy"]) == 2
    assert "-y" in capsys.readouterr().err
    assert cli.main(["-i", "hosts.yml", "stack", "down", "reverse-proxy", "--check"]) == 0
    assert [run.check for run in runs] == [True]


@pytest.mark.parametrize("words", [["nonsense"], ["site", "provision"], ["--nonsense"], ["site", "show"]])
def test_json_is_one_document_also_for_a_usage_error(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--json", *words]) == 2
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["status"], document["exit_code"]) == (1, "usage_error", 2)
    assert document["error"]["message"]
    assert document["hosts"] == {}


def test_help_of_every_verb_fits_one_screen_with_two_examples_that_parse(runs: list[Run], capsys) -> None:
    for noun, command in cli.cli.commands.items():
        for words in [[noun, verb] for verb in getattr(command, "commands", {})] or [[noun]]:
            assert cli.main([*words, "--help"]) == 0
            text = capsys.readouterr().out
            assert len(text.splitlines()) <= 40, words
            assert max(len(line) for line in text.splitlines()) <= 100, words
            examples = text.partition("Examples:\n")[2].strip().splitlines()
            assert len(examples) == 2, words
            if noun in ("completion", "help", "init", "audit", "vps"):  # these make no run; test_audit.py, test_vps.py
                continue
            if words in (["agent", "rotate"], ["agent", "revoke"]):  # need a hub in the inventory; test_vps_hub.py
                continue
            for example_words in examples:
                assert cli.main(["-i", "hosts.yml", *example_words.split()[1:], "--yes"]) in (0, 2)
                assert "no such" not in capsys.readouterr().err.lower()


@pytest.mark.parametrize(
    ("words", "verb"),
    [
        ("site provision", "site.provision"),
        ("-i nowhere.yml site list", "site.list"),
        ("site --limit @x list", "site.list"),
        ("bootstrap --ca nonsense", "bootstrap"),
        ("site", None),
        ("nonsense", None),
    ],
)
def test_a_document_of_a_usage_error_names_the_verb(words: str, verb: str | None, capsys) -> None:
    assert cli.main(["--json", *words.split()]) == 2
    assert json.loads(capsys.readouterr().out)["verb"] == verb
