"""The endpoints file: all faults are listed, no secret is quoted; and the recipients of a report."""

from pathlib import Path

import pytest

from services.notifier.endpoints import NOBODY, Endpoints, Reach, load_endpoints, url_fault
from shared.domain.lanes import Mode
from shared.domain.taxonomy import default_taxonomy
from shared.errors import ConfigurationError
from tests.support.builders.endpoints import endpoint, secret

OPDS = default_taxonomy().opds


def load(tmp_path: Path, text: str) -> Endpoints:
    """Load a file with this text."""
    path = tmp_path / "endpoints.yaml"
    path.write_text(text, encoding="utf-8")
    return load_endpoints(path, OPDS)


def test_a_good_file_is_read(tmp_path: Path) -> None:
    """A webhook, one under rotation, and a subscribing department."""
    known = load(
        tmp_path,
        f"""
endpoints:
  - {{id: bpbd-1, opd: BPBD, kind: webhook, url: "https://bpbd.example/push", secret: {secret("a")}}}
  - id: dishub-1
    opd: DISHUB
    kind: webhook
    url: http://127.0.0.1:8106/push
    secret: {secret("b")}
    previous_secrets: [{secret("c")}]
    exercise: true
  - {{id: dlh-reads, opd: DLH, kind: subscribe}}
""",
    )
    assert list(known.by_id) == ["bpbd-1", "dishub-1", "dlh-reads"]
    assert known.secrets("dishub-1") == (secret("b"), secret("c"))
    assert known.secrets("gone") == ()


def test_every_fault_is_listed_and_no_secret_quoted(tmp_path: Path) -> None:
    """All faults are listed at once, without secrets."""
    with pytest.raises(ConfigurationError) as caught:
        load(
            tmp_path,
            """
endpoints:
  - {id: Bad Id, opd: BPBD, kind: webhook, url: "https://x.example", secret: whsec_TOPSECRET}
  - {id: b, opd: BPBD, kind: pigeon}
  - {id: c, opd: BPBD, kind: webhook}
  - {id: d, opd: BPBD, kind: subscribe, colour: blue}
  - {id: e, opd: BPBD, kind: webhook, url: "http://public.example/", secret: whsec_TOPSECRET}
""",
        )
    said = str(caught.value)
    assert all(f"endpoints.{number}" in said for number in range(5))
    assert "must be https" in said
    assert "endpoints.3.colour: unknown key" in said
    assert "TOPSECRET" not in said


def test_repeated_ids_and_unknown_departments_are_faults(tmp_path: Path) -> None:
    """Duplicate ids and unknown departments are faults."""
    with pytest.raises(ConfigurationError, match=r"(?s)same stands there 2 times.*other names the unknown OPD NASA"):
        load(
            tmp_path,
            """
endpoints:
  - {id: same, opd: BPBD, kind: subscribe}
  - {id: same, opd: BPBD, kind: subscribe}
  - {id: other, opd: NASA, kind: subscribe}
""",
        )


def test_a_duplicate_key_is_a_fault_with_its_line_among_the_others(tmp_path: Path) -> None:
    """The last of two addresses or lists would win in silence; the secret beside it is not quoted."""
    with pytest.raises(ConfigurationError) as caught:
        load(
            tmp_path,
            """
endpoints: []
endpoints:
  - id: a
    opd: BPBD
    kind: pigeon
    secret: whsec_TOPSECRET
    secret: whsec_TOPSECRET
""",
        )
    said = str(caught.value)
    assert "line 3: duplicate key `endpoints`, first given in line 2" in said
    assert "line 8: duplicate key `secret`, first given in line 7" in said
    assert "endpoints.0.kind" in said
    assert "TOPSECRET" not in said


@pytest.mark.parametrize("text", ["", "[]", "endpoints: 5", "endpoints: [", "other: []", "\x00"])
def test_what_is_no_endpoints_file_is_said(tmp_path: Path, text: str) -> None:
    """Every invalid file gives the same kind of error."""
    with pytest.raises(ConfigurationError):
        load(tmp_path, text)


def test_a_missing_file_names_its_setting(tmp_path: Path) -> None:
    """The message names the setting."""
    with pytest.raises(ConfigurationError, match="LAKSA_ENDPOINTS_FILE"):
        load_endpoints(tmp_path / "none.yaml", OPDS)


@pytest.mark.parametrize(
    ("url", "is_good"),
    [
        ("https://bpbd.example/push?x=1", True),
        ("http://127.0.0.1:8106/push", True),
        ("http://[::1]:8106/", True),
        ("http://localhost/", True),
        ("http://bpbd.example/", False),
        ("http://127.0.0.1.evil.example/", False),
        ("https://user:pass@bpbd.example/", False),
        ("ftp://bpbd.example/", False),
        ("https:///nohost", False),
        ("https://bpbd.example:99999/", False),
        ("file:///etc/passwd", False),
        ("https://[::1", False),
    ],
)
def test_reports_leave_this_machine_encrypted_only(url: str, *, is_good: bool) -> None:
    """Addresses use https, or http to this machine only, and contain no user names."""
    assert (url_fault(url) is None) is is_good


ALL = Endpoints(
    [
        endpoint("bpbd-1", "BPBD"),
        endpoint("bpbd-2", "BPBD", url=None),
        endpoint("bpbd-drill", "BPBD", exercise=True),
        endpoint("live-1", "LIVEROOM"),
    ]
)


@pytest.mark.parametrize(
    ("opd", "mode", "reach", "names"),
    [
        ("BPBD", Mode.LIVE, Reach.DEPARTMENT, ["bpbd-1", "bpbd-2"]),
        ("BPBD", Mode.EXERCISE, Reach.DEPARTMENT, ["bpbd-drill"]),
        ("BPBD", Mode.BACKFILL, Reach.DEPARTMENT, []),
        ("DLH", Mode.LIVE, Reach.LIVE_ROOM, ["live-1"]),
        ("DLH", Mode.EXERCISE, Reach.NO_DRILL, []),
        ("BPBD", "unheard-of", Reach.DEPARTMENT, ["bpbd-1", "bpbd-2"]),
    ],
)
def test_whom_a_report_reaches(opd: str, mode: str, reach: Reach, names: list[str]) -> None:
    """A report reaches its department or else the Live Room; exercises only exercise endpoints; history nobody."""
    found = ALL.recipients(opd, mode)
    assert (found.reach, [one.id for one in found.endpoints]) == (reach, names)


def test_a_live_report_never_ends_with_nobody() -> None:
    """Without any endpoint, a delivery to the Live Room keeps clock and alarm running."""
    assert Endpoints([]).recipients("BPBD", Mode.LIVE).endpoints == (NOBODY,)
