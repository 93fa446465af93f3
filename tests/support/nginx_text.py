"""NGINX's text, parsed as NGINX parses it (by crossplane): blocks, directives, and the meaning of a site's file."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import crossplane

__all__ = ("Block", "Meaning", "meaning", "read_text", "read_tree")


@dataclass(frozen=True)
class Block:
    """A directive with its arguments and its block, if it has a block."""

    name: str
    args: tuple[str, ...]
    line: int
    children: tuple[Block, ...] = ()

    def all(self, name: str, *args: str) -> list[Block]:
        """Return the directives of this name directly inside whose arguments begin with ``args``."""
        return [child for child in self.children if child.name == name and child.args[: len(args)] == args]

    def one(self, name: str, *args: str) -> Block:
        """Return the only directive of a name directly inside."""
        found = self.all(name, *args)
        assert len(found) == 1, f"{len(found)} × {name} {' '.join(args)} in {self.name} {' '.join(self.args)}"
        return found[0]

    def value(self, name: str) -> tuple[str, ...]:
        """Return the arguments of the only directive of a name, or nothing if there is none."""
        return self.one(name).args if self.all(name) else ()

    def walk(self) -> Iterator[Block]:
        """Return this directive and everything below it."""
        yield self
        for child in self.children:
            yield from child.walk()


def _blocks(parsed: Sequence[dict[str, Any]], included: Sequence[dict[str, Any]]) -> tuple[Block, ...]:
    found: list[Block] = []
    for entry in parsed:
        if entry["directive"] == "include" and entry.get("includes"):
            for number in entry["includes"]:
                found += _blocks(included[number]["parsed"], included)
            continue
        children = _blocks(entry.get("block", ()), included)
        found.append(Block(entry["directive"], tuple(entry["args"]), entry["line"], children))
    return tuple(found)


def read_tree(path: Path, *, single: bool = False) -> Block:
    """Return a file and, unless ``single``, all included files; AssertionError if NGINX's grammar forbids it."""
    # A site's file is included inside http, so alone its context cannot be checked.
    payload = crossplane.parse(str(path), single=single, check_ctx=not single, check_args=not single)
    assert payload["status"] == "ok", payload["errors"]
    return Block("main", (), 0, _blocks(payload["config"][0]["parsed"], payload["config"]))


