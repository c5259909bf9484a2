"""The manifests for Kubernetes, checked without a cluster: their form, by the schemas of Kubernetes and of KEDA."""

import hashlib
import json
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it ships no types
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # as above

from tests.support.deploy.manifests import BASE, FOLDER, OVERLAYS, Manifests, listed_files, read

KUBERNETES = "1.36"  # one release back: what it does not know yet is not used
KEDA = Path(__file__).parents[2] / "data" / "keda-2.20.2"
KEDA_KINDS = ("ScaledObject", "TriggerAuthentication")
# What KEDA's kafka scaler reads from a trigger's metadata; it ignores other names in silence.
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
    """The base, and each overlay over it."""
    return read(request.param)


def test_every_object_of_kubernetes_own_kinds_is_valid(manifests: Manifests) -> None:
    """Strictly: an unknown field, which Kubernetes itself would drop with a warning, is an error."""
    built_in = [one for one in manifests.objects if one.kind not in KEDA_KINDS]
    assert {one.kind for one in built_in} >= {"StatefulSet", "Deployment", "Job", "NetworkPolicy", "Ingress"}
    for one in built_in:
        kubernetes_validate.validate(one.content, KUBERNETES, strict=True)


def test_a_misspelt_field_would_be_found(manifests: Manifests) -> None:
    """The validator is at work."""
    spoilt = json.loads(json.dumps(manifests.get("StatefulSet", "intake").content))
    spoilt["spec"]["template"]["spec"]["terminationGracePeriod"] = 30
    with pytest.raises(kubernetes_validate.ValidationError, match="terminationGracePeriod"):
        kubernetes_validate.validate(spoilt, KUBERNETES, strict=True)


@pytest.mark.parametrize("kind", KEDA_KINDS)
def test_every_object_of_kedas_kinds_is_valid(manifests: Manifests, kind: str) -> None:
    """By the schemas that KEDA's own definitions carry, closed against unknown fields."""
    validator = Draft202012Validator(_closed(json.loads((KEDA / f"{kind}.json").read_text(encoding="utf-8"))))
    found = manifests.of(kind)
    assert found
    for one in found:
        assert [fault.message for fault in validator.iter_errors(one.content)] == []
    spoilt = found[0].content | {"spec": found[0].spec | {"minReplicas": 2}}
    assert not validator.is_valid(spoilt)


def test_triggers_use_names_that_the_scaler_knows(manifests: Manifests) -> None:
    """The schema lets any name pass in a trigger's metadata, and any text but nothing else as its value."""
    for one in manifests.of("ScaledObject"):
        for trigger in one.spec["triggers"]:
            assert trigger["type"] == "kafka"
            assert set(trigger["metadata"]) <= KAFKA_TRIGGER
            assert {type(value) for value in trigger["metadata"].values()} == {str}


def test_the_schemas_of_keda_are_what_their_source_says() -> None:
    """Nobody has mended them by hand."""
    source = json.loads((KEDA / "source.json").read_text(encoding="utf-8"))
    for file in source["files"]:
        assert hashlib.sha256((KEDA / file["to"]).read_bytes()).hexdigest() == file["sha256"], file["to"]
    assert {file["to"] for file in source["files"]} == {one.name for one in KEDA.iterdir()} - {"source.json"}


@pytest.mark.parametrize("folder", [BASE, *OVERLAYS], ids=lambda folder: folder.name)
def test_no_file_is_left_out(folder: Path) -> None:
    """Each file is named by the kustomization beside it."""
    files = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    assert files == {name for name in listed_files(folder) if name.endswith(".yaml")}


def test_no_anchor_is_used() -> None:
    """Not everything that reads manifests puts them in."""
    for path in FOLDER.rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert ": &" not in text, path
        assert "<<:" not in text, path


def _closed(schema: Any) -> Any:
    """The schema, with every object that names its fields closed against others, but for Kubernetes' own metadata."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(one) for key, one in schema.items()}
    if schema.get("type") == "object" and schema.get("properties") and "additionalProperties" not in schema:
        closed["additionalProperties"] = False
    return closed
