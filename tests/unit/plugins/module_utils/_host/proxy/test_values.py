"""The values of the transaction."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Answer, Desired


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


@pytest.mark.parametrize(
    ("status", "silent"),
    [(None, True), (502, True), (504, True), (200, False), (404, False), (500, False), (503, False)],
)
def test_a_site_is_silent_if_nobody_but_the_proxy_answers(status: int | None, silent: bool) -> None:
    assert Answer(status, 1, None).silent is silent
