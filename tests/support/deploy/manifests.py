"""deploy/k8s as Kubernetes would get it: the base, and an overlay merged over it by hand, without kustomize.

Only what the overlays use is merged: maps key by key, a list as a whole, images by their name, the namespace.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.deploy.settings_check import Variables

FOLDER = Path(__file__).resolve().parents[3] / "deploy" / "k8s"
BASE = FOLDER / "base"
OVERLAYS = sorted((FOLDER / "overlays").iterdir())
CLUSTER_WIDE = {"Namespace"}

Content = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object."""

    content: Content

    @property
    def kind(self) -> str:
        """Its kind."""
        return str(self.content["kind"])

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.content["metadata"]["name"])

    @property
    def spec(self) -> Content:
        """Its spec."""
        found: Content = self.content["spec"]
        return found

    @property
    def pod(self) -> Content | None:
        """The template of the pods it makes, or None where it makes none."""
        template: Content | None = self.content.get("spec", {}).get("template")
        return template

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of its pods."""
        assert self.pod is not None
        found: Mapping[str, str] = self.pod["metadata"]["labels"]
        return found

    @property
    def container(self) -> Content:
        """The one container of its pods."""
        assert self.pod is not None
        (found,) = self.pod["spec"]["containers"]
        assert isinstance(found, dict)
        return found


@dataclass(frozen=True, slots=True)
class Manifests:
    """All objects of one kustomization."""

    objects: tuple[Manifest, ...]

    def of(self, *kinds: str) -> list[Manifest]:
        """The objects of these kinds."""
        return [one for one in self.objects if one.kind in kinds]

    def get(self, kind: str, name: str) -> Manifest:
        """The object of this kind and name.

        Raises:
            ValueError: there is none, or more than one.
        """
        (found,) = (one for one in self.of(kind) if one.name == name)
        return found

    def workloads(self) -> list[Manifest]:
        """Everything that makes pods."""
        return self.of("Deployment", "StatefulSet", "Job")

    def services_of_ours(self) -> list[Manifest]:
        """What makes pods that stay."""
        return self.of("Deployment", "StatefulSet")

    def variables(self, container: Content) -> Variables:
        """A container's environment; None stands for what a Secret or the pod itself gives."""
        found: dict[str, str | None] = {}
        for source in container.get("envFrom", []):
            found |= self.get("ConfigMap", source["configMapRef"]["name"]).content["data"]
        for one in container.get("env", []):
            reference = one.get("valueFrom", {}).get("configMapKeyRef")
            config = self.get("ConfigMap", reference["name"]).content["data"] if reference else {}
            found[one["name"]] = one.get("value", config[reference["key"]] if reference else None)
        return found


def read(folder: Path) -> Manifests:
    """The objects of a kustomization with its patches merged in."""
    listed = _documents(folder / "kustomization.yaml")[0]
    objects: list[Content] = []
    for resource in listed["resources"]:
        path = (folder / resource).resolve()
        objects += [one.content for one in read(path).objects] if path.is_dir() else _documents(path)
    for patch in listed.get("patches", []):
        for change in _documents(folder / patch["path"]):
            place = next(number for number, one in enumerate(objects) if _identity(one) == _identity(change))
            objects[place] = _merged(objects[place], change)
    if namespace := listed.get("namespace"):
        objects = [_placed(one, namespace) for one in objects]
    made = Manifests(tuple(Manifest(one) for one in objects))
    for image in listed.get("images", []):
        for one in made.workloads():
            if one.container["image"] == image["name"]:
                one.container["image"] = f"{image['newName']}:{image['newTag']}"
    return made


def listed_files(folder: Path) -> set[str]:
    """The files that a kustomization names."""
    listed = _documents(folder / "kustomization.yaml")[0]
    return {*listed["resources"], *(patch["path"] for patch in listed.get("patches", []))}


def texts(value: Any) -> Iterator[str]:
    """Every text in a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)


def _documents(path: Path) -> list[Content]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def _identity(content: Content) -> tuple[str, str, str]:
    return content["apiVersion"], content["kind"], content["metadata"]["name"]


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {key: _merged(old.get(key), value) for key, value in new.items()}
    return new


def _placed(content: Content, namespace: str) -> Content:
    return content if content["kind"] in CLUSTER_WIDE else _merged(content, {"metadata": {"namespace": namespace}})
