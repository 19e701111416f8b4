"""What describes containers, read by the programs that will read it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import prometheus_server
import pytest
import yaml
from http_caller import HttpDoorstep
from prometheus_server import PrometheusServer

from doorbell.testing.sink import Sink
from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

INFRASTRUCTURE = Path(__file__).resolve().parents[2] / "infrastructure"
DOCKER = INFRASTRUCTURE / "docker"
COMPOSE = DOCKER / "docker-compose.production.yml"
BIN = Path(sys.executable).parent


def program(name: str) -> str:
    """Where a program is, or the skip that names it."""
    found = shutil.which(name, path=str(BIN)) or shutil.which(name)
    if not found:
        pytest.skip(f"needs {name}")
    return found


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return loaded


def services() -> list[str]:
    return list(compose()["services"])


# Compose.


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    run(program("hadolint"), str(DOCKER / "Dockerfile.production"))


@pytest.mark.parametrize("name", services())
def test_every_service_has_its_health_check_and_no_right_it_does_not_need(
    name: str,
) -> None:
    service = compose()["services"][name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert ":latest" not in service["image"]
    assert ":" in service["image"]


@pytest.mark.parametrize("name", services())
def test_no_port_is_published_beyond_this_machine(name: str) -> None:
    for port in compose()["services"][name].get("ports", []):
        assert str(port).startswith("127.0.0.1:")


def test_each_port_of_the_door_that_leaves_loopback_has_a_token_file() -> None:
    door = compose()["services"]["doorbell"]
    for section in ("OPERATIONS", "WEB"):
        assert door["environment"][f"DOORBELL_{section}__LISTEN"].startswith("0.0.0.0:")
        token = door["environment"][f"DOORBELL_{section}__TOKEN_FILE"]
        assert Path(token).name in door["secrets"]
    prometheus = yaml.safe_load((DOCKER / "prometheus.yml").read_text())
    scrape = prometheus["scrape_configs"][0]
    assert scrape["job_name"] == "doorbell"
    file = Path(scrape["authorization"]["credentials_file"])
    assert file.name in compose()["services"]["prometheus"]["secrets"]


def test_what_a_service_mounts_is_there() -> None:
    for service in compose()["services"].values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("."):
                assert (DOCKER / source).exists(), source


def test_docker_compose_reads_the_file() -> None:
    docker = program("docker")
    if subprocess.run(
        [docker, "compose", "version"], check=False, capture_output=True
    ).returncode:
        pytest.skip("needs the compose plugin of docker")
    run(docker, "compose", "-f", str(COMPOSE), "config", "--quiet")


def test_the_variables_of_the_compose_file_are_in_the_example() -> None:
    example = (DOCKER / ".env.example").read_text()
    for word in COMPOSE.read_text().split("${")[1:]:
        assert f"{word.partition(':-')[0]}=" in example


# Prometheus, Alertmanager, Grafana.


def test_promtool_takes_the_configuration(tmp_path: Path) -> None:
    text = (DOCKER / "prometheus.yml").read_text()
    rules = INFRASTRUCTURE / "prometheus"
    token = tmp_path / "token"
    token.write_text("x")
    text = text.replace("/etc/prometheus/rules", str(rules))
    text = text.replace("/run/secrets/operations_token", str(token))
    (tmp_path / "prometheus.yml").write_text(text)
    run(program("promtool"), "check", "config", str(tmp_path / "prometheus.yml"))


def test_amtool_takes_the_configuration_and_its_alerts_exist() -> None:
    file = DOCKER / "alertmanager.yml"
    run(program("amtool"), "check-config", str(file))
    rules = (INFRASTRUCTURE / "prometheus" / "doorbell.rules.yml").read_text()
    assert "alert: DoorbellGone" in rules
    assert '"DoorbellGone"' in file.read_text()


def test_the_dashboards_ask_the_source_that_is_provisioned() -> None:
    folder = INFRASTRUCTURE / "grafana"
    source = yaml.safe_load(
        (folder / "provisioning/datasources/prometheus.yml").read_text()
    )
    uid = source["datasources"][0]["uid"]
    provider = yaml.safe_load(
        (folder / "provisioning/dashboards/doorbell.yml").read_text()
    )
    mounted = provider["providers"][0]["options"]["path"]
    volumes = compose()["services"]["grafana"]["volumes"]
    assert f"../grafana/dashboards:{mounted}:ro" in volumes
    for board in (folder / "dashboards").glob("*.json"):
        text = board.read_text()
        assert json.loads(text)["title"]
        assert f'"uid": "{uid}"' in text


@pytest.mark.timeout(40)
def test_a_real_prometheus_reads_the_door_with_the_token_and_our_rules(
    tmp_path: Path,
) -> None:
    if prometheus_server.PROGRAM is None:
        pytest.skip(prometheus_server.MISSING)
    token = tmp_path / "operations_token"
    token.write_text("the-token-of-the-operations-port\n")
    with Sink() as sink:
        door = HttpDoorstep(tmp_path, sink)
        listen = f'listen = "127.0.0.1:{door.operations_port}"\n'
        door.change(listen, f'{listen}token_file = "{token}"\n')
        server = PrometheusServer(tmp_path / "prometheus", "")
        text = (DOCKER / "prometheus.yml").read_text()
        for old, new in (
            ("doorbell:9713", f"127.0.0.1:{door.operations_port}"),
            ("/run/secrets/operations_token", str(token)),
            ("/etc/prometheus/rules", str(INFRASTRUCTURE / "prometheus")),
            ("15s", "1s"),
        ):
            assert old in text
            text = text.replace(old, new)
        server._config = text
        try:
            door.start()
            with server:
                up = 'up{job="doorbell"}'
                until(lambda: server.value(up) == 1.0, 20.0, "the door to be read")
                assert server.api("rules")["groups"]
        finally:
            door.kill()


# The health check.


@contextmanager
def answering(status: int, token: str = "") -> Iterator[int]:
    """A port that answers every path with one status, to who shows the token."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown = self.headers.get("Authorization", "")
            wrong = token and shown != f"Bearer {token}"
            self.send_response(401 if wrong else status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def health(port: int, *words: str, **environ: str) -> int:
    listen = {"DOORBELL_OPERATIONS__LISTEN": f"0.0.0.0:{port}"}
    return subprocess.run(
        [program("bash"), str(DOCKER / "health_check.sh"), *words],
        env={**listen, **environ},
        capture_output=True,
        check=False,
    ).returncode


def test_the_health_check_believes_only_200(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("the-token\n")
    with answering(200) as port:
        assert health(port) == 0
        assert health(port, "ready") == 0
        assert health(port, "alive") == 2
    with answering(503) as port:
        assert health(port, "ready") == 1
    with answering(200, "the-token") as port:
        assert health(port, "ready") == 1
        there = {"DOORBELL_OPERATIONS__TOKEN_FILE": str(token)}
        assert health(port, "ready", **there) == 0
        absent = {"DOORBELL_OPERATIONS__TOKEN_FILE": str(tmp_path / "none")}
        assert health(port, "ready", **absent) == 1
    assert health(port) == 1


# Kubernetes.


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    """What kustomize makes of the folder."""
    if found := shutil.which("kustomize"):
        text = run(found, "build", str(INFRASTRUCTURE / "kubernetes"))
    else:
        kubectl = program("kubectl")
        text = run(kubectl, "kustomize", str(INFRASTRUCTURE / "kubernetes"))
    return list(yaml.safe_load_all(text))


def of_kind(manifests: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next(one for one in manifests if one["kind"] == kind)


def test_kubernetes_takes_every_manifest(
    manifests: list[dict[str, Any]], tmp_path: Path
) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump_all(manifests))
    run(program("kubernetes-validate"), "--strict", "--quiet", str(file))
    kinds = {one["kind"] for one in manifests}
    assert kinds == {
        *("Namespace", "ConfigMap", "Service", "PersistentVolumeClaim"),
        *("Deployment", "Ingress", "NetworkPolicy"),
    }


def test_the_pod_is_one_confined_and_bounded(manifests: list[dict[str, Any]]) -> None:
    spec = of_kind(manifests, "Deployment")["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"]["type"] == "Recreate"
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    confined = container["securityContext"]
    assert confined["readOnlyRootFilesystem"] is True
    assert confined["allowPrivilegeEscalation"] is False
    assert confined["capabilities"]["drop"] == ["ALL"]
    resources = container["resources"]
    assert resources["requests"] == {"memory": "512Mi", "cpu": "500m"}
    assert resources["limits"]["memory"] == "2Gi"
    assert resources["limits"]["cpu"] == "2000m"
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()
    assert not any("hostPath" in volume for volume in pod["volumes"])


def test_the_settings_of_the_pod_are_settings(
    manifests: list[dict[str, Any]], tmp_path: Path
) -> None:
    from config.loader import load  # noqa: PLC0415 - only this test reads settings

    file = tmp_path / "doorbell.toml"
    file.write_text(of_kind(manifests, "ConfigMap")["data"]["doorbell.toml"])
    settings = load(file, {})
    assert settings.web.enabled
    ports = of_kind(manifests, "Service")["spec"]["ports"]
    listening = {settings.web.listen, settings.operations.listen}
    assert {f"0.0.0.0:{port['port']}" for port in ports} == listening


def test_only_the_application_leaves_by_tls(manifests: list[dict[str, Any]]) -> None:
    spec = of_kind(manifests, "Ingress")["spec"]
    hosts = {rule["host"] for rule in spec["rules"]}
    assert hosts == set(spec["tls"][0]["hosts"])
    (path,) = spec["rules"][0]["http"]["paths"]
    assert path["backend"]["service"]["port"] == {"name": "http"}
