"""What roles/vhost/templates/nginx.conf.j2 tells NGINX, read back as directives."""

from __future__ import annotations

import ipaddress
import json
import re
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import numbered
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.headers import DROPPED_HEADERS

from making import LAYOUT, MARKER, generation_files, make_renderer, make_site
from nginx_text import Block, pcre, read_text, read_tree

ROUTES = [{"path": path, "container": "web-1", "port": 3000, "strip_prefix": path == "/s/"} for path in ("/", "/s/")]


def main(*, any_http3: bool = False, **settings: str) -> Block:
    """Return the main file as NGINX reads it."""
    return read_text(make_renderer(settings=Settings(**settings)).main(any_http3=any_http3))


def http(**settings: str) -> Block:
    """Return its block http."""
    return main(**settings).one("http")


def default_servers(*, any_http3: bool = False) -> tuple[Block, Block, Block]:
    """Return the default server of plain HTTP, that of TLS, and the one for status."""
    plain, secure, status = main(any_http3=any_http3).one("http").all("server")
    return plain, secure, status


def variables(block: Block) -> dict[str, dict[str, str]]:
    """Return the maps of a block: the variable made, and what it is made of."""
    return {it.args[1]: {entry.name: entry.args[0] for entry in it.children} for it in block.all("map")}


def test_nginx_knows_every_directive_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "generations/1/sites").mkdir(parents=True)
    (tmp_path / "generations/1/manifests").mkdir()
    renderer = make_renderer(layout=type(LAYOUT)(str(tmp_path), LAYOUT.letsencrypt, LAYOUT.selfsigned))
    sites = [
        make_site("a.example", http3=True, aliases=["b.example"], rate_limit="1r/s", allow=["10.0.0.0/8"]),
        make_site("c.example", tenant="acme", trusted_proxies=["10.0.0.0/8"]),
    ]
    (tmp_path / "mime.types").write_text("types {}\n", encoding="utf-8")
    for name, text in generation_files(sites, renderer).items():
        written = numbered(name, text, 1).replace("/etc/nginx/mime.types", str(tmp_path / "mime.types"))
        (tmp_path / "generations/1" / name).write_text(written, encoding="utf-8")
    read = read_tree(tmp_path / "generations/1/nginx.conf")
    names = [block.args for block in read.walk() if block.name == "server_name"]
    assert ("a.example",) in names
    assert ("c.example",) in names


@pytest.mark.parametrize(
    ("field", "value", "directive"),
    [
        ("worker_shutdown_timeout", "1h", ("worker_shutdown_timeout", "1h")),
        ("worker_shutdown_timeout", "10m", ("worker_shutdown_timeout", "10m")),
        ("resolver_valid", "7s", ("resolver", "127.0.0.11", "valid=7s", "ipv6=off")),
        ("resolver_valid", "5s", ("resolver", "127.0.0.11", "valid=5s", "ipv6=off")),
    ],
)
def test_settings_of_the_host(field: str, value: str, directive: tuple[str, ...]) -> None:
    found = [(it.name, *it.args) for it in main(**{field: value}).walk() if it.name == directive[0]]
    assert found == [directive]


def test_issue_14_item_13_names_that_cannot_be_resolved_do_not_hide_the_rest_of_the_error_log() -> None:
    # The resolver writes outside of a request, at the level error.
    outside = [log.args for log in main().all("error_log")]
    assert outside == [("/var/log/nginx/error.log", "crit"), ("/var/log/nginx/background.log", "warn")]
    assert http().one("error_log").args == ("/var/log/nginx/error.log", "warn")


def test_the_pid_file_and_every_socket_lie_on_the_tmpfs() -> None:
    # After a SIGKILL a stale socket elsewhere makes NGINX loop on bind().
    tree = main()
    assert tree.value("pid") == ("/run/nginx.pid",)
    sockets = [arg for it in tree.walk() if it.name == "listen" for arg in it.args if arg.startswith("unix:")]
    assert sockets == ["unix:/run/vsa-status.sock"]


