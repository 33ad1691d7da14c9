"""Findings stand on the line of the spec that asked for them."""

from bot.github import annotations
from bot.github.annotations import Place
from bot.judge import judge
from bot.judge.policy import Expected, Policy
from bot.model import Finding, Waiver
from tests.unit.samples import check, observation, run

SPEC = b"""version: 1
service: chat
deploy: {url: {url: "http://x"}}
probes:
  health: {http: GET /health}

  search:
    http: GET /search
"""
POLICY = Policy(
    probes={
        "health": Expected(kind="http", title="Health", severity="critical"),
        "search": Expected(kind="http", title="Search", severity="minor"),
        "lost": Expected(kind="http", title="Lost", severity="major"),
    },
    waivers=(Waiver(finding="health/known", by="ana", reason="known"),),
)


def findings() -> tuple[Finding, ...]:
    seen = (
        observation(
            "health", checks=(check(ok=False, actual="::error::\n@all"), check("known", ok=False), check("good"))
        ),
        observation("search", checks=(check(ok=False),)),
        observation("deploy", kind="deploy", checks=(check("ready", ok=False),)),
    )
    return judge(run(*seen), None, POLICY, "sha256:0").findings


def test_what_is_bad_or_was_not_measured_is_remarked_on_where_the_spec_asks_for_it() -> None:
    found = annotations.of(findings(), annotations.in_the_spec(SPEC, "deploy/stability.yml"))
    assert {(each.title, each.level, each.place.line, each.place.column) for each in found} == {
        ("Deploy: ready: broken", "failure", 3, 1),
        ("Health: status: broken", "failure", 5, 3),
        ("Search: status: broken", "warning", 7, 3),
        ("Lost: not measured", "warning", 4, 1),
    }
    assert {each.place.path for each in found} == {"deploy/stability.yml"}
    assert all("\n" not in each.message for each in found)


def test_a_finding_with_a_place_of_its_own_stands_there() -> None:
    def source(finding: Finding) -> Place | None:
        return Place("src/a.py", 10, 4, 12) if finding.probe == "health" else None

    (only,) = annotations.of(findings(), source)
    assert only.fields() == {
        "path": "src/a.py",
        "start_line": 10,
        "end_line": 12,
        "annotation_level": "failure",
        "title": only.title,
        "message": only.message,
    }


def test_more_than_anybody_reads_is_left_out() -> None:
    many = tuple(check(f"c{n}", ok=False) for n in range(annotations.MOST + 50))
    found = judge(run(observation("health", checks=many)), None, POLICY, "sha256:0").findings
    assert len(annotations.of(found, annotations.in_the_spec(SPEC, "s.yml"))) == annotations.MOST


def test_a_spec_that_cannot_be_read_has_no_places() -> None:
    assert annotations.of(findings(), annotations.in_the_spec(b"\xff: [", "s.yml")) == ()
    assert annotations.of(findings(), annotations.in_the_spec(b"a: [", "s.yml")) == ()
