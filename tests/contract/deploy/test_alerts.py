"""Every alert rule has a test case that fires it and one that does not; promtool runs them (e2e)."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.deploy.compose import PROJECT

PROMETHEUS = PROJECT / "deploy" / "prometheus"
FAULTS = PROJECT / "tests" / "e2e" / "test_prometheus.py"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of alerts.yml; rules with the same name differ in their lane or severity."""

    alert: str
    severity: str
    lanes: frozenset[str]
    metrics: frozenset[str]

    def __str__(self) -> str:
        return f"{self.alert}-{self.severity}"


def read(file: Path) -> Any:
    """Read a YAML file."""
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def rules() -> list[Rule]:
    """All rules, with the metrics and lanes of their expressions."""
    return [
        Rule(
            alert=rule["alert"],
            severity=rule["labels"]["severity"],
            lanes=frozenset(re.findall(r'lane="(\w+)"', rule["expr"])),
            metrics=frozenset(re.findall(r"laksa_\w+", rule["expr"])),
        )
        for group in read(PROMETHEUS / "alerts.yml")["groups"]
        for rule in group["rules"]
    ]


def fires(rule: Rule, check: dict[str, Any]) -> bool:
    """Whether a promtool check expects this rule to fire."""
    return check["alertname"] == rule.alert and any(
        expected["exp_labels"]["severity"] == rule.severity for expected in check["exp_alerts"]
    )


def has_a_series(rule: Rule, case: dict[str, Any]) -> bool:
    """Whether a case has a series of this rule's metrics; without one, a silent rule would prove nothing."""
    names = [series["series"] for series in case["input_series"]]
    return any(
        re.match(r"\w+", name)[0] in rule.metrics and set(re.findall(r'lane="(\w+)"', name)) <= rule.lanes  # type: ignore[index]  # each begins with a name
        for name in names
    )


@pytest.mark.parametrize("rule", rules(), ids=str)
def test_each_rule_fires_in_one_case_and_is_silent_in_another(rule: Rule) -> None:
    """Each rule has a case that fires it and a case with its series in which it is silent."""
    cases = read(PROMETHEUS / "alerts.test.yml")["tests"]
    firing = [check for case in cases for check in case["alert_rule_test"] if fires(rule, check)]
    silent = [
        check
        for case in cases
        if has_a_series(rule, case)
        for check in case["alert_rule_test"]
        if check["alertname"] == rule.alert and not fires(rule, check)
    ]
    assert firing, f"no case of alerts.test.yml fires {rule}"
    assert silent, f"no case of alerts.test.yml has series of {rule} that do not fire it"


@pytest.mark.parametrize("alert", sorted({rule.alert for rule in rules()}))
def test_each_alert_is_fired_by_its_real_fault(alert: str) -> None:
    """For each alert, an end-to-end test causes the real fault and waits for the alert."""
    assert f'"{alert}"' in FAULTS.read_text(encoding="utf-8")