def test_reloads_lose_no_request_of_a_kept_connection() -> None:
    assert http().value("keepalive_min_timeout") == ("3s",)


def test_it_includes_its_own_generation_by_an_absolute_name() -> None:
    includes = [it.args[0] for it in http().all("include")]
    assert includes == ["/etc/nginx/mime.types", "/etc/nginx/vsa/generations/@GENERATION@/sites/*.conf"]


def test_unknown_names_are_refused() -> None:
    plain, secure, _status = default_servers()
    assert plain.value("server_name") == secure.value("server_name") == ("_",)
    assert [it.args for it in plain.all("listen")] == [("80", "default_server"), ("[::]:80", "default_server")]
    assert plain.one("location", "/").value("return") == ("444",)
    assert [it.args for it in secure.all("listen")] == [
        ("443", "ssl", "default_server"),
        ("[::]:443", "ssl", "default_server"),
    ]
    assert secure.value("ssl_reject_handshake") == ("on",)
    assert [(it.args, it.value("return")) for it in secure.all("location")] == [(("/",), ("421",))]


def test_certificates_of_blocks_without_one_are_named_by_the_block_never_by_the_client() -> None:
    _plain, secure, _status = default_servers()
    assert secure.value("ssl_certificate") == ("$vsa_letsencrypt/$server_name/fullchain.pem",)
    assert secure.value("ssl_certificate_key") == ("$vsa_letsencrypt/$server_name/privkey.pem",)


def test_plain_http_goes_to_https_but_for_challenges() -> None:
    made = variables(http())
    assert made["$vsa_redirect"] == {"default": "308", "GET": "301", "HEAD": "301"}
    assert made["$vsa_plain"] == {
        "default": "0",
        "~^[0-9]+http/[.]well-known/acme-challenge/": "0",
        "~^301http/": "301",
        "~^308http/": "308",
    }


def test_challenges_of_every_name_are_answered() -> None:
    plain, _secure, _status = default_servers()
    location = plain.one("location", "^~", "/.well-known/acme-challenge/")
    assert {it.name: it.args for it in location.children} == {
        "root": ("/var/www/acme",),
        "default_type": ("text/plain",),
        "try_files": ("$uri", "=404"),
    }


@pytest.mark.parametrize("asked", [False, True])
def test_quic_stands_once_on_the_default_server_where_a_site_asks(asked: bool) -> None:
    _plain, secure, _status = default_servers(any_http3=asked)
    quic = [it.args for it in secure.all("listen") if "quic" in it.args]
    wanted = [("443", "quic", "reuseport", "default_server"), ("[::]:443", "quic", "reuseport", "default_server")]
    assert quic == (wanted if asked else [])


def test_the_status_says_generation_and_worker() -> None:
    _plain, _secure, status = default_servers()
    assert [it.args for it in status.all("listen")] == [("unix:/run/vsa-status.sock",)]
    assert status.one("location", "=", "/generation").value("return") == ("200", "$vsa_generation $pid\\n")
    assert status.one("location", "/").value("return") == ("404",)
    assert variables(http())["$vsa_generation"] == {"default": "@GENERATION@"}


def test_the_mark_asks_for_its_key() -> None:
    assert variables(http())["$vsa_marker"] == {"default": "0", MARKER: "1"}


def test_a_visit_by_vsa_is_neither_logged_nor_counted_nor_passed_on() -> None:
    table = variables(http())
    assert table["$vsa_logged"] == {"default": "1", "1": "0"}
    assert table["$vsa_counted"] == {"default": "$vsa_client", "1": ""}
    assert table["$vsa_counted_at_site"] == {"default": "$vsa_client$server_name", "1": ""}
    assert table["$vsa_counted_site"] == {"default": "$server_name", "1": ""}
    assert ("X-VSA-Marker", "") in [it.args for it in http().all("proxy_set_header")]


