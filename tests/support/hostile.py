"""Hostile values for every text that reaches NGINX, and a second, independent check of the form of each text.

The check does not use the collection's own patterns: it goes character by character, with the sets in the documents of
the format. ``allowed`` returns the outcomes that a door may have for a value: the normal form if the door must accept
the value, ``None`` if the door must refuse it, and both if only the result of acceptance is certain.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core import forms
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site import manifest as site
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site import requested
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vsa.core import checked

__all__ = ("KINDS", "LETTERS", "PAYLOADS", "Kind", "Verdicts", "judge")

_NGINX = r"""; { } " ' \ $ # a;b {} "" '' \; $host ${host} $request_uri ~ ~* ^~ = ~^(.*)$ *.example.com .example.com _
default_server unix:/run/x.sock http://evil.test/ 127.0.0.1 [::1] resolve backup weight=2 @named =/ #comment""".split()
_NGINX += [
    "; return 200 pwned;",
    "} server { listen 81; }",
    "x; include /etc/passwd;",
    " resolve; server 10.0.0.1",
    " ",
]
_YAML = [
    ": ", "a: b", "- x", "&a", "*a", "!!python/object/apply:os.system [id]", "|\n x", "# c", "? x", "[a]", "{a: b}",
    "---", "...", "null", "yes", "0x1f", "1e3", "0o17", "1_000", "1:30", "%YAML 1.2", "!vault", "!unsafe",
]  # fmt: skip
_SHELL = [
    "$(id)", "`id`", "; id", "| id", "&& id", "> /tmp/x", "-rf", "--help", "*", "?", "~root", "$IFS", "'", "!!", "\\\n",
]  # fmt: skip
_TRAVERSAL = [
    "..", "../", "/..", "/../", "./", "//", "../../etc/passwd", "/etc/passwd", "%2e%2e%2f", "..%2f", "\\..\\", "%00",
    "file:///", "/.well-known/acme-challenge/", "/.well-known/vsa/marker", ".conf", ".yml", ".",
]  # fmt: skip
_JINJA = [
    "{{ 7*7 }}", "{{7*7}}", "{% raw %}", "{# #}", "{{ lookup('pipe', 'id') }}", "${{x}}", "#{x}", "<%= x %>",
    "{{ self.__init__.__globals__ }}", "@GENERATION@", "__ansible_unsafe",
]  # fmt: skip
# Look-alikes, letters that normalisation turns into ASCII, digits of other scripts, invisible characters.
_UNICODE = list(
    "\u0430\u03bf\u212a\u017f\u0131\u0130\uff0e\u3002\uff61\u2024\u2215\uff0f\u00ad\u200b\u200c\u200d\u2060\u202e\ufeff"
    "\u2028\u2029\u0085\u00a0\u3000\u0660\u06f1\uff11\u00b2\u2460\u0301\u0308\ufe0f\U0001f4a9\U000e0061\uff41\u00df\u03c2"
    "\u1e9e\ud800\uffff\U0010ffff\u00fc\u65e5\u2010\u2011\uff0d\u2044\ufe13\uff1a\uff1d"
)
_CONTROL = ["\0", "\n", "\r", "\r\n", "\t", "\x1b[31m", "\x7f", "\x0b", "\x0c", "\x1c", "\x08", "\n; x"]
_EDGE = [
    "flowbiz_ext",
    ".flowbiz_ext",
    "flowbiz_ext_other",
    "xn--",
    "xn--a",
    "xn--mnchen-3ya",
    "-",
    "_",
    "+",
    "00",
    "1",
]

PAYLOADS = [*_NGINX, *_YAML, *_SHELL, *_TRAVERSAL, *_JINJA, *_UNICODE, *_CONTROL, *_EDGE]
LETTERS = [chr(number) for number in range(128)] + _UNICODE

_LOWER, _DIGITS = set(string.ascii_lowercase), set(string.digits)
_ALNUM = _LOWER | _DIGITS

Allowed = set[Any]


# -- the forms, said a second time ----------------------------------------------------------------------------------


def _is_label(label: str) -> bool:
    """RFC 1035, section 2.3.1 with RFC 1123's digits: letters, digits, inner hyphens, 1 to 63."""
    return 1 <= len(label) <= 63 and set(label) <= _ALNUM | {"-"} and label[0] != "-" and label[-1] != "-"


def _unreadable(label: str) -> bool:
    """RFC 5891, section 5.4: after xn-- follows the Punycode of characters beyond ASCII, no controls or spaces."""
    try:
        read = label.removeprefix("xn--").encode().decode("punycode")
        again = "xn--" + read.encode("punycode").decode()
    except UnicodeError:
        return True
    bad = any(unicodedata.category(letter) in {"Cc", "Cs", "Co", "Zs", "Zl", "Zp"} for letter in read)
    return again != label or bad or read.isascii() or not unicodedata.is_normalized("NFC", read) or read != read.lower()


