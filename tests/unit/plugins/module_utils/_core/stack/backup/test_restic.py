"""What restic is asked, and how its answers are read. The answers are those of restic 0.19.1."""

from __future__ import annotations

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.backup.restic import (
    Summary,
    control_files,
    environment,
    error_lines,
    given_files,
    options,
    summary_of,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.backup.settings import Access, BackupSettings

DONE = (
    '{"message_type":"summary","files_new":1,"data_added":586,"data_added_packed":596,"total_bytes_processed":9,'
    '"snapshot_id":"7ca6372ffb5967a0402e391aa481c203a413402241c7271e9fadd27dacd52e92"}\n'
)
FAILED = """\
{"message_type":"error","error":{"message":"failed to save /database/db.dump: Fatal: command failed: exit status 3"},\
"during":"archival","item":"/database/db.dump"}
{"message_type":"exit_error","code":130,"message":"Fatal: unable to save snapshot: context canceled"}
"""
MISSING = """\
{"message_type":"exit_error","code":10,"message":"Fatal: repository does not exist: unable to open config file: \
stat /repository/config: no such file or directory\\nIs there a repository at the following location?\\n/repository"}
"""

DIRECTORY = BackupSettings("/var/backups/vsa", "directory", "secret-1")
SFTP = BackupSettings(
    "sftp://b@store:2222/srv/x", "sftp", "secret-1", Access(key_file="/k", known_hosts_file="/etc/vsa/known")
)
S3 = BackupSettings("s3:h/b", "s3", "secret-1", Access(access_key="ID", secret_key="secret-2", region="eu"))
REST = BackupSettings(
    "rest:https://store/x/", "rest", "secret-1", Access(user="v:1", password="secret-2/@", ca_file="/ca")
)


def test_the_files_of_a_repository() -> None:
    assert control_files(DIRECTORY) == {"repository": "/repository", "password": "secret-1"}
    assert control_files(SFTP)["repository"] == "sftp://b@store:2222//srv/x"
    assert control_files(REST)["repository"] == "rest:https://v%3A1:secret-2%2F%40@store/x/"
    assert control_files(S3)["aws"].splitlines()[1:] == [
        "aws_access_key_id = ID",
        "aws_secret_access_key = secret-2",
    ]
    assert given_files(SFTP) == {"key": "/k", "known_hosts": "/etc/vsa/known"}
    assert given_files(REST) == {"ca": "/ca"}
    assert given_files(S3) == {}


def test_no_secret_is_in_options_or_environment() -> None:
    for settings in (DIRECTORY, SFTP, S3, REST):
        shown = f"{options(settings)}{environment(settings)}"
        assert "secret-" not in shown, settings
    assert "--cacert" in options(REST)
    assert any("StrictHostKeyChecking=yes" in word for word in options(SFTP))
    assert environment(S3)["AWS_DEFAULT_REGION"] == "eu"


def test_the_end_of_a_backup() -> None:
    assert summary_of(f"not json\n{DONE}") == Summary(
        "7ca6372ffb5967a0402e391aa481c203a413402241c7271e9fadd27dacd52e92", 9, 596
    )
    assert summary_of(FAILED) is None
    assert summary_of('[1]\n{"message_type":"summary"}\n') is None


def test_what_restic_complains_of() -> None:
    assert error_lines(FAILED) == [
        "failed to save /database/db.dump: Fatal: command failed: exit status 3",
        "Fatal: unable to save snapshot: context canceled",
    ]
    assert error_lines(MISSING)[0].startswith("Fatal: repository does not exist")
    assert len(error_lines(MISSING)) == 3
    assert error_lines("sh: restic: not found\n") == ["sh: restic: not found"]
    assert error_lines('{"message_type":"error","error":{"message":"lstat: no such file"},"item":"/backup/a"}\n') == [
        "lstat: no such file: /backup/a"
    ]
