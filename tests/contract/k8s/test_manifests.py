"""The manifests for Kubernetes, checked without a cluster against the schemas of Kubernetes and KEDA."""

import hashlib
import json
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # without type hints
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # as above

from tests.support.deploy.manifests import BASE, FOLDER, OVERLAYS, Manifests, listed_files, read

KUBERNETES = "1.36"  # the previous release: its unknown fields are not used
KEDA = Path(__file__).parents[2] / "data" / "keda-2.20.2"
KEDA_KINDS = ("ScaledObject", "TriggerAuthentication")
# The metadata names of KEDA's kafka scaler, which silently ignores others.
KAFKA_TRIGGER = {
    "bootstrapServersFromEnv",
    "consumerGroup",
    "topic",
    "lagThreshold",
    "activationLagThreshold",
    "offsetResetPolicy",
    "sasl",
    "tls",
}


@pytest.fixture(scope="module", params=[BASE, *OVERLAYS], ids=lambda folder: folder.name)
def manifests(request: pytest.FixtureRequest) -> Manifests:
    """The base, and each overlay."""
    return read(request.param)


def test_every_object_of_kubernetes_own_kinds_is_valid(manifests: Manifests) -> None:
    """Every Kubernetes object is strictly valid: unknown fields, which Kubernetes drops with a warning, are errors."""
    built_in = [item for item in manifests.objects if item.kind not in KEDA_KINDS]
    assert {item.kind for item in built_in} >= {"StatefulSet", "Deployment", "Job", "NetworkPolicy", "Ingress"}
    for item in built_in:
        kubernetes_validate.validate(item.content, KUBERNETES, strict=True)


def test_a_misspelt_field_would_be_found(manifests: Manifests) -> None:
    """The validator refuses a misspelt field."""
    spoilt = json.loads(json.dumps(manifests.get("StatefulSet", "intake").content))
    spoilt["spec"]["template"]["spec"]["terminationGracePeriod"] = 30
    with pytest.raises(kubernetes_validate.ValidationError, match="terminationGracePeriod"):
        kubernetes_validate.validate(spoilt, KUBERNETES, strict=True)


@pytest.mark.parametrize("kind", KEDA_KINDS)
def test_every_object_of_kedas_kinds_is_valid(manifests: Manifests, kind: str) -> None:
    """KEDA's objects are valid by the schemas of its definitions, with unknown fields as errors."""
    validator = Draft202012Validator(_closed(json.loads((KEDA / f"{kind}.json").read_text(encoding="utf-8"))))
    found = manifests.of(kind)
    assert found
    for item in found:
        assert [fault.message for fault in validator.iter_errors(item.content)] == []
    spoilt = found[0].content | {"spec": found[0].spec | {"minReplicas": 2}}
    assert not validator.is_valid(spoilt)


def test_triggers_use_names_that_the_scaler_knows(manifests: Manifests) -> None:
    """Triggers use known names with text values, because KEDA's schema allows any name."""
    for item in manifests.of("ScaledObject"):
        for trigger in item.spec["triggers"]:
            assert trigger["type"] == "kafka"
            assert set(trigger["metadata"]) <= KAFKA_TRIGGER
            assert {type(value) for value in trigger["metadata"].values()} == {str}


def test_the_schemas_of_keda_are_what_their_source_says() -> None:
    """KEDA's schemas equal the checksums of their source."""
    source = json.loads((KEDA / "source.json").read_text(encoding="utf-8"))
    for file in source["files"]:
        assert hashlib.sha256((KEDA / file["to"]).read_bytes()).hexdigest() == file["sha256"], file["to"]
    assert {file["to"] for file in source["files"]} == {path.name for path in KEDA.iterdir()} - {"source.json"}


@pytest.mark.parametrize("folder", [BASE, *OVERLAYS], ids=lambda folder: folder.name)
def test_no_file_is_left_out(folder: Path) -> None:
    """Each file is listed in the kustomization of its folder."""
    files = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    assert files == {name for name in listed_files(folder) if name.endswith(".yaml")}


def test_no_anchor_is_used() -> None:
    """The manifests have no YAML anchors, which some tools do not expand."""
    for path in FOLDER.rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert ": &" not in text, path
        assert "<<:" not in text, path


def _closed(schema: Any) -> Any:
    """The schema with ``additionalProperties: false`` for objects with named fields, except Kubernetes' metadata."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if schema.get("type") == "object" and schema.get("properties") and "additionalProperties" not in schema:
        closed["additionalProperties"] = False
    return closed