def read_text(text: str) -> Block:
    """Return one file's text."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".conf") as stream:
        stream.write(text)
        stream.flush()
        return read_tree(Path(stream.name), single=True)


# -- what a site's file means -----------------------------------------------------------------------------------------

_ACME = (("root", ("/var/www/acme",)), ("default_type", ("text/plain",)), ("try_files", ("$uri", "=404")))
# The site's own location for challenges has the proxy's page besides.
_ACME_AND_PAGE = (
    ("client_max_body_size", ("0",)),
    ("default_type", ("text/plain",)),
    ("root", ("$vsa_files",)),
    ("try_files", ("$vsa_file", "=404")),
)
_PAGES = {"/.well-known/vsa/maintenance": ("maintenance", "503")}
_ROUTE_DIRECTIVES = {
    "allow", "deny", "limit_req", "client_max_body_size", "proxy_buffering", "proxy_request_buffering",
    "proxy_read_timeout", "proxy_send_timeout", "proxy_pass", "set", "limit_conn", "proxy_ignore_headers",
    "recursive_error_pages", "if", "auth_request", "#",
}  # fmt: skip
_SERVER_DIRECTIVES = {
    "listen", "http2", "server_name", "ssl_certificate", "ssl_certificate_key", "access_log", "add_header",
    "set_real_ip_from", "real_ip_header", "real_ip_recursive", "location", "if", "error_page",
}  # fmt: skip


@dataclass(frozen=True)
class Meaning:
    """The complete meaning of a site's file.

    ``routes`` maps a path to NAME.NETWORK:PORT. ``redirected`` are the names that redirect to ``served``. ``served`` is
    the name of the site's own server block, if that is not the domain.
    """

    domain: str
    redirected: tuple[str, ...]
    routes: dict[str, str]
    certificate: str
    log: str
    served: str = ""
    stripped: frozenset[str] = frozenset()
    closed: bool = False


def _same(block: Block) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((child.name, child.args) for child in block.children)


def _refusal(block: Block, variable: str, status: str) -> None:
    """An ``if`` that does nothing but end the request."""
    assert block.args == (f"${variable}",)
    assert _same(block) == (("return", (status,)),)


def pcre(pattern: str, *, flags: int = 0) -> re.Pattern[str]:
    """Compile a regular expression of a map: what PCRE calls \\z is \\Z to Python."""
    return re.compile(pattern.replace("\\z", "\\Z"), flags)


def method_kept(block: Block, target: str) -> None:
    """Assert that a block redirects GET and HEAD with 301, and other methods with 308, which keeps the method."""
    assert [child.name for child in block.children] == ["if", "return"]
    assert block.one("if").args == ("$vsa_redirect", "=", "308")
    assert _same(block.one("if")) == (("return", ("308", target)),)
    assert block.value("return") == ("301", target)


def _redirects(server: Block, domain: str) -> None:
    """A server block that answers challenges, and redirects everything else to the domain."""
    locations = server.all("location")
    assert [it.args for it in locations] == [("^~", "/.well-known/acme-challenge/"), ("/",)]
    assert _same(locations[0]) == _ACME
    method_kept(locations[1], f"https://{domain}$request_uri")


def _twins(location: Block) -> tuple[str, ...]:
    """Return the variable that says which named location serves a request of a location, and the location's number."""
    [set_] = [args for args in _sets(location) if args[0] == "$vsa_twin"] or [("", "-")]
    return tuple(set_[1].split("-"))


def _sets(location: Block) -> list[tuple[str, ...]]:
    return [block.args for block in location.all("set")]


