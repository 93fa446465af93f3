"""The manifests of a host as a variable."""

from __future__ import annotations

import yaml

from vsa.ansible.report import HostResult
from vsa.views.declaration import declaration


def test_an_export_is_yaml_of_the_variable() -> None:
    fields = {"routes": [{"path": "/", "container": "web-1", "port": 3000}], "aliases": ["www.shop.example.com"]}
    payload = {
        "vsa_sites": {"shop.example.com": fields},
        "unreadable": [{"domain": "bad.example.com", "problem": "x\ny: 1"}],
    }
    text = declaration({"vps-01": HostResult(payload=payload)})
    assert yaml.safe_load(text) == {"vsa_sites": {"shop.example.com": fields}}
    assert "# Not exported: bad.example.com: x" in text
    assert yaml.safe_load(declaration({"vps-01": HostResult(payload={"vsa_sites": {}})})) == {"vsa_sites": {}}
