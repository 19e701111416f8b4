"""A real Prometheus that scrapes one address every second, in a folder of its own."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any, Self

from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = shutil.which("prometheus")
MISSING = "needs Prometheus: apt-get install prometheus"
SCRAPE_S = 1.0

CONFIG = """
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: doorbell
    static_configs:
      - targets: ["{target}"]
{more}"""


def free_port() -> int:
    """A port of this moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class PrometheusServer:
    """One server, ended with the `with` block.

    Args:
        folder: for its configuration and its data.
        target: `host:port` to scrape.
        more: lines of the scrape configuration, such as its authorization.
        rules: rule files to load.
        alertmanager: `host:port` that is told of alerts; empty for nobody.
    """

    def __init__(
        self,
        folder: Path,
        target: str,
        more: str = "",
        rules: tuple[Path, ...] = (),
        alertmanager: str = "",
    ) -> None:
        self._folder = folder
        self._config = CONFIG.format(target=target, more=more)
        if alertmanager:
            where = json.dumps([{"static_configs": [{"targets": [alertmanager]}]}])
            self._config += f"alerting: {{alertmanagers: {where}}}\n"
        if rules:
            self._config += f"rule_files: {json.dumps([str(one) for one in rules])}\n"
        self.address = f"127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        assert PROGRAM is not None, MISSING
        self._folder.mkdir(exist_ok=True)
        config = self._folder / "prometheus.yml"
        config.write_text(self._config)
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    PROGRAM,
                    f"--config.file={config}",
                    f"--storage.tsdb.path={self._folder / 'data'}",
                    f"--web.listen-address={self.address}",
                    "--enable-feature=exemplar-storage",
                    # Its first word may go out before it knows an Alertmanager.
                    "--rules.alert.resend-delay=1s",
                ],
                stdout=log,
                stderr=log,
            )
        try:
            until(self._is_ready, 8.0, "Prometheus to be ready")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=1):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Evaluate now; a list of `{"metric": labels, "value": [time, value]}`."""
        return list(self.api("query", query=expression)["result"])

    def value(self, expression: str) -> float | None:
        """The one value of an instant query; None without one."""
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else None

    def api(self, path: str, **parameters: str) -> Any:  # noqa: ANN401 - whatever Prometheus answers
        """Ask the HTTP API; returns `data`."""
        words = urllib.parse.urlencode(parameters)
        url = f"http://{self.address}/api/v1/{path}?{words}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)["data"]
