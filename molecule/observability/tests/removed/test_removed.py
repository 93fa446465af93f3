"""The stack left no container, no site and no volume."""


def test_nothing_is_left(host):
    label = "label=com.docker.compose.project=observability"
    assert host.check_output(f"docker ps -aq --filter {label}") == ""
    assert host.check_output(f"docker volume ls -q --filter {label}") == ""
    for name in ("seen", "grafana", "logs"):
        assert not host.file(f"/etc/vsa/sites/{name}.molecule.test.yml").exists