def test_a_visit_is_told_who_answered() -> None:
    table = dict(variables(http())["$vsa_answer"])
    assert table.pop("default") == "", "nobody else gets the header"
    patterns = {re.compile(pattern.removeprefix("~").replace(r"\z", r"\Z")): said for pattern, said in table.items()}

    def answer(marker: str, header_time: str) -> str:
        return next((said for pattern, said in patterns.items() if pattern.search(f"{marker} {header_time}")), "")

    assert answer("1", "0.004") == "backend"
    assert answer("1", "-, 0.010") == "backend"
    assert answer("1", "0.010, -") == answer("1", "") == "proxy"
    assert answer("0", "0.004") == answer("0", "-") == ""


def test_a_client_is_an_ipv4_address_or_an_ipv6_network_of_64_bits() -> None:
    table = variables(http())["$vsa_client"]
    assert table.pop("default") == "$binary_remote_addr"
    assert set(table.values()) == {"$1"}
    patterns = [re.compile(pattern.removeprefix("~").encode()) for pattern in table]

    def client(address: str) -> bytes:
        packed = ipaddress.ip_address(address).packed
        found = (pattern.search(packed) for pattern in patterns)
        return next((it[1] for it in found if it), packed)

    for one, other, same in (
        ("203.0.113.7", "203.0.113.8", False),
        ("203.0.113.7", "::ffff:203.0.113.7", True),
        ("::ffff:203.0.113.7", "::ffff:203.0.113.8", False),
        ("2001:db8::1", "2001:db8:0:0:ffff::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("2001:db8:a:a0a::a", "2001:db8:a:a0a:a0a::", True),
        ("2001:db8:a:a0a::a", "2001:db8:a:a0b::a", False),
    ):
        assert (client(one) == client(other)) is same, (one, other)


def test_tls() -> None:
    block = http()
    assert block.value("ssl_protocols") == ("TLSv1.2", "TLSv1.3")
    ciphers = block.value("ssl_ciphers")[0].split(":")
    assert all(
        re.fullmatch(r"ECDHE-(ECDSA|RSA)-(AES(128|256)-GCM-SHA(256|384)|CHACHA20-POLY1305)", it) for it in ciphers
    )
    assert block.value("ssl_session_tickets") == ("off",)
    assert block.all("ssl_session_cache")
    assert block.all("ssl_certificate_cache")
    assert not [it for it in main().walk() if it.name.startswith("ssl_stapling")], "the service is gone"


def test_the_directories_of_certificates_are_variables() -> None:
    made = variables(http())
    assert made["$vsa_letsencrypt"] == {"default": "/etc/letsencrypt/live"}
    assert made["$vsa_selfsigned"] == {"default": "/etc/nginx/selfsigned"}


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Host", "$host"),
        ("X-Real-IP", "$remote_addr"),
        ("X-Forwarded-For", "$remote_addr"),
        ("X-Forwarded-Host", "$host"),
        ("X-Forwarded-Port", "$server_port"),
        ("X-Forwarded-Proto", "$scheme"),
        ("X-Request-ID", "$request_id"),
        ("Forwarded", ""),
        ("X-Forwarded-Scheme", "$scheme"),
        ("X-Forwarded-Ssl", "$https"),
        *((header, "") for header in DROPPED_HEADERS),
        ("HTTP2-Settings", ""),
        ("Upgrade", "$vsa_upgrade"),
        ("Connection", "$vsa_connection"),
    ],
)
def test_issue_14_item_6_what_backends_are_told(header: str, value: str) -> None:
    # What a client forwards is replaced, never appended to: $proxy_add_x_forwarded_for would pass its lies on.
    assert http().one("proxy_set_header", header).args == (header, value)


def test_websockets_are_upgraded_and_other_connections_are_kept() -> None:
    block = http()
    assert block.value("proxy_http_version") == ("1.1",)
    made = variables(block)
    assert made["$vsa_upgrade"] == {"default": "", "~*^websocket\\z": "websocket"}
    assert made["$vsa_connection"] == {"default": "", "websocket": "upgrade"}


