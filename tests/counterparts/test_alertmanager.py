"""An alert of the doorbell reaches a webhook by Prometheus and Alertmanager."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from prometheus_server import PROGRAM, PrometheusServer, free_port

from doorbell.testing.sink import Sink
from monitoring.alerts.rendering import RULES_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from doorbell.testing.sink import Received

ALERTMANAGER = shutil.which("prometheus-alertmanager")


def _firing(received: Sequence[Received]) -> list[dict[str, dict[str, str]]]:
    alerts = [one for each in received for one in json.loads(each.body)["alerts"]]
    return [one for one in alerts if one["status"] == "firing"]


def _is_told(received: Sequence[Received]) -> bool:
    return bool(_firing(received))


@pytest.mark.skipif(
    PROGRAM is None or ALERTMANAGER is None,
    reason="needs prometheus and prometheus-alertmanager",
)
@pytest.mark.timeout(40)
def test_a_dead_doorbell_is_told_with_its_runbook(tmp_path: Path) -> None:
    assert ALERTMANAGER is not None
    # A minute and a quarter of waiting, cut short; the rules are the product's.
    rules = tmp_path / "doorbell.rules.yml"
    text = RULES_FILE.read_text().replace("interval: 15s", "interval: 1s")
    rules.write_text(text.replace("for: 1m\n", "for: 2s\n"))
    address = f"127.0.0.1:{free_port()}"
    with Sink() as sink, (tmp_path / "log").open("wb") as log:
        config = tmp_path / "alertmanager.yml"
        config.write_text(
            "route: {receiver: hook, group_wait: 0s, group_interval: 1s}\n"
            "receivers: [{name: hook, webhook_configs: "
            f'[{{url: "http://{sink.address}/"}}]}}]\n'
        )
        command = [ALERTMANAGER, f"--config.file={config}", "--cluster.listen-address="]
        command += [f"--storage.path={tmp_path}/am", f"--web.listen-address={address}"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        nobody = f"127.0.0.1:{free_port()}"
        try:
            with PrometheusServer(
                tmp_path / "prometheus", nobody, rules=(rules,), alertmanager=address
            ):
                assert sink.wait_until(_is_told, 30.0), (tmp_path / "log").read_text()
        finally:
            process.kill()
            process.wait()
        alert = _firing(sink.received)[0]
    assert alert["labels"]["alertname"] == "DoorbellGone"
    assert alert["annotations"]["runbook_url"].endswith("alerts.md#doorbellgone")
