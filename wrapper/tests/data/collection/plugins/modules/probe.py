#!/usr/bin/python
"""A module for the wrapper's tests: it behaves as the first label of a domain says, and returns as ours do."""

from __future__ import annotations

import json
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule


def _step(name: str, state: str, text: str, *notes: str) -> dict:
    return {"name": name, "state": state, "text": text, "notes": list(notes)}


def _sites(count: int) -> list[dict]:
    return [
        {
            "domain": f"site-{number:04}.example.com",
            "state": "ok",
            "problems": [],
            "live": True,
            "routes": [{"path": "/", "container": f"web-{number}", "port": 3000, "state": "running"}],
            "certificate": {"state": "ok", "problem": None, "not_after": "2027-01-24T00:00:00Z",
                            "seconds_left": 6134400, "fraction_left": 0.79},
            "manifest": {"schema": 1, "domain": f"site-{number:04}.example.com"},
        }
        for number in range(count)
    ]  # fmt: skip


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "behave": {"type": "str", "default": "ok"},
            "told": {"type": "dict", "default": {}},
            "count": {"type": "int", "default": 0},
            "note": {"type": "path"},
        },
        supports_check_mode=True,
    )
    label = module.params["behave"].split(".")[0]
    steps = [_step("preflight", "ok", "web-1:3000 answers")]
    error = {
        "message": "no running container is named web-1",
        "field": "container",
        "value": "web-1",
        "there_are": ["web-2", "blog-app"],
        "state": "nothing was changed",
        "try": "ansible-playbook flowbiz.vsa.site.provision -e domain=shop.example.com -e site_container=web-2",
        "hint": [
            {
                "verb": "site.provision",
                "fields": {"domain": "shop.example.com", "container": "web-2", "port": 3000},
            }
        ],
    }
    codes = {"refused": 3, "rolledback": 4, "halfdone": 6, "internal": 1, "usage": 2}
    if label in codes:
        module.fail_json(
            msg=error["message"],
            schema=1,
            vsa_exit=codes[label],
            vsa_error=error,
            steps=steps if label != "refused" else [],
        )
    if label == "crash":
        raise RuntimeError("the module itself is broken")
    if label == "hollow":
        module.exit_json(changed=False)
    if label == "slow":
        if module.params["note"]:
            Path(module.params["note"]).write_text("begun", encoding="utf-8")
        time.sleep(60)
    same = label == "same"
    state = "ok" if same else "would_change" if module.check_mode else "changed"
    steps += [
        _step("proxy", state, "generation 41: unchanged" if same else "generation 41 → 42: 1 file added", "a note")
    ]
    if label == "warned":
        module.warn("the audit plugin is not enabled")
    result = {
        "changed": not same,
        "schema": 1,
        "steps": steps,
        "base": 41,
        "generation": 41 if same or module.check_mode else 42,
        "told": module.params["told"],
        "sites": _sites(module.params["count"]),
    }
    if result["generation"] != result["base"]:
        result["undo"] = "ansible-playbook flowbiz.vsa.vhost.rollback -e vhost_to=41"
        result["undo_hint"] = {"verb": "vhost.rollback", "fields": {"to": 41}}
    if label == "never":
        result = {**result, "changed": False, "presence": "never", "candidates": [], "sites": []}
        result["steps"] = [_step("site", "warning", "it was never on this host")]
    if label == "container":
        found = {"name": "web-1", "origin": "Compose project one in /opt/one"}
        result["containers"] = [{**found, "image": "web:1", "created": 0, "written_bytes": 0, "written_paths": 0}]
    if label == "sites":
        diffs = {"bob.example.com": "-domain: bob.example.com\n-# password: cAnArY-0a1b2c3d"}
        result["generation_changes"] = [
            {"before": 41, "after": 42, "outcome": "live", "removed": ["bob.example.com"], "diffs": diffs}
        ]
    if label == "has":
        result["sites"] = [{"domain": module.params["behave"].removeprefix("has.")}]
    if module._diff and not same:
        result["diff"] = {"prepared": "--- a/site.conf\n+++ b/site.conf\n@@ -1 +1 @@\n-old\n+new\n"}
    module.exit_json(**json.loads(json.dumps(result)))


if __name__ == "__main__":
    main()
