"""The values of the transaction."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Desired


@pytest.mark.parametrize(
    ("networks", "expected"),
    [
        ([], ("flowbiz_ext",)),
        (["flowbiz_ext"], ("flowbiz_ext",)),
        (["flowbiz_ext_b", "flowbiz_ext_a", "flowbiz_ext_b"], ("flowbiz_ext", "flowbiz_ext_a", "flowbiz_ext_b")),
    ],
)
def test_the_proxy_is_on_the_common_network_and_on_that_of_each_site(
    networks: list[str], expected: tuple[str, ...]
) -> None:
    sites = {f"site-{number}.example": {"network": name} for number, name in enumerate(networks)}
    assert Desired({}, sites, {}, (), ()).networks == expected
