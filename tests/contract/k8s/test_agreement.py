"""The manifests agree with the code (settings, probes, ports, consumer groups, topics) and contain no secret."""

import re
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route

from services.router.app import build_app
from services.router.settings import RouterSettings
from shared.domain.lanes import Lane
from shared.events.groups import topics_by_group
from shared.messaging import access, topic_specs
from shared.settings import KafkaSettings
from tests.support.deploy.manifests import BASE, FOLDER, OVERLAYS, Manifest, Manifests, read, texts
from tests.support.deploy.settings_check import faults

STOP_SECONDS = 20  # promise W3
SECRET_FIELDS = re.compile(r"password|secret|token|api[_-]?key", re.IGNORECASE)
LIVE_WITHOUT_KAFKA = {"intake", "notifier", "stats"}
MANY = 12


@pytest.fixture(scope="module", params=[BASE, *OVERLAYS], ids=lambda folder: folder.name)
def manifests(request: pytest.FixtureRequest) -> Manifests:
    """The base, and each overlay."""
    return read(request.param)


def test_every_process_gets_the_settings_that_it_reads(manifests: Manifests) -> None:
    """Every process gets only known settings, all required ones, and valid values."""
    for item in manifests.workloads():
        variables = manifests.variables(item.container)
        if item.name.startswith("migrate-"):
            assert set(variables) == {"LAKSA_DATABASE_URL"}
        assert faults(item.container["args"], variables) == [], item.name


def test_what_is_wrong_with_settings_is_found(manifests: Manifests) -> None:
    """The check finds a misspelt name, a missing one, an invalid value, and an unknown lane."""
    item = manifests.get("Deployment", "stats").container
    good = dict(manifests.variables(item))
    command = item["args"]
    assert faults(command, good | {"LAKSA_HTTP_PROT": "1"}) == ["LAKSA_HTTP_PROT is unknown to services.stats"]
    assert faults(command, good | {"LAKSA_HTTP_PORT": "many"}) == ["LAKSA_HTTP_PORT cannot be 'many'"]
    for name in ("LAKSA_DATABASE_URL", "LAKSA_KAFKA_BOOTSTRAP_SERVERS"):
        assert faults(command, {key: good[key] for key in good if key != name}) == [f"{name} is required"]
    unnamed = {key: good[key] for key in good if key != "LAKSA_KAFKA_SASL_USERNAME"}
    assert faults(command, unnamed) == ["LAKSA_KAFKA_SASL_USERNAME is required with SASL"]
    assert faults(["services.router", "--lane", "fast"], {}) == [
        "LAKSA_KAFKA_BOOTSTRAP_SERVERS is required",
        "LAKSA_LANE cannot be 'fast'",
    ]


