"""The strict settings of the proxy's namespace, and what differs from them."""

from __future__ import annotations

import yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.namespace import (
    INTERFACE_SETTINGS,
    strict_script,
    wrong_settings,
)

import vsa_tree


def test_the_compose_file_sets_the_same_for_all_and_for_later_interfaces() -> None:
    compose = yaml.safe_load(vsa_tree.text("stacks/reverse-proxy/compose.yml"))
    sysctls = dict(compose["services"]["nginx"]["sysctls"])
    # The old name of the switch sets every interface, the later ones too.
    assert sysctls.pop("net.ipv4.ip_forward") == "0"
    wanted = {
        path.format(place).replace("/", "."): value
        for path, value in INTERFACE_SETTINGS.items()
        for place in ("all", "default")
        if path != "net/ipv4/conf/{}/forwarding"
    }
    assert sysctls == wanted


def test_the_script_sets_every_setting() -> None:
    script = strict_script()
    for path, value in INTERFACE_SETTINGS.items():
        family = path.split("/")[1]
        part = script.split(f"/proc/sys/net/{family}/")[1].split("done")[0]
        assert f'echo {value} >"$conf/{path.rpartition("/")[2]}"' in part


def test_what_differs_is_named() -> None:
    strict = {path.format("eth0"): value for path, value in INTERFACE_SETTINGS.items()}
    assert wrong_settings({**strict, "net/ipv4/conf/eth0/tag": "7", "net/ipv6/conf/lo/accept_ra": "1"}) == []
    found = {**strict, "net/ipv6/conf/eth9/accept_ra": "1", "net/ipv4/conf/all/rp_filter": "0"}
    assert wrong_settings(found) == ["net/ipv4/conf/all/rp_filter is 0", "net/ipv6/conf/eth9/accept_ra is 1"]
