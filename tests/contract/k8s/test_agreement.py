"""The manifests agree with the code: settings, probes, ports, consumer groups, topics; and hold no secret."""

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
    """The base, and each overlay over it."""
    return read(request.param)


def test_every_process_gets_the_settings_that_it_reads(manifests: Manifests) -> None:
    """No name that it does not know, none of those it requires left out, no value that it would refuse."""
    for one in manifests.workloads():
        variables = manifests.variables(one.container)
        if one.name.startswith("migrate-"):
            assert set(variables) == {"LAKSA_DATABASE_URL"}
        assert faults(one.container["args"], variables) == [], one.name


def test_what_is_wrong_with_settings_is_found(manifests: Manifests) -> None:
    """A misspelt name, a missing one, a value that does not do, a lane that is none."""
    one = manifests.get("Deployment", "stats").container
    good = dict(manifests.variables(one))
    command = one["args"]
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
    """LAKSA_INSTANCE is the pod's name: two members of a group with one name would throw each other out."""
    for one in manifests.services_of_ours():
        (instance,) = [entry for entry in one.container["env"] if entry["name"] == "LAKSA_INSTANCE"]
        assert instance["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_probes_ask_what_the_services_answer(manifests: Manifests) -> None:
    """Paths are routes, ports are those that are listened on; who must serve while Kafka is away is ready when live."""
    app = build_app(RouterSettings(lane=Lane.ROUTINE, kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1")))
    routes = {route.path for route in app.routes if isinstance(route, Route)}  # every service has these
    for one in manifests.services_of_ours():
        container, service = one.container, one.labels["app.kubernetes.io/name"]
        (port,) = container["ports"]
        assert str(port["containerPort"]) == manifests.variables(container)["LAKSA_HTTP_PORT"]
        probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
        assert {probe["port"] for probe in probes.values()} == {port["name"]}
        assert {probe["path"] for probe in probes.values()} <= routes
        assert probes["startup"]["path"] == probes["liveness"]["path"] == "/health/live"
        wanted = "/health/live" if service in LIVE_WITHOUT_KAFKA else "/health/ready"
        assert probes["readiness"]["path"] == wanted, one.name
        notes = one.pod["metadata"]["annotations"] if one.pod else {}
        assert notes["prometheus.io/port"] == str(port["containerPort"])
        assert notes["prometheus.io/path"] in routes


def test_nothing_runs_with_more_rights_than_it_needs(manifests: Manifests) -> None:
    """Not as root, on a file system that cannot be written, without capabilities, and with bounds."""
    for one in manifests.workloads():
        assert one.pod is not None
        pod, container = one.pod["spec"], one.container
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
        assert {mount["name"] for mount in container["volumeMounts"]} == _volumes(one)
    for one in manifests.services_of_ours():
        assert one.pod is not None
        assert one.pod["spec"]["terminationGracePeriodSeconds"] >= STOP_SECONDS
        assert len(one.pod["spec"]["topologySpreadConstraints"]) == 2


def test_every_reference_leads_somewhere(manifests: Manifests) -> None:
    """Selectors find pods, budgets and Services too; an Ingress names a Service and its port."""
    for one in manifests.services_of_ours():
        wanted = one.spec["selector"]["matchLabels"]
        assert wanted.items() <= one.labels.items()
        assert manifests.get("PodDisruptionBudget", one.name).spec["selector"]["matchLabels"] == wanted
        assert _selected(manifests, wanted) == {one.name}
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
    """Every pod is shut in both directions; each policy for more chooses pods that there are."""
    closed = manifests.get("NetworkPolicy", "nothing-by-default").spec
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    ports = {"http"}
    for one in manifests.of("NetworkPolicy"):
        assert _selected(manifests, one.spec["podSelector"].get("matchLabels", {})), one.name
        for expression in one.spec["podSelector"].get("matchExpressions", []):
            assert expression["operator"] == "In"
            for value in expression["values"]:
                assert _selected(manifests, {expression["key"]: value}), (one.name, value)
        for rule in one.spec.get("ingress", []):
            assert rule["from"], one.name
            assert {port["port"] for port in rule["ports"]} <= ports
        for rule in one.spec.get("egress", []):
            assert rule["to"], one.name
            assert rule["ports"], one.name


def test_scaling_follows_the_lag_of_groups_that_there_are(manifests: Manifests) -> None:
    """Each group is one of the code's and reads the topic that is named; nobody gets more replicas than partitions."""
    partitions = {spec.name: spec.partitions for spec in topic_specs.all_topics(["DISHUB"])}
    reading = topics_by_group(["DISHUB"])
    scaled = {one.spec["scaleTargetRef"]["name"]: one for one in manifests.of("ScaledObject")}
    assert scaled.keys() == {one.name for one in manifests.of("Deployment")}
    for name, one in scaled.items():
        target = manifests.get("Deployment", name)
        assert "replicas" not in target.spec, "each apply would undo what KEDA chose"
        assert one.spec["scaleTargetRef"]["envSourceContainerName"] == target.container["name"]
        assert one.spec["minReplicaCount"] >= (2 if name.endswith(Lane.EMERGENCY) else 1)
        assert one.spec["maxReplicaCount"] <= MANY
        found = {trigger["metadata"]["consumerGroup"]: trigger["metadata"] for trigger in one.spec["triggers"]}
        assert found.keys() == {group for group in reading if group in {name, f"{name}-updates"}}
        for group, metadata in found.items():
            if topic := metadata.get("topic"):
                assert [topic] == reading[group]
                assert one.spec["maxReplicaCount"] <= partitions[topic]
            assert metadata["bootstrapServersFromEnv"] in manifests.variables(target.container)
            assert (metadata["sasl"], metadata["tls"]) == ("scram_sha512", "enable")
            assert metadata["offsetResetPolicy"] == "earliest"


def test_the_scaler_may_see_the_lag(manifests: Manifests) -> None:
    """Its user is the one that sees every offset; each service has its own."""
    lag = manifests.get("TriggerAuthentication", "kafka-lag")
    users = {one["name"].removeprefix("kafka-") for one in lag.spec["secretTargetRef"] if one["parameter"] != "ca"}
    known = set(access.principals(["DISHUB"]))
    assert users == {"lag-exporter"} <= known
    for one in manifests.services_of_ours():
        names = [
            entry["valueFrom"]["secretKeyRef"]["name"] for entry in one.container["env"] if "SASL" in entry["name"]
        ]
        assert set(names) == {f"kafka-{one.labels['app.kubernetes.io/name']}"}
        assert names[0].removeprefix("kafka-") in known


def test_topics_are_made_by_the_administrator(manifests: Manifests) -> None:
    """`laksa topics apply` speaks PLAIN to the listener that takes it; the services speak SCRAM to theirs."""
    job = manifests.variables(manifests.get("Job", "topics").container)
    stats = manifests.variables(manifests.get("Deployment", "stats").container)
    assert (job["LAKSA_KAFKA_SASL_MECHANISM"], stats["LAKSA_KAFKA_SASL_MECHANISM"]) == ("PLAIN", "SCRAM-SHA-512")
    assert job["LAKSA_KAFKA_BOOTSTRAP_SERVERS"] != stats["LAKSA_KAFKA_BOOTSTRAP_SERVERS"]


def test_no_secret_stands_in_a_file(manifests: Manifests) -> None:
    """Secrets are named, not made: no object of that kind, and no value under a name like theirs."""
    assert manifests.of("Secret") == []
    for one in manifests.workloads():
        for entry in one.container.get("env", []):
            if SECRET_FIELDS.search(entry["name"]) or entry["name"].endswith("DATABASE_URL"):
                assert set(entry["valueFrom"]) == {"secretKeyRef"}, entry["name"]
    for config in manifests.of("ConfigMap"):
        assert not [name for name in config.content["data"] if SECRET_FIELDS.search(name)]
        assert not [text for text in texts(config.content["data"]) if "@" in text]


def test_the_readme_names_every_secret(manifests: Manifests) -> None:
    """Whoever sets it up finds each Secret, with its keys."""
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    named = {
        name
        for one in (*manifests.workloads(), *manifests.of("TriggerAuthentication"))
        for name in _secrets(one.content)
    }
    assert len(named) > 10
    assert {name for name in named if f"`{name}`" not in readme} == set()


def test_files_are_where_the_settings_look(manifests: Manifests) -> None:
    """Each path in a variable lies in a folder that is mounted."""
    for one in manifests.workloads():
        mounts = [Path(mount["mountPath"]) for mount in one.container["volumeMounts"]]
        values = [*(value for value in manifests.variables(one.container).values() if value), *one.container["args"]]
        for value in values:
            if value.startswith("/"):
                assert any(Path(value).is_relative_to(mount) for mount in mounts), (one.name, value)


def _volumes(one: Manifest) -> set[str]:
    assert one.pod is not None
    claims = [claim["metadata"]["name"] for claim in one.spec.get("volumeClaimTemplates", [])]
    return {volume["name"] for volume in one.pod["spec"]["volumes"]} | set(claims)


def _selected(manifests: Manifests, wanted: dict[str, str]) -> set[str]:
    return {one.name for one in manifests.workloads() if wanted.items() <= one.labels.items()}


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
        named |= {one["name"] for one in value["secretTargetRef"]}
    return named.union(*map(_secrets, value.values()))
