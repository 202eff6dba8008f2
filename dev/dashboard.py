"""The Grafana dashboard as code: `python -m dev.dashboard` writes it anew."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dev.places import ROOT

PLACE = ROOT / "deploy/k8s/monitoring/dashboard.json"
WIDTH, HEIGHT, IN_A_ROW = 8, 7, 3
SOURCE = {"type": "prometheus", "uid": "${source}"}


@dataclass(frozen=True, slots=True)
class Panel:
    """A graph: its lines by legend, the unit of its axis, and what a reader should see in it."""

    title: str
    unit: str
    lines: Sequence[tuple[str, str]]
    about: str = ""


def of(metric: str, *matchers: str) -> str:
    """A metric of the services that are chosen."""
    chosen = ", ".join(['service=~"$service"', *matchers])
    return f"{metric}{{{chosen}}}"


def quantile(share: float, metric: str, by: str, *matchers: str) -> str:
    """The value below which this share of observations is."""
    return (
        f"histogram_quantile({share}, sum by ({by}, le) (rate({of(f'{metric}_bucket', *matchers)}[$__rate_interval])))"
    )


def rate(metric: str, by: str, *matchers: str) -> str:
    """How much is counted in a second."""
    return f"sum by ({by}) (rate({of(metric, *matchers)}[$__rate_interval]))"


NO_STREAM = 'route!="/v1/stream"'
ROWS: dict[str, Sequence[Panel]] = {
    "Does anything stand still?": (
        Panel("Alarms", "none", [(f"max by (service, what) ({of('salesloom_alarm')})", "{{service}} {{what}}")],
              "1 while something waits for an operator."),
        Panel("Parked keys", "none",
              [(f"max by (service, reader) ({of('salesloom_parked_keys')})", "{{service}} {{reader}}")]),
        Panel("Roles without a holder", "none",
              [(f"sum by (service, role) ({of('salesloom_lease_epoch')}) == 0", "{{service}} {{role}}")],
              "Empty when somebody does every work."),
    ),
    "Requests": (
        Panel("Requests", "reqps", [(rate("salesloom_http_request_seconds_count", "service"), "{{service}}")]),
        Panel("Failed", "percentunit", [(of("salesloom:http_errors:ratio_5m"), "{{service}}")]),
        Panel("Seconds", "s", [
            (quantile(0.5, "salesloom_http_request_seconds", "service", NO_STREAM), "{{service}} half"),
            (quantile(0.99, "salesloom_http_request_seconds", "service", NO_STREAM), "{{service}} 99 of 100")]),
        Panel("Told to come again", "reqps",
              [(rate("salesloom_requests_shed_total", "service, code"), "{{service}} {{code}}")]),
        Panel("Wait for what was written", "s",
              [(quantile(0.99, "salesloom_consistency_wait_seconds", "service"), "{{service}}")]),
    ),
    "The log": (
        Panel("Append", "s", [
            (quantile(0.99, "salesloom_append_seconds", "service"), "{{service}}"),
            (quantile(0.99, "salesloom_append_lock_wait_seconds", "service"), "{{service}} lock")],
              "Above 0.1: the database is slow."),
        Panel("Decided again", "ops", [(rate("salesloom_append_conflicts_total", "service"), "{{service}}")]),
        Panel("Published and received", "ops", [
            (rate("salesloom_relayed_facts_total", "service"), "{{service}} out"),
            (rate("salesloom_ingested_facts_total", "service, source"), "{{service}} from {{source}}")]),
    ),
    "Readers": (
        Panel("Behind", "s", [(f"max by (service, reader) ({of('salesloom_lag_seconds')})", "{{service}} {{reader}}")]),
        Panel("Folded", "ops", [(rate("salesloom_folded_facts_total", "service, reader"), "{{service}} {{reader}}")]),
        Panel("Rebuild", "ops",
              [(f"max by (service) ({of('salesloom_rebuild_facts_per_second')})", "{{service}}")]),
    ),
    "What goes out": (
        Panel("Deadlines late", "s",
              [(quantile(0.5, "salesloom_deadline_late_seconds", "service, deadline"), "{{service}} {{deadline}}")]),
        Panel("Effects", "ops",
              [(rate("salesloom_effects_total", "kind, outcome"), "{{kind}} {{outcome}}")]),
        Panel("Signals of partners", "ops", [(rate("salesloom_signals_total", "outcome"), "{{outcome}}")]),
    ),
}  # fmt: skip


def dashboard() -> dict[str, Any]:
    """The whole board, as Grafana imports it."""
    panels: list[dict[str, Any]] = []
    top = 0
    for title, row in ROWS.items():
        panels.append(
            {"type": "row", "title": title, "id": len(panels) + 1, "panels": [], "gridPos": _place(0, top, 24, 1)}
        )
        for number, panel in enumerate(row):
            line, column = divmod(number, IN_A_ROW)
            place = _place(column * WIDTH, top + 1 + line * HEIGHT, WIDTH, HEIGHT)
            panels.append(_graph(panel, len(panels) + 1, place))
        top += 1 + HEIGHT * -(-len(row) // IN_A_ROW)
    return {
        "uid": "salesloom",
        "title": "Salesloom",
        "tags": ["salesloom"],
        "schemaVersion": 39,
        "time": {"from": "now-3h", "to": "now"},
        "refresh": "30s",
        "templating": {"list": [
            {"name": "source", "type": "datasource", "query": "prometheus"},
            {"name": "service", "type": "query", "datasource": SOURCE, "refresh": 2, "multi": True, "includeAll": True,
             "allValue": ".*", "current": {"text": "All", "value": "$__all"},
             "query": {"query": "label_values(salesloom_append_seconds_count, service)", "refId": "service"}},
        ]},
        "panels": panels,
    }  # fmt: skip


def _graph(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "type": "timeseries",
        "id": number,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + at), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
            for at, (expression, legend) in enumerate(panel.lines)
        ],
    }


def _place(x: int, y: int, w: int, h: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": w, "h": h}


def text() -> str:
    """The board as it lies in its file."""
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    PLACE.write_text(text())
