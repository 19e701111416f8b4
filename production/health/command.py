"""`doorbell-deploy health`: the doorbell as it is seen from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from production.health.health_checker import HealthChecker

if TYPE_CHECKING:
    from config.production.production_settings import ProductionSettings

NOT_READY = 69


def look(settings: ProductionSettings) -> tuple[int, dict[str, Any], str]:
    """Look once; returns exit code, report, and the same in words."""
    report = HealthChecker(settings).get_health_report()
    checks = {"": report["checks"], "  ": report["doorbell"].get("checks", {})}
    lines = [str(report["overall_status"])]
    for indent, found in checks.items():
        lines += [_line(indent, name, check) for name, check in found.items()]
    return 0 if report["ready"] else NOT_READY, report, "\n".join(lines)


def _line(indent: str, name: str, check: dict[str, Any]) -> str:
    line = f"{indent}{name}: {check['status']}: {check['detail']}"
    hint = " ".join(filter(None, [check["hint"], check["repair"]]))
    return f"{line}\n{indent}  {hint}" if hint else line