def meaning(text: str) -> Meaning:
    """Return the meaning of a site's file; AssertionError if the file has anything that no site's file may have."""
    tree = read_text(text)
    assert {block.name for block in tree.children} - {"#"} <= {"upstream", "server", "limit_req_zone", "map", "geo"}
    upstreams = {}
    for block in tree.all("upstream"):
        (name,) = block.args
        assert name not in upstreams
        assert [child.name for child in block.children] == ["zone", "server"]
        target, *options = block.one("server").args
        assert options[:2] == ["resolve", "max_fails=0"]
        assert options[2].startswith("max_conns=")
        assert len(options) == 3
        upstreams[name] = target
    assert {block.one("zone").args for block in tree.all("upstream")} <= {("vsa_upstreams",)}

    servers = tree.all("server")
    for server in servers:
        assert {child.name for child in server.children} <= _SERVER_DIRECTIVES
    own = servers[-1]
    (served,) = own.value("server_name")
    (_status, mark) = own.one("location", "=", "/.well-known/vsa/marker").value("return")
    domain = mark.removeprefix("$vsa_generation ").removesuffix("\\n")
    assert served in (domain, f"www.{domain}")
    for server in servers:
        ports = {("80",), ("[::]:80",), ("443", "ssl"), ("[::]:443", "ssl")}
        assert ports <= {it.args for it in server.all("listen")} <= ports | {("443", "quic"), ("[::]:443", "quic")}
    redirected: tuple[str, ...] = ()
    if len(servers) > 1:
        _redirects(servers[0], served)
        redirected = servers[0].value("server_name")
    assert len(servers) <= 2
    assert domain in (served, *redirected)
    for block, status in zip(own.all("if"), ("308", "301"), strict=False):
        assert block.args == ("$vsa_plain", "=", status)
        assert _same(block) == (("return", (status, f"https://{served}$request_uri")),)
    gates = {block.args[0]: block for block in own.all("if")[2:]}
    _refusal(gates.pop("$vsa_climbs"), "vsa_climbs", "400")
    shut = [name for name in gates if name.startswith("$vsa_shut_")]
    assert len(shut) == len(tree.all("geo"))
    for name in shut:
        _refusal(gates.pop(name), name[1:], "503")

    routes, stripped = {}, set()
    closed = bool(shut)
    for location in own.all("location"):
        if location.args == ("^~", "/.well-known/acme-challenge/"):
            assert _same(location) == _ACME_AND_PAGE
        elif location.args == ("=", "/.well-known/vsa/marker"):
            assert location.value("return") == ("200", f"$vsa_generation {domain}\\n")
            assert location.all("internal")
        elif location.args[1:] and location.args[1] in _PAGES:
            page, status = _PAGES[location.args[1]]
            assert _same(location) == (
                ("internal", ()),
                ("client_max_body_size", ("0",)),
                ("root", ("$vsa_pages",)),
                ("try_files", (f"/{page}.$vsa_page", f"={status}")),
            )
        elif location.all("proxy_pass"):
            (path,) = location.args
            assert {child.name for child in location.children} <= _ROUTE_DIRECTIVES
            if path.startswith("@vsa_"):
                # The same route for clients that want a stream, or for methods without a body.
                kind, number = path.removeprefix("@vsa_").split("-")
                twin = next(it for it in own.all("location") if _twins(it)[1:] == (number,) and kind in _twins(it)[0])
                assert twin.value("proxy_pass") == location.value("proxy_pass")
                assert twin.value("auth_request") == location.value("auth_request")
                assert [it.args for it in twin.all("allow")] == [it.args for it in location.all("allow")]
                if kind == "stream":
                    assert location.value("proxy_buffering") == ("off",)
                else:
                    assert location.value("client_max_body_size") == ("1m",)
                continue
            sets = [args for args in _sets(location) if args[0] != "$vsa_twin"]
            (passed,) = location.value("proxy_pass")
            name, dollar, rest = passed.removeprefix("http://").partition("$")
            if dollar:
                stripped.add(path)
                source, variable = tree.one("map", "$request_uri", f"${rest}").args
                assert (source, variable) == ("$request_uri", f"${rest}")
                misspelt = rest.replace("vsa_rest_", "vsa_misspelt_")
                _refusal(gates.pop(f"${misspelt}"), misspelt, "400")
                assert sets == [("$vsa_prefix", path.rstrip("/"))]
            else:
                assert not sets
            assert path not in routes
            routes[path] = upstreams[name]
        elif location.args[0] == "=":
            path = location.args[1]
            assert f"{path}/" in {it.args[0] for it in own.all("location") if it.all("proxy_pass")}
            method_kept(location, f"{path}/$is_args$args")
        else:
            assert location.args == ("/",)
            assert _same(location) == (("return", ("404",)),)
    assert not gates
    assert {it.args for it in own.all("location")} >= {
        ("^~", "/.well-known/acme-challenge/"),
        ("=", "/.well-known/vsa/marker"),
        ("/",),
    }
    certificates = set()
    for server in servers:
        chain, key = server.value("ssl_certificate"), server.value("ssl_certificate_key")
        if not chain:
            # The block uses the default server's TLS context, which finds the lineage by the block's name.
            assert server is own
            assert served == domain
            assert not key
            certificates.add(f"$vsa_letsencrypt/{served}")
            continue
        certificates.add(chain[0].removesuffix("/fullchain.pem"))
        assert key == (f"{chain[0].removesuffix('/fullchain.pem')}/privkey.pem",)
    (certificate,) = certificates
    logs = {server.value("access_log") for server in servers}
    assert len(logs) == 1
    return Meaning(
        domain,
        redirected,
        routes,
        certificate,
        logs.pop()[0],
        served if served != domain else "",
        frozenset(stripped),
        closed,
    )