def test_no_map_takes_a_final_newline_for_the_end() -> None:
    """$ matches before it, and %0a in a path is decoded to one."""
    text = make_renderer().main(any_http3=False, any_auth=True)
    text += make_renderer().site(make_site(maintenance=True, auth=["/admin/", "/api"], routes=ROUTES))
    patterns = re.findall(r'(?m)"(~[^"]*)"', text)
    assert len(patterns) > 10
    assert not [pattern for pattern in patterns if re.search(r"[$](?:\)|\||\Z)", pattern)]


@pytest.mark.parametrize(
    ("status", "logged"), [("000", "0"), ("009", "9"), ("200", "200"), ("0404", "404"), ("-", "0"), ("200\n", "0")]
)
def test_issue_14_item_4_a_status_in_the_log_is_a_json_number(status: str, logged: str) -> None:
    table = variables(http())["$vsa_status"]
    ((pattern, group),) = ((name, value) for name, value in table.items() if name != "default")
    found = pcre(pattern.removeprefix("~")).search(status)
    assert (found[int(group[1:])] if found else table["default"]) == logged


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("text/event-stream", "1"),
        ("TEXT/Event-Stream", "1"),
        ("application/json, text/event-stream", "1"),  # MCP clients
        ("text/html;q=0.9,text/event-stream;q=0.8,*/*;q=0.1", "1"),
        ("text/event-stream; charset=utf-8; q=0.5", "1"),
        ("text/event-stream ;q=0.001", "1"),
        ("text/event-stream;q=1.000", "1"),
        # The client says that it takes anything but a stream.
        ("text/event-stream;q=0, text/html", "0"),
        ("text/html, text/event-stream; Q=0.000", "0"),
        ("text/event-stream;q=0;level=1", "0"),
        # Other types with a like name.
        ("application/x-text/event-stream-log", "0"),
        ("text/event-streams", "0"),
        ("x-text/event-stream", "0"),
        ("", "0"),
        ("*/*", "0"),
        ("text/*", "0"),
    ],
)
def test_issue_14_item_7_who_wants_a_stream(accept: str, wanted: str) -> None:
    table = dict(variables(http())["$vsa_wants_stream"])
    default = table.pop("default")
    ((pattern, value),) = table.items()
    assert pattern.startswith("~*")
    found = pcre(pattern.removeprefix("~*"), flags=re.IGNORECASE).search(accept)
    assert (value if found else default) == wanted


def test_issue_14_item_4_a_client_invents_no_label() -> None:
    table = variables(http())["$vsa_method"]
    assert table == {
        "default": "other",
        **{name: name for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")},
    }


@pytest.mark.parametrize(
    ("variable", "absent", "value"),
    [
        # Over plain HTTP it means nothing (RFC 6797, section 7.2): the map is asked for $https and the header.
        ("$vsa_hsts", "on", "max-age=31536000"),
        ("$vsa_nosniff", "", "nosniff"),
        ("$vsa_frame", "", "SAMEORIGIN"),
        ("$vsa_referrer", "", "strict-origin-when-cross-origin"),
    ],
)
def test_a_backends_own_header_is_not_doubled(variable: str, absent: str, value: str) -> None:
    made = variables(http())
    assert made[variable] == {absent: value, "default": ""}


def test_issue_14_item_4_a_line_of_the_log_is_json_whatever_the_client_sends() -> None:
    name, escape, *parts = http().one("log_format").args
    assert (name, escape) == ("vsa", "escape=json")
    numbers = {"$vsa_status", "$bytes", "$body_bytes_sent", "$request_time"}
    line = re.sub(r"\$[a-z0-9_]+", lambda it: "1" if it[0] in numbers else "text", "".join(parts))
    read = json.loads(line)
    assert {
        "time",
        "host",
        "client",
        "method",
        "method_label",
        "uri",
        "status",
        "bytes",
        "seconds",
        "upstream",
        "id",
    } <= set(read)
    assert http().value("access_log") == ("off",), "each site has its own"


def test_its_version_is_not_told() -> None:
    assert http().value("server_tokens") == ("off",)


def test_a_limit_is_said_with_its_own_status() -> None:
    assert http().value("limit_req_status") == ("429",)
