"""The form of every word, as tables: what is taken and what it becomes, what is refused."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core import forms
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.libraries import MissingLibraryError

LABEL63 = "a" * 63
DOMAIN230 = ".".join([LABEL63, LABEL63, LABEL63, "a" * 34, "com"])
NO_TEXT = [None, True, 3, 3.0, b"shop.example.com", ["shop.example.com"], {}, datetime.date(2026, 1, 1)]
FORMS = (
    "boolean ca certificate_name cidr container dns_plugin domain duration email password password_hash path port "
    "profile rate relative_path size stack_name switch tenant user variable whole_number www".split()
)


def taken(read: Callable[..., Any], value: object) -> Any:
    """Return what a form makes of a value, and see that it makes the same of its own result."""
    result = read(value)
    assert read(result) == result
    return result


def refused(read: Callable[..., Any], value: object, field: str = "field") -> RefusedError:
    """Return the refusal of a value: it names the field and the value, and says what was expected."""
    with pytest.raises(RefusedError) as caught:
        read(value, field=field)
    assert caught.value.field == field
    assert str(caught.value.value) == str(value)
    assert caught.value.expected
    return caught.value


def test_every_form_has_its_table() -> None:
    # What compares two sizes is no form.
    assert sorted(forms.__all__) == sorted([*FORMS, "is_larger"])
    assert all(f"test_{name}_is_taken" in globals() and f"test_{name}_is_refused" in globals() for name in FORMS)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("shop.example.com", "shop.example.com"),
        ("SHOP.Example.COM", "shop.example.com"),
        ("a.b", "a.b"),
        ("3com.example", "3com.example"),
        ("a--b.example", "a--b.example"),
        ("1.2.example", "1.2.example"),
        ("a.1b", "a.1b"),
        (f"{LABEL63}.com", f"{LABEL63}.com"),
        (DOMAIN230, DOMAIN230),
        ("münchen.de", "xn--mnchen-3ya.de"),
        ("MÜNCHEN.de", "xn--mnchen-3ya.de"),
        ("www.日本語.jp", "www.xn--wgv71a119e.jp"),
        ("उदाहरण.परीक्षा", "xn--p1b6ci4b4b3a.xn--11b5bs3a9aj6g"),
        ("مثال.example", "xn--mgbh0fb.example"),
        ("xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
        ("XN--MNCHEN-3YA.de", "xn--mnchen-3ya.de"),
        ("SHOP.example.test.", "shop.example.test"),  # finding 18: as dig prints it
        ("xn--strae-oqa.de", "xn--strae-oqa.de"),
        # IDNA 2008 keeps these letters, which IDNA 2003 replaced by others: the name would have been another one.
        ("faß.de", "xn--fa-hia.de"),
        ("STRAẞE.de", "xn--strae-oqa.de"),
        ("βόλος.com", "xn--nxasmm1c.com"),
        ("ΒΌΛΟΣ.com", "xn--nxasmq6b.com"),  # browsers take a capital sigma for the other small one
        ("نامه\u200cای.com", "xn--mgba3gch31f060k.com"),  # a joiner between letters that need one
        ("mu\u0308nchen.de", "xn--mnchen-3ya.de"),  # as a keyboard of macOS may send it
        ("xn--ls8h.la", "xn--ls8h.la"),
    ],
)
def test_domain_is_taken(value: str, expected: str) -> None:
    assert taken(forms.domain, value) == expected


@pytest.mark.parametrize(
    "value",
    [
        *NO_TEXT,
        "",
        ".",
        "localhost",
        "shop.example.com..",
        ".example.com",
        "shop..example.com",
        "*.example.com",
        "_",
        "_dmarc.example.com",
        "-shop.example.com",
        "shop-.example.com",
        "shop.example.com-",
        "shop example.com",
        " shop.example.com",
        "shop.example.com\n",
        "shop.example.com\0",
        "shop.example.com:443",
        "shop.example.com/",
        "https://shop.example.com",
        "a/../b.com",
        "shop.example.com;",
        "127.0.0.1",
        "shop.123",
        "[::1]",
        "::1",
        f"a{LABEL63}.com",
        f"a{DOMAIN230}",
        "ü" * 300 + ".de",
        "xn--a.com",  # Punycode of a control character
        "xn--0.com",
        "xn--99999999.com",
        "xn--shop-.com",
        "xn--mnchen-3ya-.de",
        "☃.net",  # no letter; whoever owns such a name types its A-label
        "a‿b.com",
        "a\u200db.com",
        "sho\u00adp.example.com",  # a soft hyphen, which normalisation drops
        "shop\ufe0f.example.com",
        "ｓhop.example.com",
        "shop。example。com",
        "shop．example．com",
        "\ud800.com",
        "shop.example.com\u2028",
        "{{ 7*7 }}.com",
        "$(id).com",
    ],
    ids=ascii,
)
def test_domain_is_refused(value: object) -> None:
    refused(forms.domain, value)


def test_issue_14_item_9_a_name_that_browsers_read_as_another_one_is_refused_with_that_one() -> None:
    with pytest.raises(RefusedError) as caught:
        forms.domain("ｓhop.example.com")
    assert caught.value.expected == "shop.example.com"
    with pytest.raises(RefusedError) as caught:
        forms.domain("ｍünchen.de")
    assert caught.value.expected == "münchen.de, which is xn--mnchen-3ya.de"


def test_a_host_without_the_library_for_names_is_told_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "idna", None)
    assert forms.domain("shop.example.com") == "shop.example.com"
    with pytest.raises(MissingLibraryError, match="idna is missing") as caught:
        forms.domain("faß.de")
    assert caught.value.hint == Hint("bootstrap")
    assert caught.value.value == "faß.de"


@pytest.mark.parametrize(
    ("read", "value", "rule"),
    [
        (forms.domain, f"{'a' * 64}.de", "at most 63 characters between dots"),
        (forms.domain, f"{'ü' * 58}.de", "at most 63 characters between dots as xn--…"),
        (forms.domain, f"{'a.' * 115}de", "at most 230 characters"),
        (forms.domain, "203.0.113.7", "a name such as shop.example.com, not an address"),
        (forms.domain, "[2001:db8::1]", "a name such as shop.example.com, not an address"),
        (forms.path, "/" + "a" * 200, "at most 200 characters"),
        (forms.cidr, "203.0.113.7/24", "203.0.113.0/24 for the network, or 203.0.113.7 for the one address"),
        (forms.cidr, "2001:db8::7/32", "2001:db8::/32 for the network, or 2001:db8::7 for the one address"),
    ],
)
def test_a_refusal_names_the_rule_that_was_broken(read: Callable[..., Any], value: str, rule: str) -> None:
    assert refused(read, value).expected == rule


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("a" * 71, "at most 63 characters between dots"),
        (".".join(["b" * 63, "c" * 63, "d"]), "at most 128 characters"),
        ("-web", "the first a letter or digit"),
        ("web 1", "letters, digits"),
    ],
)
def test_a_container_is_refused_with_the_rule_that_it_breaks(name: str, rule: str) -> None:
    with pytest.raises(RefusedError) as caught:
        forms.container(name)
    assert rule in str(caught.value.expected)


@pytest.mark.parametrize(
    "value",
    ["web-1", "WebApp", "w", "0", "shop_web_1", "n8n", "a.b.c", "127.0.0.1", "a" * 63, ".".join(["b" * 63, "c" * 63])],
)
def test_container_is_taken(value: str) -> None:
    assert taken(forms.container, value) == value


@pytest.mark.parametrize(
    "value",
    [
        *NO_TEXT,
        "",
        "-web",
        "_web",
        ".web",
        "web.",
        "a..b",
        "web 1",
        "web-1\n",
        "web/1",
        "web:3000",
        "web-1;",
        "wéb",
        "a" * 64,
        ".".join(["b" * 63, "c" * 63, "d"]),
        "flowbiz_ext",
        "Flowbiz_Ext",
        "web-1.flowbiz_ext",
        "web-1.flowbiz_ext_other",
        "${web}",
        "{{web}}",
    ],
    ids=ascii,
)
def test_container_is_refused(value: object) -> None:
    refused(forms.container, value)


@pytest.mark.parametrize(("value", "expected"), [(1, 1), (65535, 65535), ("1", 1), ("3000", 3000), ("65535", 65535)])
def test_port_is_taken(value: object, expected: int) -> None:
    assert taken(forms.port, value) == expected


@pytest.mark.parametrize(
    "value",
    [None, True, False, 0, -1, 65536, 3000.0, "", "0", "00080", "080", "65536", "100000", "+80", "-80", " 80", "80 ",
     "80\n", "8_0", "0x50", "1e3", "80.0", "80;", "٨٠", "８０", "²", b"80", [80], {}],
    ids=ascii,
)  # fmt: skip
def test_port_is_refused(value: object) -> None:
    refused(forms.port, value)


@pytest.mark.parametrize(
    "value",
    ["/", "/api", "/api/", "/a/b/c/", "/v1.0/~user/@x/a:b+c-d_e", "/.hidden", "/...", "/.well-known/", "/.well-known/x",
     "/@GENERATION@", "/" + "a" * 199],
)  # fmt: skip
def test_path_is_taken(value: str) -> None:
    assert taken(forms.path, value) == value


@pytest.mark.parametrize(
    "value",
    [
        *NO_TEXT,
        "",
        "api",
        "//",
        "/api//x",
        "/.",
        "/..",
        "/../etc",
        "/api/../admin",
        "/api/./x",
        "/api/..",
        "/%2e%2e/",
        "/a b",
        "/a\n",
        "/a\0",
        "/a;",
        "/a{",
        "/a}",
        "/a$uri",
        "/a#b",
        "/a?b=c",
        "/a=b",
        "/a\\b",
        "/'a'",
        '/"a"',
        "/é",
        "/a*",
        "= /a",
        "~ /a",
        "/.well-known/acme-challenge",
        "/.well-known/acme-challenge/",
        "/.well-known/acme-challenge/x",
        "/.well-known/vsa/marker",
        "/{{ x }}",
        "/" + "a" * 200,
    ],
    ids=ascii,
)
def test_path_is_refused(value: object) -> None:
    refused(forms.path, value)


@pytest.mark.parametrize("value", ["a", "acme", "acme-2", "0", "a--b", "a" * 32])
def test_tenant_is_taken(value: str) -> None:
    assert taken(forms.tenant, value) == value


@pytest.mark.parametrize(
    "value",
    [*NO_TEXT, "", "Acme", "-acme", "acme-", "ac me", "acme\n", "a.b", "a_b", "../x", "a" * 33, "äcme", "a;b", "{{a}}"],
    ids=ascii,
)
def test_tenant_is_refused(value: object) -> None:
    refused(forms.tenant, value)


@pytest.mark.parametrize("value", ["ops@example.com", "a.b+c%d_e-f@mail.example.co", "O@E.io", "1@2.xx"])
def test_email_is_taken(value: str) -> None:
    assert taken(forms.email, value) == value


@pytest.mark.parametrize(
    "value",
    [*NO_TEXT, "", "ops", "ops@", "@example.com", "ops@localhost", "ops@example.c", "ops@-a.com", "ops@a-.com",
     "ops@a..com", "o ps@example.com", "ops@example.com\n", "ops@example.com,x@y.zz", "a@b@c.de", "--x@a.com;id",
     "öps@example.com", "a" * 65 + "@example.com", "ops@" + ".".join(["a" * 63] * 4) + ".com"],
    ids=ascii,
)  # fmt: skip
def test_email_is_refused(value: object) -> None:
    refused(forms.email, value)


@pytest.mark.parametrize(
    "value",
    ["letsencrypt", "staging", "selfsigned", "https://acme.example.com/directory", "https://pebble:14000/dir",
     "https://ca.example", "https://ca.example/", "https://10.0.0.1:8443/acme/acme/directory"],
)  # fmt: skip
def test_ca_is_taken(value: str) -> None:
    assert taken(forms.ca, value) == value


@pytest.mark.parametrize(
    "value",
    [*NO_TEXT, "", "letsencrypt ", "LetsEncrypt", "http://acme.example.com/dir", "https://", "https:///dir",
     "https://user@host/dir", "https://a:0/dir", "https://a:65536/dir", "https://a/dir?x=1", "https://a/dir#x",
     "https://a//b", "https://a/b c", "https://a/b\n", "https://A.example/dir", "https://ä.example/dir",
     "https://-a/dir", "https://a" + "/b" * 130, "ftp://a/b", "zerossl"],
    ids=ascii,
)  # fmt: skip
def test_ca_is_refused(value: object) -> None:
    refused(forms.ca, value)


@pytest.mark.parametrize("value", ["web", "sse", "websocket", "upload", "llm"])
def test_profile_is_taken(value: str) -> None:
    assert taken(forms.profile, value) == value


@pytest.mark.parametrize("value", [*NO_TEXT, "", "Web", "web\n", "default"], ids=ascii)
def test_profile_is_refused(value: object) -> None:
    refused(forms.profile, value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7/32", "203.0.113.7"),
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("2001:0db8:0::1/128", "2001:db8::1"),
        ("::/0", "::/0"),
    ],
)
def test_cidr_is_taken(value: str, expected: str) -> None:
    result = forms.cidr(value, field="allow")
    assert result == expected
    assert forms.cidr(result, field="allow") == expected


@pytest.mark.parametrize(
    "value",
    [None, True, 1, 3232235777, b"\x7f\0\0\1", ["10.0.0.1"], "", "10.0.0.1/24", "10.0.0.0/33", "256.0.0.1", "10.0.0",
     "010.0.0.1", " 10.0.0.1", "10.0.0.1\n", "10.0.0.1;", "all", "unix:", "fe80::1%eth0", "2001:db8::1/32", "::/129",
     "example.com", "１０.0.0.1"],
    ids=ascii,
)  # fmt: skip
def test_cidr_is_refused(value: object) -> None:
    refused(forms.cidr, value)


@pytest.mark.parametrize("value", [True, False])
def test_boolean_is_taken(value: bool) -> None:
    assert forms.boolean(value, field="http3") is value


@pytest.mark.parametrize("value", [None, 0, 1, "true", "yes", "", [], {}], ids=repr)
def test_boolean_is_refused(value: object) -> None:
    refused(forms.boolean, value)


@pytest.mark.parametrize(
    ("value", "read"),
    [("on", True), ("true", True), ("yes", True), ("YES", True), ("off", False), ("false", False), ("no", False)],
)
def test_switch_is_taken(value: str, read: bool) -> None:
    assert forms.switch(value, field="set hsts") is read


@pytest.mark.parametrize("value", [None, True, 1, "", "1", "0", "y", "on ", "on\n", "ön", [], {}], ids=repr)
def test_switch_is_refused(value: object) -> None:
    refused(forms.switch, value)


@pytest.mark.parametrize("value", ["add", "remove"])
def test_www_is_taken(value: str) -> None:
    assert taken(forms.www, value) == value


@pytest.mark.parametrize("value", [None, True, "", "Add", "add ", "on", ["add"]], ids=repr)
def test_www_is_refused(value: object) -> None:
    refused(forms.www, value)


@pytest.mark.parametrize("value", ["1r/s", "10r/s", "30r/m", "999999r/s"])
def test_rate_is_taken(value: str) -> None:
    assert taken(forms.rate, value) == value


@pytest.mark.parametrize(
    "value",
    [*NO_TEXT, "", "0r/s", "010r/s", "10", "10r/h", "10r/S", "1.5r/s", "10r/s\n", "10r/s burst=5", "1000000r/s"],
    ids=ascii,
)
def test_rate_is_refused(value: object) -> None:
    refused(forms.rate, value)


@pytest.mark.parametrize(
    ("value", "expected"), [("0", "0"), (0, "0"), (1024, "1024"), ("1k", "1k"), ("64m", "64m"), ("10g", "10g")]
)
def test_size_is_taken(value: object, expected: str) -> None:
    result = forms.size(value, field="body_size")
    assert result == expected
    assert forms.size(result, field="body_size") == expected


@pytest.mark.parametrize(
    "value",
    [None, True, -1, 1.5, b"1m", [], "", "-1", "0m", "01m", "1.5m", "64M", "64mb", "64 m", "64m\n", "64m;", "1t", "0k",
     "0g", 1000000, "1000000"],
    ids=ascii,
)  # fmt: skip
def test_size_is_refused(value: object) -> None:
    refused(forms.size, value)


@pytest.mark.parametrize(
    ("text", "larger"),
    [("0", True), ("1", False), ("1m", False), ("1024k", False), ("1025k", True), ("2m", True), ("1g", True)],
)
def test_a_size_is_larger_than_a_megabyte(text: str, larger: bool) -> None:
    assert forms.is_larger(text, 1 << 20) == larger


@pytest.mark.parametrize("value", ["1ms", "30s", "10m", "1h", "7d"])
def test_duration_is_taken(value: str) -> None:
    assert forms.duration(value, field="timeout") == value


@pytest.mark.parametrize(
    "value", [*NO_TEXT, "", "0s", "010s", "10", "10 s", "1h30m", "1w", "1y", "10S", "10s\n", "10s;"], ids=ascii
)
def test_duration_is_refused(value: object) -> None:
    refused(forms.duration, value)


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (10, 10), ("0", 0), ("7", 7), ("007", 7)])
def test_whole_number_is_taken(value: object, expected: int) -> None:
    assert forms.whole_number(value, field="rate_burst", least=0, most=10) == expected


@pytest.mark.parametrize(
    "value", [None, True, -1, 11, 1.0, "", "11", "-1", "+1", "1.0", "1\n", "²", "٣", "1" * 10, b"1", [1]], ids=ascii
)
def test_whole_number_is_refused(value: object) -> None:
    refused(lambda it, field: forms.whole_number(it, field=field, least=0, most=10), value)


HASH = "$2y$10$" + "a" * 53
OTHER = "$2b$12$" + "b" * 53


@pytest.mark.parametrize("name", ["alice", "a", "_x", "ops@example.com", "a.b-c+d", "A" * 64, "0"])
def test_user_is_taken(name: str) -> None:
    assert forms.user(name) == name


@pytest.mark.parametrize(
    "name", ["", "a:b", "#a", "-a", ".a", "a b", "a\n", "a\0", "\x7f", "é", "A" * 65, "a/b", "a;b", None, 7, ["a"]]
)
def test_user_is_refused(name: object) -> None:
    with pytest.raises(RefusedError) as caught:
        forms.user(name)
    assert caught.value.field == "user"


@pytest.mark.parametrize("text", ["x", " ", "a:b", "x" * 72, "é" * 36, "{{ 7 * 7 }}", "#", "pässwörd 5"])
def test_password_is_taken(text: str) -> None:
    assert forms.password(text) == text


@pytest.mark.parametrize(
    "text", ["", "x" * 73, "é" * 37, "a\0b", "a\nb", "a\r", "a\tb", "\x7f", "\x85", "\x9f", "\ud800"]
)
def test_password_is_refused(text: str) -> None:
    with pytest.raises(RefusedError) as caught:
        forms.password(text)
    assert caught.value.value is None
    assert len(text) < 2 or text not in str(caught.value.as_result())


@pytest.mark.parametrize("text", [HASH, OTHER, "$2a$15$" + "./AZ9" * 10 + "abc"])
def test_password_hash_is_taken(text: str) -> None:
    assert forms.password_hash(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "x", "$apr1$ab$cd", "$2y$09$" + "a" * 53, "$2y$16$" + "a" * 53, HASH + "a", HASH[:-1], f"{HASH}\n", None],
)
def test_password_hash_is_refused(text: object) -> None:
    with pytest.raises(RefusedError):
        forms.password_hash(text)


@pytest.mark.parametrize("name", ["a", "0", "a-b", "reverse-proxy", "a" * 63])
def test_stack_name_is_taken(name: str) -> None:
    assert taken(forms.stack_name, name) == name


@pytest.mark.parametrize("path", ["a", "data/uploads", ".env.example", "a/" * 9 + "a", "..."])
def test_relative_path_is_taken(path: str) -> None:
    assert forms.relative_path(path, field="files") == path


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a/b", "..", "a" * 64, "a\n", None, 1])
def test_stack_name_is_refused(name: object) -> None:
    with pytest.raises(RefusedError):
        forms.stack_name(name)


@pytest.mark.parametrize("path", ["", "/", "a//b", "../a", "a/..", ".", "a b", "a\n", "a/" * 11 + "a", None])
def test_relative_path_is_refused(path: object) -> None:
    with pytest.raises(RefusedError):
        forms.relative_path(path, field="files")


@pytest.mark.parametrize("name", ["A", "_", "a_1", "DB_PASSWORD"])
def test_variable_is_taken(name: str) -> None:
    assert forms.variable(name, field="name") == name


@pytest.mark.parametrize("name", [*NO_TEXT, "", "1A", "A-B", "A B", "A\n", "É", "A=1", "A" * 101], ids=ascii)
def test_variable_is_refused(name: object) -> None:
    refused(forms.variable, name)


@pytest.mark.parametrize(
    ("value", "expected"), [("Shop.test", "shop.test"), ("*.Shop.test", "*.shop.test"), (" *.a.test ", "*.a.test")]
)
def test_certificate_name_is_taken(value: str, expected: str) -> None:
    assert taken(lambda name: forms.certificate_name(name, field="san/0"), value) == expected


@pytest.mark.parametrize(
    "value", [*NO_TEXT, "", "*", "*.", "*.test", "*.*.shop.test", "www.*.test", "a.test;"], ids=str
)
def test_certificate_name_is_refused(value: object) -> None:
    with pytest.raises(RefusedError) as caught:
        forms.certificate_name(value, field="san/0")
    assert caught.value.field == "san/0"


@pytest.mark.parametrize(
    ("value", "expected"), [("cloudflare", "cloudflare"), ("dns-cloudflare", "cloudflare"), ("rfc2136", "rfc2136")]
)
def test_dns_plugin_is_taken(value: str, expected: str) -> None:
    assert taken(lambda name: forms.dns_plugin(name, field="dns"), value) == expected


@pytest.mark.parametrize("value", [*NO_TEXT, "", "a b", "--x", "Cloudflare", "x" * 33, "dns-"], ids=str)
def test_dns_plugin_is_refused(value: object) -> None:
    refused(forms.dns_plugin, value)
