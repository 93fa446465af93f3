"""The types of the documents are what ``--json`` prints, and the command never pays for them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

from vsa.ansible.report import HostResult, Report
from vsa.documents import Document, json_schema
from vsa.output.document import document, failure_document

ADAPTER = TypeAdapter(Document)
ID = "01936f00-0000-7000-8000-000000000000"


def test_a_document_is_read_with_its_names() -> None:
    payload = {"sites": [{"domain": "shop.example.com", "state": "ok", "routes": [], "tenant": None}]}
    text = document(
        Report(hosts={"vps-01": HostResult(payload=payload)}), verb="site.list", audit_id=ID, check=False, took=1.0
    )
    read = ADAPTER.validate_json(text)
    assert read["hosts"]["vps-01"]["sites"][0]["domain"] == "shop.example.com"


def test_a_refusal_is_read_with_the_next_command() -> None:
    text = failure_document({"message": "no", "try": "vsa --help"}, verb=None, exit_code=2)
    assert ADAPTER.validate_json(text)["error"]["try_"] == "vsa --help"


@pytest.mark.parametrize(
    "change", [{"status": "fine"}, {"more": 1}, {"exit_code": 9}, {"audit_id": "x"}, {"hosts": {"a": {"status": "ok"}}}]
)
def test_what_is_no_document_is_refused(change: dict[str, object]) -> None:
    made = json.loads(failure_document({"message": "no"}, verb=None, exit_code=2))
    with pytest.raises(ValidationError):
        ADAPTER.validate_python({**made, **change})


def test_the_schema_names_each_verb_and_repeats_no_name_as_title() -> None:
    made = json_schema(["site.list"])
    assert made["properties"]["verb"]["enum"] == ["site.list", None]
    assert json.dumps(made).count('"title": ') == 1


@pytest.mark.parametrize("words", [["--help"], ["site", "provision", "--help"], ["site", "list", "--json"]])
def test_the_command_never_loads_pydantic(words: list[str]) -> None:
    program = f"import sys; from vsa.cli import main; main({words!r}); sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == 0
