"""Prometheus, Alertmanager and Grafana in docker-compose.yml query only metrics and labels that exist."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, Metric

from services.intake.metrics import IntakeMetrics
from services.notifier.metrics import NotifierMetrics
from services.router.metrics import RouterMetrics
from services.stats.metrics import StatsMetrics
from shared.domain.lanes import Lane
from shared.http.metrics import HttpMetrics
from shared.observability.metrics import MessagingMetrics, make_registry
from tests.support.deploy.compose import PROJECT, ComposeFile
from tests.support.machine import needed

DEPLOY = PROJECT / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
INTERVAL = "1m"  # a typical value that Grafana inserts for $__rate_interval

# The part of KMinion's metrics (its docs/metrics.md) that is enabled here.
OF_THE_LAG_EXPORTER = {
    "kminion_exporter_up",
    "kminion_kafka_broker_info",
    "kminion_kafka_cluster_info",
    "kminion_kafka_topic_info",
    "kminion_kafka_topic_high_water_mark_sum",
    "kminion_kafka_topic_low_water_mark_sum",
    "kminion_kafka_consumer_group_info",
    "kminion_kafka_consumer_group_members",
    "kminion_kafka_consumer_group_topic_lag",
}
OF_PROMETHEUS = {"up", "ALERTS"}
A_METRIC = re.compile(r"\b(laksa_\w+|kminion_\w+|process_\w+|up|ALERTS)\b(?!\s*[=!]~?\s*\")")
A_HISTOGRAM = ("_bucket", "_sum", "_count")


def test_dashboards_and_alerts_ask_only_for_what_is_measured() -> None:
    """Each queried metric is exported by a service, by the lag exporter or by Prometheus."""
    measured = measured_names()
    asked = {name: where for where, query in queries() for name in A_METRIC.findall(query)}
    assert len(asked) > 30
    unknown = {name: where for name, where in asked.items() if name not in measured}
    assert not unknown


def test_the_labels_are_the_metrics_own() -> None:
    """Selectors use only existing labels and values, because others would never match."""
    labels = label_names()
    checked = 0
    for where, query in queries():
        for name, inside in re.findall(r"(laksa_\w+)\{([^}]*)\}", query):
            base = name.removesuffix("_bucket")
            for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", inside):
                assert label in labels[base] | {"job", "instance"}, f"{where}: {name}{{{label}}}"
                checked += 1
    assert checked > 20


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_a_dashboard_can_be_shown(file: Path) -> None:
    """Each panel has a description, its own area of the page, and the provisioned data source."""
    dashboard = json.loads(file.read_text(encoding="utf-8"))
    assert dashboard["uid"].startswith("laksa-")
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        area = panel["gridPos"]
        cells = {
            (x, y) for x in range(area["x"], area["x"] + area["w"]) for y in range(area["y"], area["y"] + area["h"])
        }
        assert area["x"] + area["w"] <= 24
        assert not taken & cells, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["description"], panel["title"]
            assert panel["targets"], panel["title"]
            assert {target["datasource"]["uid"] for target in panel["targets"]} == {provisioned_source()["uid"]}


def test_there_is_a_dashboard_for_each_kind_of_looker() -> None:
    """Dashboards exist for the pipeline by lane, Kafka with its lag, and the deliveries; one is the home page."""
    assert {file.stem for file in DASHBOARDS} == {"pipeline", "kafka", "deliveries"}
    for lane in Lane:
        assert f'lane=\\"{lane}\\"' in (DEPLOY / "grafana" / "dashboards" / "pipeline.json").read_text(encoding="utf-8")


def test_grafana_finds_its_files(compose: ComposeFile) -> None:
    """The dashboard provider's folder is mounted and contains the home page."""
    grafana = compose.services["grafana"]
    targets = {mount.target: mount.source for mount in grafana.mounts}
    providers = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/laksa.yml").read_text(encoding="utf-8"))
    (provider,) = providers["providers"]
    folder = provider["options"]["path"]
    assert targets[folder] == "./deploy/grafana/dashboards"
    first = grafana.environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert first.removeprefix(f"{folder}/") in {file.name for file in DASHBOARDS}


def test_promtool_understands_every_query(tmp_path: Path) -> None:
    """Promtool accepts all queries of the dashboards as expressions of a rules file."""
    promtool = needed("promtool", "prometheus")
    rules = [{"record": f"query:{number}", "expr": query} for number, (_, query) in enumerate(queries())]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"SUCCESS: {len(rules)} rules found" in done.stdout


