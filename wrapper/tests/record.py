"""Record the events of test playbooks as transcripts for the tests of the fold: ``python wrapper/tests/record.py``.

Run it again when the supported ansible-core or ansible-runner changes, and look at the difference.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path

TESTS = Path(__file__).parent
REPO = TESTS.parents[1]
HERE = f"{{ansible_connection: local, ansible_python_interpreter: {sys.executable}}}"
GONE = "{ansible_host: 127.0.0.1, ansible_port: 1, ansible_connection: ssh}"
ONE = f"all: {{hosts: {{vps-01: {HERE}}}}}\n"
FLEET = f"all: {{hosts: {{vps-01: {HERE}, vps-02: {GONE}}}}}\n"
DIFF = {"check": False, "diff": True}

# name: (playbook, inventory, domain, options of the run)
RECORDINGS = {
    "provisioned": ("site.provision", ONE, "ok.example.com", DIFF),
    "would-provision": ("site.provision", ONE, "ok.example.com", {"check": True, "diff": True}),
    "refused": ("site.provision", ONE, "refused.example.com", {}),
    "rolled-back": ("site.provision", ONE, "rolledback.example.com", {}),
    "crashed": ("site.provision", ONE, "crash.example.com", {}),
    "hollow": ("site.provision", ONE, "hollow.example.com", {}),
    "plain-failure": ("site.provision", ONE, "plain.example.com", {}),
    "plain-refusal": ("site.provision", ONE, "plainrefused.example.com", {}),
    "rescued": ("site.provision", ONE, "rescued.example.com", {}),
    "no-hosts": ("site.provision", "all: {hosts: {}}\n", "ok.example.com", {}),
    "fleet": ("bootstrap", FLEET, None, {}),
    "not-a-play": ("vhost.sync", ONE, None, {}),
    "matches-nothing": ("vhost.list", ONE, None, {}),
    "no-playbook": ("vhost.history", ONE, None, {}),
}


def record(root: Path, name: str) -> tuple[list[dict], int | None]:
    """Return the events of one recording and Ansible's exit code."""
    from vsa.ansible.config import Config
    from vsa.ansible.run import Run
    from vsa.ansible.runner import Execution

    playbook, inventory, domain, options = RECORDINGS[name]
    path = root / "inventory.yml"
    path.write_text(inventory, encoding="utf-8")
    extravars = {"site_domain": domain} if domain else {}
    run = Run(playbook=f"flowbiz.vsa.{playbook}", extravars=extravars, inventory=str(path), **options)
    audit = {
        "vsa_audit_id": "01936f00-0000-7000-8000-000000000000",
        "vsa_actor": {"user": "tester", "controller": "here"},
        "vsa_door": "command",
    }
    with Execution(run, config=Config(), caller=os.environ, audit=audit) as execution:
        events = [event for event in execution if event is not None]
    return events, execution.code


def main() -> None:
    root = Path(tempfile.mkdtemp())
    home = root / "ansible_collections/flowbiz/vsa"
    shutil.copytree(TESTS / "data/collection", home)
    for part in ("module_utils", "plugin_utils", "lookup"):
        (home / "plugins" / part).symlink_to(REPO / "plugins" / part)
    sys.path.insert(0, str(root))
    versions = {name: metadata.version(name) for name in ("ansible-core", "ansible-runner")}
    for name in RECORDINGS:
        events, code = record(root, name)
        document = {"versions": versions, "code": code, "events": [_kept(event) for event in events]}
        text = json.dumps(document, indent=1, ensure_ascii=False)
        for path, instead in ((str(root), "/collections"), (sys.prefix, "/venv"), (sys.base_prefix, "/python")):
            text = text.replace(path, instead)
        (TESTS / f"data/events/{name}.json").write_text(text + "\n", encoding="utf-8")
    shutil.rmtree(root)


def _kept(event: dict) -> dict:
    """Return what a transcript keeps of an event: not the ids and times, which differ in every recording."""
    dropped = ("uuid", "parent_uuid", "created", "pid", "runner_ident", "start_line", "end_line")
    data = {
        key: value
        for key, value in (event.get("event_data") or {}).items()
        if key not in ("uuid", "pid", "start", "end", "duration") and not key.endswith("_uuid")
    }
    if isinstance(data.get("res"), dict):
        data["res"] = {key: value for key, value in data["res"].items() if key not in ("start", "end", "delta")}
    return {key: value for key, value in event.items() if key not in dropped} | {"event_data": data}


if __name__ == "__main__":
    main()
