"""The Protocols say exactly what the real NGINX and the real engine offer, and so do the fakes."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Engine
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.nginx import Nginx
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.protocols import ProxyEngine, ProxyNginx


def methods(protocol: type) -> list[str]:
    return [name for name, value in vars(protocol).items() if inspect.isfunction(value) and not name.startswith("_")]


def parameters(owner: type, name: str) -> dict[str, Any]:
    return dict(inspect.signature(getattr(owner, name)).parameters)


CASES = [
    pytest.param(protocol, real, name, id=f"{real.__name__}.{name}")
    for protocol, real in ((ProxyEngine, Engine), (ProxyNginx, Nginx))
    for name in methods(protocol)
]


@pytest.mark.parametrize(("protocol", "real", "name"), CASES)
def test_the_real_one_takes_what_the_protocol_says(protocol: type, real: type, name: str) -> None:
    wanted, offered = parameters(protocol, name), parameters(real, name)
    assert set(wanted) <= set(offered)
    for key, parameter in wanted.items():
        assert parameter.kind == offered[key].kind, key
    required = {key for key, parameter in offered.items() if parameter.default is parameter.empty}
    assert required <= set(wanted), "the protocol leaves out what the real one requires"
