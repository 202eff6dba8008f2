"""Alerts and the dashboard name what the services export, and lead to what the runbook has."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
from prometheus_client import REGISTRY

from dev import dashboard
from dev.manifest_rules import labels_of, name_of, of_kind, selects
from dev.places import ROOT
from libs.events import metrics
from tests.deploy.rendered import needs_kubectl, overlay

pytestmark = needs_kubectl
OPERATIONS = (ROOT / "docs/operations.md").read_text()
EXPORTING = ("libs.events.metrics", "libs.service.app", "libs.service.admission", "services.alerting.signals.intake")
OF_PROMETHEUS = {"up"}
SAMPLES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def rules() -> list[dict[str, Any]]:
    [document] = of_kind(overlay("prod"), "PrometheusRule")
    return [rule for group in document["spec"]["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def exported() -> set[str]:
    """The names of all series that the services export."""
    for module in EXPORTING:
        importlib.import_module(module)
    return {
        f"{family.name}{suffix}"
        for family in REGISTRY.collect()
        if family.name.startswith("salesloom_")
        for suffix in SAMPLES[family.type]
    }


def series(expression: str) -> set[str]:
    """The names of the series that an expression reads. Raises ValueError for one that is no PromQL."""
    return set(_named(promql_parser.parse(re.sub(r"\$__\w+", "5m", expression))))


def _named(part: Any) -> Iterator[str]:
    match part:
        case promql_parser.VectorSelector():
            yield part.name
        case promql_parser.MatrixSelector():
            yield from _named(part.vector_selector)
        case promql_parser.BinaryExpr():
            yield from (*_named(part.lhs), *_named(part.rhs))
        case promql_parser.Call():
            for each in part.args:
                yield from _named(each)
        case promql_parser.NumberLiteral() | promql_parser.StringLiteral():
            return
        case _:
            yield from _named(part.expr)


def wrong(expression: str) -> set[str]:
    """The series that nobody exports or records."""
    return series(expression) - exported() - OF_PROMETHEUS - {rule["record"] for rule in rules() if "record" in rule}


def test_every_rule_reads_what_is_exported() -> None:
    assert {rule.get("alert") or rule["record"]: wrong(rule["expr"]) for rule in rules() if wrong(rule["expr"])} == {}


def test_the_dashboard_reads_what_is_exported() -> None:
    panels = json.loads(dashboard.PLACE.read_text())["panels"]
    lines = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    assert len(lines) > 15
    assert {line: wrong(line) for line in lines if wrong(line)} == {}


def test_a_metric_that_is_gone_is_found() -> None:
    assert wrong("sum(rate(salesloom_gone_total[5m])) / salesloom_append_seconds_count") == {"salesloom_gone_total"}
    with pytest.raises(ValueError, match="."):
        series("sum(rate(")


def test_the_dashboard_is_fresh() -> None:
    assert dashboard.PLACE.read_text() == dashboard.text(), "python -m dev.dashboard"


def test_the_dashboard_is_delivered() -> None:
    [board] = [
        one for one in of_kind(overlay("prod"), "ConfigMap") if "grafana_dashboard" in one["metadata"].get("labels", {})
    ]
    assert json.loads(board["data"]["dashboard.json"])["uid"] == "salesloom"


def anchors() -> set[str]:
    """The anchors of the runbook's headings."""
    headings = re.findall(r"^#+ (.+)$", OPERATIONS, re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_alert_leads_to_the_runbook() -> None:
    for rule in alerts():
        url = rule["annotations"]["runbook_url"]
        assert re.search(r"/operations\.md#([a-z-]+)$", url), url
        assert url.rpartition("#")[2] in anchors(), url
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]
    assert len({rule["alert"] for rule in alerts()}) == len(alerts())


def test_every_row_of_the_runbook_that_names_a_metric_has_an_alert() -> None:
    table = OPERATIONS.split("## What is wrong")[1].split("\n## ")[0]
    wanted = set(re.findall(r"`(salesloom_\w+)", table)) | {"salesloom_effects_total", "salesloom_requests_shed_total"}
    read = {name.removesuffix("_bucket") for rule in alerts() for name in series(rule["expr"])}
    assert wanted <= read


def test_lateness_is_told_apart_where_it_alerts() -> None:
    """A quantile is never above the last bound of its histogram: an alert beyond it would sleep for ever."""
    [rule] = [rule for rule in alerts() if rule["alert"] == "SalesloomDeadlinesLate"]
    limit = float(rule["expr"].rpartition(">")[2])
    assert limit in metrics.LATE
    assert max(metrics.LATE) > limit


def test_every_process_is_scraped() -> None:
    documents = overlay("prod")
    [monitor] = of_kind(documents, "PodMonitor")
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]
    for one in of_kind(documents, "Deployment"):
        assert selects(monitor["spec"]["selector"], labels_of(one)), name_of(one)
        ports = {port["name"] for port in one["spec"]["template"]["spec"]["containers"][0]["ports"]}
        assert endpoint["port"] in ports