def _domain(value: object) -> Allowed:
    if not isinstance(value, str):
        return {None}
    # The dot of the root is left out.
    value = value.removesuffix(".")
    composed = unicodedata.normalize("NFC", value)
    labels = "".join(letter.lower() for letter in composed).split(".")
    if not value.isascii():
        # The form may refuse this (Unicode forbids more than we list). If it accepts, this is the only right result.
        try:
            labels = [label if label.isascii() else "xn--" + label.encode("punycode").decode() for label in labels]
        except UnicodeError:
            return {None}
        if not unicodedata.is_normalized("NFKC", composed) or not all(map(_is_label, labels)) or len(labels) < 2:
            return {None}
        return {None, ".".join(labels)}
    good = len(labels) > 1 and all(map(_is_label, labels)) and not set(labels[-1]) <= _DIGITS and len(value) <= 230
    if not good or any(label.startswith("xn--") and _unreadable(label) for label in labels):
        return {None}
    return {value.lower()}


def _container(value: object) -> Allowed:
    if not isinstance(value, str) or not 1 <= len(value) <= 128 or "flowbiz_ext" in value.lower():
        return {None}
    parts = value.split(".")
    letters = _ALNUM | set(string.ascii_uppercase)
    good = all(1 <= len(part) <= 63 and set(part) <= letters | {"-", "_"} for part in parts)
    return {value} if good and value[0] in letters else {None}


def _port(value: object) -> Allowed:
    if isinstance(value, str):
        if not value or not set(value) <= _DIGITS or len(value) > 5 or value[0] == "0":
            return {None}
        value = int(value)
    if type(value) is not int or not 0 < value < 65536:
        return {None}
    return {value}


def _tenant(value: object) -> Allowed:
    good = isinstance(value, str) and _is_label(value) and len(value) <= 32
    return {value} if good else {None}


def _path(value: str) -> Allowed:
    if (
        not value.startswith("/")
        or len(value) > 200
        or not set(value) <= _ALNUM | set(string.ascii_uppercase + "/._~@:+-")
    ):
        return {None}
    parts = value[1:].split("/")
    if "" in parts[:-1] or "." in parts or ".." in parts:
        return {None}
    taken = ("/.well-known/acme-challenge", "/.well-known/vsa")
    return {None} if value.startswith(taken) else {value}


def _route(value: object) -> Allowed:
    if not isinstance(value, str) or "=" not in value or ":" not in value.split("=", 1)[1]:
        return {None}
    path, target = value.split("=", 1)
    container, port = target.rsplit(":", 1)
    parts = [_path(path), _container(container), _port(port)]
    return {None} if {None} in parts else {tuple(part.pop() for part in parts)}


# -- values ---------------------------------------------------------------------------------------------------------

_NO_TEXT: st.SearchStrategy[object] = st.one_of(
    st.booleans(),
    st.integers(-10, 70000),
    st.floats(),
    st.binary(max_size=8),
    st.lists(st.sampled_from(PAYLOADS), max_size=2),
    st.dictionaries(st.sampled_from(PAYLOADS), st.sampled_from(PAYLOADS), max_size=2),
    st.sampled_from([1 << 16, 1 << 64, -1, 0, 3000.0, float("nan"), b"3000", ("a",)]),
)


def _insert(text: str, bad: str, place: int) -> str:
    place %= len(text) + 1
    return text[:place] + bad + text[place:]


def _replace(text: str, letter: str, place: int) -> str:
    place %= max(1, len(text))
    return text[:place] + letter + text[place + 1 :]


