"""A description of the machine in general terms: no names, no paths."""

import os
import platform
from importlib.metadata import version

import psutil

GIB = 1024**3
PACKAGES = ("aiokafka", "faststream", "confluent-kafka", "pydantic", "fastapi", "uvicorn", "sqlalchemy")


def machine(kafka: str) -> str:
    """Return one sentence; ``kafka`` is the broker's version."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = round(psutil.virtual_memory().total / GIB)
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{cores} cores ({platform.machine()}, {platform.system()}) shared by client, services and broker, "
        f"{memory} GiB of memory, {platform.python_implementation()} {platform.python_version()}, "
        f"embedded Apache Kafka {kafka} with one copy of everything; {packages}."
    )