def test_replicas_have_names_of_their_own(manifests: Manifests) -> None:
    """LAKSA_INSTANCE is the pod's name, because members of a group with the same name would evict each other."""
    for item in manifests.services_of_ours():
        (instance,) = [entry for entry in item.container["env"] if entry["name"] == "LAKSA_INSTANCE"]
        assert instance["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_probes_ask_what_the_services_answer(manifests: Manifests) -> None:
    """Probes use existing routes and ports; services that must serve without Kafka are ready when live."""
    app = build_app(RouterSettings(lane=Lane.ROUTINE, kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1")))
    routes = {route.path for route in app.routes if isinstance(route, Route)}  # routes of every service
    for item in manifests.services_of_ours():
        container, service = item.container, item.labels["app.kubernetes.io/name"]
        (port,) = container["ports"]
        assert str(port["containerPort"]) == manifests.variables(container)["LAKSA_HTTP_PORT"]
        probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
        assert {probe["port"] for probe in probes.values()} == {port["name"]}
        assert {probe["path"] for probe in probes.values()} <= routes
        assert probes["startup"]["path"] == probes["liveness"]["path"] == "/health/live"
        wanted = "/health/live" if service in LIVE_WITHOUT_KAFKA else "/health/ready"
        assert probes["readiness"]["path"] == wanted, item.name
        notes = item.pod["metadata"]["annotations"] if item.pod else {}
        assert notes["prometheus.io/port"] == str(port["containerPort"])
        assert notes["prometheus.io/path"] in routes


def test_nothing_runs_with_more_rights_than_it_needs(manifests: Manifests) -> None:
    """Containers run not as root, on a read-only file system, without capabilities, and with limits."""
    for item in manifests.workloads():
        assert item.pod is not None
        pod, container = item.pod["spec"], item.container
        assert pod["securityContext"].items() >= {"runAsNonRoot": True, "runAsUser": 10001, "fsGroup": 10001}.items()
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} == set(container["resources"]["requests"]) == set(container["resources"]["limits"])
        assert pod["automountServiceAccountToken"] is False
        assert manifests.get("ServiceAccount", pod["serviceAccountName"])
        assert {mount["name"] for mount in container["volumeMounts"]} == _volumes(item)
    for item in manifests.services_of_ours():
        assert item.pod is not None
        assert item.pod["spec"]["terminationGracePeriodSeconds"] >= STOP_SECONDS
        assert len(item.pod["spec"]["topologySpreadConstraints"]) == 2


def test_every_reference_leads_somewhere(manifests: Manifests) -> None:
    """Selectors, also of budgets and Services, match pods; an Ingress names a Service and its port."""
    for item in manifests.services_of_ours():
        wanted = item.spec["selector"]["matchLabels"]
        assert wanted.items() <= item.labels.items()
        assert manifests.get("PodDisruptionBudget", item.name).spec["selector"]["matchLabels"] == wanted
        assert _selected(manifests, wanted) == {item.name}
    for service in manifests.of("Service"):
        assert len(_selected(manifests, service.spec["selector"])) == 1, service.name
    for ingress in manifests.of("Ingress"):
        hosts = {rule["host"] for rule in ingress.spec["rules"]}
        assert hosts == {host for tls in ingress.spec["tls"] for host in tls["hosts"]}
        for rule in ingress.spec["rules"]:
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                ports = manifests.get("Service", backend["name"]).spec["ports"]
                assert backend["port"]["name"] in {port["name"] for port in ports}
    public = {path["path"] for rule in _rules(manifests, "channels") for path in rule["http"]["paths"]}
    assert public == {"/v1/reports", "/v1/calls"}


def test_nothing_is_let_through_by_default(manifests: Manifests) -> None:
    """All traffic of pods is denied by default, and each policy that allows some selects existing pods."""
    closed = manifests.get("NetworkPolicy", "nothing-by-default").spec
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    ports = {"http"}
    for item in manifests.of("NetworkPolicy"):
        assert _selected(manifests, item.spec["podSelector"].get("matchLabels", {})), item.name
        for expression in item.spec["podSelector"].get("matchExpressions", []):
            assert expression["operator"] == "In"
            for value in expression["values"]:
                assert _selected(manifests, {expression["key"]: value}), (item.name, value)
        for rule in item.spec.get("ingress", []):
            assert rule["from"], item.name
            assert {port["port"] for port in rule["ports"]} <= ports
        for rule in item.spec.get("egress", []):
            assert rule["to"], item.name
            assert rule["ports"], item.name


def test_scaling_follows_the_lag_of_groups_that_there_are(manifests: Manifests) -> None:
    """Each trigger's group exists in the code and reads the topic; replicas do not exceed partitions."""
    partitions = {spec.name: spec.partitions for spec in topic_specs.all_topics(["DISHUB"])}
    reading = topics_by_group(["DISHUB"])
    scaled = {item.spec["scaleTargetRef"]["name"]: item for item in manifests.of("ScaledObject")}
    assert scaled.keys() == {item.name for item in manifests.of("Deployment")}
    for name, item in scaled.items():
        target = manifests.get("Deployment", name)
        assert "replicas" not in target.spec, "each apply would undo what KEDA chose"
        assert item.spec["scaleTargetRef"]["envSourceContainerName"] == target.container["name"]
        assert item.spec["minReplicaCount"] >= (2 if name.endswith(Lane.EMERGENCY) else 1)
        assert item.spec["maxReplicaCount"] <= MANY
        found = {trigger["metadata"]["consumerGroup"]: trigger["metadata"] for trigger in item.spec["triggers"]}
        assert found.keys() == {group for group in reading if group in {name, f"{name}-updates"}}
        for group, metadata in found.items():
            if topic := metadata.get("topic"):
                assert [topic] == reading[group]
                assert item.spec["maxReplicaCount"] <= partitions[topic]
            assert metadata["bootstrapServersFromEnv"] in manifests.variables(target.container)
            assert (metadata["sasl"], metadata["tls"]) == ("scram_sha512", "enable")
            assert metadata["offsetResetPolicy"] == "earliest"


def test_the_scaler_may_see_the_lag(manifests: Manifests) -> None:
    """The scaler has the user that may read all offsets, and each service has its own user."""
    lag = manifests.get("TriggerAuthentication", "kafka-lag")
    users = {item["name"].removeprefix("kafka-") for item in lag.spec["secretTargetRef"] if item["parameter"] != "ca"}
    known = set(access.principals(["DISHUB"]))
    assert users == {"lag-exporter"} <= known
    for item in manifests.services_of_ours():
        names = [
            entry["valueFrom"]["secretKeyRef"]["name"] for entry in item.container["env"] if "SASL" in entry["name"]
        ]
        assert set(names) == {f"kafka-{item.labels['app.kubernetes.io/name']}"}
        assert names[0].removeprefix("kafka-") in known


def test_topics_are_made_by_the_administrator(manifests: Manifests) -> None:
    """`laksa topics apply` uses the PLAIN listener as administrator; the services use SCRAM on theirs."""
    job = manifests.variables(manifests.get("Job", "topics").container)
    stats = manifests.variables(manifests.get("Deployment", "stats").container)
    assert (job["LAKSA_KAFKA_SASL_MECHANISM"], stats["LAKSA_KAFKA_SASL_MECHANISM"]) == ("PLAIN", "SCRAM-SHA-512")
    assert job["LAKSA_KAFKA_BOOTSTRAP_SERVERS"] != stats["LAKSA_KAFKA_BOOTSTRAP_SERVERS"]


def test_no_secret_stands_in_a_file(manifests: Manifests) -> None:
    """No file has an object of kind Secret, or a value of a variable with a secret's name."""
    assert manifests.of("Secret") == []
    for item in manifests.workloads():
        for entry in item.container.get("env", []):
            if SECRET_FIELDS.search(entry["name"]) or entry["name"].endswith("DATABASE_URL"):
                assert set(entry["valueFrom"]) == {"secretKeyRef"}, entry["name"]
    for config in manifests.of("ConfigMap"):
        assert not [name for name in config.content["data"] if SECRET_FIELDS.search(name)]
        assert not [text for text in texts(config.content["data"]) if "@" in text]


def test_the_readme_names_every_secret(manifests: Manifests) -> None:
    """The README names every required Secret with its keys."""
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    named = {
        name
        for item in (*manifests.workloads(), *manifests.of("TriggerAuthentication"))
        for name in _secrets(item.content)
    }
    assert len(named) > 10
    assert {name for name in named if f"`{name}`" not in readme} == set()


def test_files_are_where_the_settings_look(manifests: Manifests) -> None:
    """Each path in a variable is in a mounted folder."""
    for item in manifests.workloads():
        mounts = [Path(mount["mountPath"]) for mount in item.container["volumeMounts"]]
        values = [*(value for value in manifests.variables(item.container).values() if value), *item.container["args"]]
        for value in values:
            if value.startswith("/"):
                assert any(Path(value).is_relative_to(mount) for mount in mounts), (item.name, value)


def _volumes(item: Manifest) -> set[str]:
    assert item.pod is not None
    claims = [claim["metadata"]["name"] for claim in item.spec.get("volumeClaimTemplates", [])]
    return {volume["name"] for volume in item.pod["spec"]["volumes"]} | set(claims)


def _selected(manifests: Manifests, wanted: dict[str, str]) -> set[str]:
    return {item.name for item in manifests.workloads() if wanted.items() <= item.labels.items()}


def _rules(manifests: Manifests, ingress: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = manifests.get("Ingress", ingress).spec["rules"]
    return found


def _secrets(value: Any) -> set[str]:
    """Every Secret that an object names."""
    if isinstance(value, list):
        return set().union(*map(_secrets, value))
    if not isinstance(value, dict):
        return set()
    named = {value["secretName"]} if "secretName" in value else set()
    if "secretKeyRef" in value:
        named.add(value["secretKeyRef"]["name"])
    if "secretTargetRef" in value:
        named |= {item["name"] for item in value["secretTargetRef"]}
    return named.union(*map(_secrets, value.values()))
