"""The Dockerfile as far as tests need it: what the last stage holds, runs and sets."""

import json
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
FILE = PROJECT / "Dockerfile"


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, its lines joined."""

    name: str
    arguments: str


def read_dockerfile(file: Path = FILE) -> list[list[Instruction]]:
    """The instructions of each stage; what stands before the first FROM is left out."""
    text = re.sub(r"^\s*#.*\n", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    stages: list[list[Instruction]] = []
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if not line.strip():
            continue
        name, _, arguments = line.strip().partition(" ")
        if name == "FROM":
            stages.append([])
        if stages:
            stages[-1].append(Instruction(name, arguments.strip()))
    return stages


def last_stage(name: str) -> list[str]:
    """The arguments of the last stage's instructions of this name."""
    return [one.arguments for one in read_dockerfile()[-1] if one.name == name]


def entrypoint() -> list[str]:
    """What stands before a container's command."""
    (text,) = last_stage("ENTRYPOINT")
    parsed: list[str] = json.loads(text)
    return parsed


def environment() -> dict[str, str]:
    """The variables that the image sets, PATH aside."""
    pairs = (pair.partition("=") for text in last_stage("ENV") for pair in shlex.split(text))
    return {name: value for name, _, value in pairs if name != "PATH"}


def copied() -> list[tuple[str, str]]:
    """What the last stage takes out of this folder: source and target, from the work folder."""
    return [
        (source, target) for text in last_stage("COPY") if "--from" not in text for source, target in [text.split()]
    ]


def make_work_folder(target: Path) -> Path:
    """The image's work folder: what COPY puts there, and nothing else of this project."""
    for source, name in copied():
        shutil.copytree(PROJECT / source, target / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    return target