def test_prometheus_takes_its_file() -> None:
    """Promtool accepts the configuration of Prometheus."""
    promtool = needed("promtool", "prometheus")
    command = [promtool, "check", "config", "compose.yml"]
    done = subprocess.run(command, cwd=PROMETHEUS, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_both_prometheus_files_ask_the_same_services() -> None:
    """`make run` and docker compose have the same targets and alerts, except those that only compose has."""
    alone, composed = (
        yaml.safe_load((PROMETHEUS / name).read_text(encoding="utf-8")) for name in ("prometheus.yml", "compose.yml")
    )
    assert alone["rule_files"] == composed["rule_files"]
    assert alone["global"] == composed["global"]
    here = {job["job_name"]: job for job in composed["scrape_configs"]}
    assert all(here[job["job_name"]] == job for job in alone["scrape_configs"])
    assert set(here) - {job["job_name"] for job in alone["scrape_configs"]} == {
        "lag-exporter",
        "prometheus",
        "alertmanager",
    }


def test_alertmanager_takes_its_file() -> None:
    """Amtool accepts the configuration of Alertmanager."""
    amtool = needed("amtool", "prometheus-alertmanager")
    file = DEPLOY / "alertmanager" / "alertmanager.yml"
    done = subprocess.run([amtool, "check-config", file], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("severity", "receiver"), [("page", "page"), ("ticket", "ticket")])
def test_each_severity_has_its_receiver(severity: str, receiver: str) -> None:
    """Every severity of the alerts has a receiver, and paging alerts are sent without the delay of mails."""
    amtool = needed("amtool", "prometheus-alertmanager")
    file = DEPLOY / "alertmanager" / "alertmanager.yml"
    command = [amtool, "config", "routes", "test", f"--config.file={file}", f"severity={severity}", "alertname=Any"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == receiver, done.stdout + done.stderr
    assert severity in {rule["labels"]["severity"] for rule in alerts()}


def measured_names() -> set[str]:
    """The names of all series of this installation."""
    names = {sample for family in families() for sample in samples_of(family)}
    return names | OF_THE_LAG_EXPORTER | OF_PROMETHEUS


def samples_of(family: Metric) -> Iterator[str]:
    """The names of a metric's series."""
    match family.type:
        case "counter":
            yield f"{family.name}_total"
        case "histogram":
            yield from (f"{family.name}{suffix}" for suffix in A_HISTOGRAM)
        case _:
            yield family.name


def families() -> list[Metric]:
    """Every metric of the services, by name."""
    registry = full_registry()
    return list(registry.collect())


def label_names() -> dict[str, set[str]]:
    """The labels of each metric of the services."""
    found: dict[str, set[str]] = {}
    # the labels have no public attribute
    for collector in set(full_registry()._names_to_collectors.values()):  # noqa: SLF001
        names = getattr(collector, "_labelnames", ())
        for family in collector.collect():
            total = f"{family.name}_total" if family.type == "counter" else family.name
            found[total] = set(names)
    return found


def full_registry() -> CollectorRegistry:
    """One registry with the metrics of all services."""
    registry = make_registry()
    MessagingMetrics(registry)
    HttpMetrics(registry)
    IntakeMetrics(registry)
    RouterMetrics(registry, Lane.EMERGENCY)
    NotifierMetrics(registry)
    StatsMetrics(registry)
    return registry


def queries() -> Iterator[tuple[str, str]]:
    """Every query of dashboards, their annotations and alerts, with its location."""
    for file in DASHBOARDS:
        dashboard = json.loads(file.read_text(encoding="utf-8"))
        asked = [
            (panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel.get("targets", ())
        ]
        asked += [(annotation["name"], annotation["expr"]) for annotation in dashboard["annotations"]["list"]]
        for title, query in asked:
            yield f"{file.stem}: {title}", query.replace("$__rate_interval", INTERVAL)
    for rule in alerts():
        yield f"alert {rule['alert']}", rule["expr"]


def alerts() -> list[dict[str, Any]]:
    """All alerts."""
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def provisioned_source() -> dict[str, Any]:
    """The only data source of Grafana."""
    read = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/laksa.yml").read_text(encoding="utf-8"))
    (source,) = read["datasources"]
    assert isinstance(source, dict)
    return source