def _overlong(text: str, length: int) -> str:
    return (text * (length // max(1, len(text)) + 1))[:length]


def _hostile(valid: st.SearchStrategy[str], *, most: int) -> st.SearchStrategy[object]:
    """Return values of a form, values that are nearly of the form, attacks, and values that are no text."""
    place = st.integers(0, 250)
    inserted = st.builds(_insert, valid, st.sampled_from(PAYLOADS), place)
    lengths = st.sampled_from([most - 1, most, most + 1, 64, 253, 256, 5000])
    return st.one_of(
        valid,
        inserted,
        st.builds(_insert, inserted, st.sampled_from(PAYLOADS), place),
        st.builds(_replace, valid, st.sampled_from(LETTERS), place),
        st.builds(_overlong, valid, lengths),
        st.sampled_from(PAYLOADS),
        st.text(max_size=30),
        _NO_TEXT,
    )


def _text(letters: str, least: int, most: int) -> st.SearchStrategy[str]:
    return st.text(alphabet=letters, min_size=least, max_size=most)


_WORDS = string.ascii_lowercase + string.digits
_LABELS = st.one_of(
    st.sampled_from(
        ["shop", "example", "com", "a", "xn--mnchen-3ya", "xn--wgv71a119e", "3com", "m\u00fcnchen", "a--b"]
    ),
    _text(_WORDS, 1, 8),
    _text(_WORDS + "-", 1, 64),
    _text(_WORDS + string.ascii_uppercase, 1, 12),
)
_DOMAINS = st.builds(".".join, st.lists(_LABELS, min_size=1, max_size=5))
_CONTAINERS = st.one_of(
    st.sampled_from(["web-1", "shop_web_1", "n8n", "a.b", "127.0.0.1", "unix", "resolve", "down"]),
    _text(_WORDS + "-_", 1, 64),
    st.builds(".".join, st.lists(_text(_WORDS + "-_", 1, 12), min_size=1, max_size=5)),
)
_PORTS = st.one_of(st.integers(0, 70000).map(str), _text(string.digits, 1, 6))
_PATHS = st.one_of(
    st.sampled_from(["/", "/api/", "/.well-known/", "/@GENERATION@", "/~", "/-", "/@x"]),
    st.builds(
        lambda parts, end: "/" + "/".join(parts) + end,
        st.lists(_text(string.ascii_letters + string.digits + "._~@:+-", 1, 12), max_size=4),
        st.sampled_from(["", "/"]),
    ),
)
_ROUTES = st.builds(lambda path, name, port: f"{path}={name}:{port}", _PATHS, _CONTAINERS, _PORTS)


@dataclass(frozen=True)
class Kind:
    """A kind of text: its hostile values, the outcomes that its form allows, and the doors that accept the text."""

    name: str
    values: st.SearchStrategy[object]
    allowed: Callable[[object], Allowed]
    core: Callable[[object], Any]
    ansible: Callable[[object], Any]


def _by_ansible(read: Callable[[site.Site], Any], **said: Callable[[object], object]) -> Callable[[object], Any]:
    """Return Ansible's door: a task's options, merged into a new manifest, parsed."""

    def door(value: object) -> Any:
        options = {name: make(value) for name, make in said.items()}
        domain = options.pop("domain", "door.test")
        return read(site.parse({**requested.merge(None, requested.requested_fields(options)), "domain": domain}))

    return door


def _parts(route: site.Route | dict[str, Any]) -> tuple[Any, ...]:
    read = route if isinstance(route, dict) else vars(route)
    return read["path"], read["container"], read["port"]


def _core_route(value: object) -> tuple[Any, ...]:
    if not isinstance(value, str):  # a route is text at the wrapper's door; a mapping is read field by field
        raise VsaError("no text")
    return _parts(requested.parse_route(value))


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "domain",
            _hostile(_DOMAINS, most=230),
            _domain,
            forms.domain,
            _by_ansible(lambda it: it.domain, domain=lambda value: value, upstream=lambda _: "web-1:3000"),
        ),
        Kind(
            "route",
            _hostile(_ROUTES, most=200),
            _route,
            _core_route,
            _by_ansible(lambda it: _parts(it.routes[0]), routes=lambda value: [value]),
        ),
        Kind(
            "container",
            _hostile(_CONTAINERS, most=128),
            _container,
            forms.container,
            _by_ansible(lambda it: it.routes[0].container, container=lambda value: value, port=lambda _: 3000),
        ),
        Kind(
            "port",
            _hostile(_PORTS, most=5),
            _port,
            forms.port,
            _by_ansible(lambda it: it.routes[0].port, container=lambda _: "web-1", port=lambda value: value),
        ),
        Kind(
            "tenant",
            _hostile(_text(_WORDS + "-", 1, 33), most=32),
            _tenant,
            forms.tenant,
            _by_ansible(lambda it: it.tenant, tenant=lambda value: value, upstream=lambda _: "web-1:3000"),
        ),
    )
}


# -- judging --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdicts:
    """The result for a kind of text: the number of values (each once), and the accepted normal forms."""

    judged: int
    refused: int
    accepted: tuple[Any, ...]


def _outcome(door: Callable[[object], Any], value: object) -> Any:
    try:
        return door(value)
    except VsaError as error:
        error.as_result()  # every refusal can be rendered
        return None


def judge(kind: Kind, *, examples: int = 2300) -> Verdicts:
    """Send values through the core and both doors; AssertionError if a value is accepted that is not of its form.

    The values are the same in every run: what a unit test judges is what an integration test gives to NGINX.
    """
    seen: dict[str, object] = {}
    accepted: dict[Any, None] = {}

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(kind.values)
    def one(value: object) -> None:
        allowed = kind.allowed(value)
        outcome = _outcome(kind.core, value)
        assert outcome in allowed, (value, outcome, allowed)
        assert type(outcome) in {type(entry) for entry in allowed}
        assert _outcome(kind.ansible, value) == outcome, "Ansible's door differs"
        if isinstance(value, str):
            typed = _outcome(lambda text: checked(kind.name, text, field=f"--{kind.name}"), value)
            assert (_parts(typed) if isinstance(typed, dict) else typed) == outcome, "the wrapper's door differs"
        seen[repr(value)] = outcome
        if outcome is not None:
            accepted[outcome] = None

    one()
    return Verdicts(len(seen), sum(outcome is None for outcome in seen.values()), tuple(accepted))
