"""Cloud Run without a network: the arithmetic of traffic, the next template, what is said of a refusal, the keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.deploy.cloud_run import sharing, template, traffic
from bot.deploy.cloud_run.note import COMMIT, KEY, Note, on_platform
from bot.deploy.cloud_run.refusals import advice, plain, refused, role
from bot.deploy.cloud_run.service import Revision, Service, described, kept, ready_checks
from bot.deploy.cloud_run.sharing import Sharing
from bot.deploy.cloud_run.target import CloudRunTarget
from bot.deploy.cloud_run.traffic import Share
from bot.model.errors import DeployError

NAMES = [f"shop-{n}" for n in range(6)]
RULES = Sharing("sp-new", "sp-old")


@st.composite
def parts(draw: st.DrawFn) -> dict[str, int]:
    """Percentages that add up to 100, of one to six revisions."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    cuts = sorted(draw(st.lists(st.integers(0, 100), min_size=len(names) - 1, max_size=len(names) - 1)))
    edges = [0, *cuts, 100]
    return {name: high - low for name, low, high in zip(names, edges, edges[1:], strict=False)}


@st.composite
def services(draw: st.DrawFn) -> Service:
    """A service with any traffic that the API allows: shares by name or to the latest, tags of others and of ours."""
    shares = draw(parts())
    latest = draw(st.sampled_from(NAMES))
    follows = draw(st.booleans())
    targets = [
        Share(revision=None if follows and name == latest else name, percent=percent)
        for name, percent in shares.items()
        if percent
    ]
    tags = draw(st.lists(st.sampled_from(["sp-new", "sp-old", "keep", "other"]), unique=True))
    owners = st.sampled_from([*NAMES, None])
    on_shares = draw(st.booleans())
    for tag in tags:
        if on_shares and (bare := [i for i, each in enumerate(targets) if not each.tag and each.percent]):
            targets[bare[0]] = targets[bare[0]].model_copy(update={"tag": tag})
        else:
            targets.append(Share(revision=draw(owners), tag=tag))
    statuses = [
        {"revision": name, "percent": percent, "type": traffic.REVISION} for name, percent in shares.items() if percent
    ]
    raw = {"traffic": traffic.written(tuple(targets)), "trafficStatuses": statuses}
    return Service(raw | {"latestReadyRevision": f"a/revisions/{latest}", "latestCreatedRevision": latest})


@given(parts(), st.integers(0, 100))
def test_shares_add_up_and_the_candidate_has_what_it_was_given(before: dict[str, int], percent: int) -> None:
    made = traffic.split(before, "new", percent)

    assert sum(made.values()) == 100
    assert all(0 < share <= 100 for share in made.values())
    assert made.get("new", 0) == percent
    assert set(made) <= {"new", *before}


@given(parts(), st.integers(0, 99))
def test_the_revision_with_the_most_is_never_lost_while_there_is_a_rest(before: dict[str, int], percent: int) -> None:
    made = traffic.split(before, "new", percent)

    most = traffic.largest(before)
    assert most is not None
    assert made[most] >= 1
    assert made[most] >= max(share for name, share in made.items() if name != "new") - 1


@given(parts(), st.integers(0, 100))
def test_nobody_is_more_than_one_percent_off_its_share(before: dict[str, int], percent: int) -> None:
    made = traffic.split(before, "new", percent)

    for name, share in before.items():
        assert abs(made.get(name, 0) - share * (100 - percent) / 100) <= 1


@given(parts())
def test_no_share_for_the_candidate_leaves_everything_as_it_was(before: dict[str, int]) -> None:
    assert traffic.split(before, "new", 0) == {name: share for name, share in before.items() if share}


@given(services(), st.integers(0, 100))
def test_every_act_asks_for_a_whole_and_keeps_others_tags_and_the_previous_revision(
    service: Service, percent: int
) -> None:
    note = RULES.found(service, "bot", None).model_copy(update={"candidate": "new"})
    service.latest_created = service.latest_ready = "new"
    theirs = {(each.tag, each.revision) for each in service.traffic if each.tag and not each.tag.startswith("sp-")}

    for made in (
        RULES.promoted(service, note, percent),
        RULES.restored(service, note),
        RULES.accepted(service, note),
        RULES.foreign(RULES.restored(service, note)),
    ):
        assert sum(each.percent for each in made) == 100
        tags = [each.tag for each in made if each.tag]
        assert len(tags) == len(set(tags))
        assert {tag for tag, _ in theirs} == {tag for tag in tags if not tag.startswith("sp-")}
        assert traffic.read(traffic.written(made)) == made
    assert traffic.percents(RULES.promoted(service, note, percent), "new") == sharing.wanted(note, percent)
    assert traffic.percents(RULES.restored(service, note), "new") == service.percents()
    assert Share(revision=note.previous, tag="sp-old") in RULES.promoted(service, note, 100)
    assert RULES.accepted(service, note)[0].revision == (None if note.followed else "new")


def test_a_candidate_that_is_not_the_newest_any_more_is_accepted_by_its_name() -> None:
    note = Note(bot="bot", act="settle", candidate="shop-2", followed=True)

    assert RULES.accepted(a_service(latestCreatedRevision="a/revisions/shop-3"), note)[0].revision == "shop-2"
    assert RULES.accepted(a_service(latestCreatedRevision="a/revisions/shop-2"), note)[0].revision is None


@given(services())
def test_a_look_moves_nothing(service: Service) -> None:
    note = RULES.found(service, "bot", None)

    made = RULES.looked_at(service, note)

    assert traffic.percents(made, service.latest_ready) == service.asked()


@given(
    st.builds(Note, bot=st.text(), act=st.just("deploy"), candidate=st.text(), before=st.just((Share(percent=100),)))
)
def test_a_note_is_read_as_it_was_written(note: Note) -> None:
    assert on_platform({KEY: note.to_json().decode()}) == note


def test_no_traffic_at_all_means_the_latest_revision() -> None:
    assert traffic.read(()) == (Share(percent=100),)
    assert traffic.split({}, "new", 0) == {"new": 100}


def a_service(**changes: object) -> Service:
    status = {"revision": "shop-2", "percent": 100, "tag": "sp-new", "type": traffic.REVISION, "uri": "https://a.b"}
    fine = {
        "generation": "4",
        "observedGeneration": "4",
        "terminalCondition": {"type": "Ready", "state": "CONDITION_SUCCEEDED"},
        "latestReadyRevision": "projects/p/locations/l/services/shop/revisions/shop-2",
        "trafficStatuses": [status],
    }
    return Service(fine | changes)


@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        ({}, None),
        ({"reconciling": True}, "reconciled"),
        ({"observedGeneration": "3"}, "observed"),
        ({"terminalCondition": {"type": "Ready", "state": "CONDITION_FAILED", "message": "no"}}, "condition"),
        ({"latestReadyRevision": "a/revisions/shop-1"}, "newest ready"),
        ({"trafficStatuses": [{"revision": "shop-1", "percent": 100}]}, "traffic"),
        ({"trafficStatuses": [{"revision": "shop-2", "percent": 100}]}, "traffic"),
        (
            {"traffic": [{"type": traffic.REVISION, "revision": "shop-2", "percent": 100}], "trafficStatuses": []},
            "traffic",
        ),
    ],
)
def test_ready_takes_all_five(wrong: dict[str, object], check: str | None) -> None:
    checks = ready_checks(a_service(**wrong), "shop-2", 100, "sp-new")

    assert len(checks) == 5
    assert [each.id for each in checks if not each.ok] == ([check] if check else [])


def test_an_address_that_is_none_is_not_used() -> None:
    with pytest.raises(DeployError, match="Cloud Run gave 'javascript:alert' as an address"):
        a_service(uri="javascript:alert").url()
    assert a_service().url("sp-new") == "https://a.b"
    assert a_service().url("sp-old") is None


TARGET = {"project": "proj-1", "region": "europe-west1", "service": "shop", "image": "r/shop:{commit}"}


def target(**keys: object) -> CloudRunTarget:
    return CloudRunTarget.model_validate(TARGET | keys)


def test_what_the_spec_does_not_name_stays_in_the_next_revision() -> None:
    current = {
        "revision": "shop-1",
        "annotations": {"a": "b", COMMIT: f"{'c' * 40} shop-1"},
        "labels": {"team": "shop", "commit-sha": "c" * 40},
        "containers": [
            {
                "image": "r/shop:old",
                "env": [{"name": "A", "value": "1"}, {"name": "B", "valueSource": {"secretKeyRef": {"secret": "s"}}}],
                "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "startupCpuBoost": True},
            }
        ],
        "scaling": {"maxInstanceCount": 5},
        "vpcAccess": {"egress": "ALL_TRAFFIC"},
    }

    made = template.made(current, target(memory="1Gi", min_instances=0, env={"A": "{commit}"}), "shop-2", "d" * 40)

    assert made == {
        "revision": "shop-2",
        "annotations": {"a": "b", COMMIT: f"{'d' * 40} shop-2"},
        "labels": {"team": "shop", "commit-sha": "d" * 40},
        "containers": [
            {
                "image": f"r/shop:{'d' * 40}",
                "env": [
                    {"name": "B", "valueSource": {"secretKeyRef": {"secret": "s"}}},
                    {"name": "A", "value": "d" * 40},
                ],
                "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "startupCpuBoost": True},
            }
        ],
        "scaling": {"minInstanceCount": 0, "maxInstanceCount": 5},
        "vpcAccess": {"egress": "ALL_TRAFFIC"},
    }
    assert current["revision"] == "shop-1"


def test_among_several_containers_the_one_with_a_port_is_meant_or_the_one_that_is_named() -> None:
    two = {
        "containers": [{"name": "log", "image": "l"}, {"name": "web", "image": "w", "ports": [{"containerPort": 1}]}]
    }

    images = [each["image"] for each in template.made(two, target(image="x"), "shop-2", None)["containers"]]
    assert images == ["l", "x"]
    images = [each["image"] for each in template.made(two, target(image="x", container="log"), "s", None)["containers"]]
    assert images == ["x", "w"]
    with pytest.raises(DeployError, match="no container 'db'; it has: log, web"):
        template.made(two, target(image="x", container="db"), "shop-2", None)
    with pytest.raises(DeployError, match="name the one to deploy with `container`"):
        template.made({"containers": [{"name": "a"}, {"name": "b"}]}, target(image="x"), "shop-2", None)


def test_an_image_of_a_commit_needs_one() -> None:
    with pytest.raises(DeployError, match="needs a commit, and none is known"):
        template.made({}, target(), "shop-2", None)


@given(st.from_regex(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?", fullmatch=True), st.none() | st.just("0123456789" * 4))
def test_a_revisions_name_is_one_that_the_platform_takes(service: str, commit: str | None) -> None:
    name = template.name(service, commit)

    assert name.startswith(f"{service}-")
    assert len(name) <= template.LONGEST_NAME


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("Permission 'iam.serviceaccounts.actAs' denied on service account a@b", "roles/iam.serviceAccountUser"),
        ("Permission 'run.services.create' denied on resource", "roles/run.developer"),
        ("The service agent must have permission to read the image, eu/x", "roles/artifactregistry.reader"),
        ("Permission 'logging.logEntries.list' denied", "roles/logging.viewer"),
        ("Permission denied on secret: projects/1/secrets/x", "roles/secretmanager.secretAccessor"),
        ("Permission 'run.services.update' denied on resource 'services/secrets-api'", "roles/run.developer"),
    ],
)
def test_the_missing_role_is_named(said: str, named: str) -> None:
    assert role(said).startswith(f"{named} on the ")


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: a", "no role helps"),
        ("This API method requires billing to be enabled. Please enable billing on project #1", "billing account"),
    ],
)
def test_no_role_is_named_where_none_helps(said: str, what: str) -> None:
    assert what in advice(403, said)
    assert "roles/" not in advice(403, said)


def test_a_refusal_says_what_and_what_to_do() -> None:
    body = {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "SERVICE_DISABLED: Cloud Run Admin API"}}

    error = refused("GET /v2/x", 403, body)

    assert (error.status, error.word) == (403, "PERMISSION_DENIED")
    assert "gcloud services enable run.googleapis.com" in str(error)
    assert str(refused("GET /v2/x", 502, None)).startswith(
        "GET /v2/x: Google Cloud answered 502 : it gave no reason; this"
    )
    assert advice(404, "not there") == ""


@given(st.text(max_size=2000))
def test_the_platforms_words_are_one_line_of_bounded_length(text: str) -> None:
    made = plain(text)

    assert len(made) <= 400
    assert made.isprintable()


def test_variables_are_no_evidence_but_their_names_are() -> None:
    raw = {"template": {"containers": [{"env": [{"name": "A", "value": "secret"}, {"name": "B", "valueSource": {}}]}]}}

    assert "secret" not in str(kept(raw))
    assert kept(raw)["template"]["containers"][0]["env"][0] == {"name": "A", "value": "[not kept]"}


def test_a_revision_is_described_without_what_is_not_known() -> None:
    raw = {
        "name": "a/revisions/shop-2",
        "containers": [{"image": "r/shop:1", "resources": {"limits": {"cpu": "2", "memory": "1Gi"}}}],
        "containerStatuses": [{"imageDigest": "r/shop@sha256:abc"}],
        "scaling": {"minInstanceCount": 1},
        "timeout": "60s",
    }

    said = described(a_service(), Revision(raw), None)

    wanted = {"revision": "shop-2", "digest": "sha256:abc", "cpu": "2", "memory": "1Gi", "min_instances": 1}
    assert {key: said[key] for key in wanted} == wanted
    assert said["timeout"] == "60s"
    assert "concurrency" not in said


@pytest.mark.parametrize(
    ("annotation", "label", "commit"),
    [
        (f"{'a' * 40} shop-2", None, "a" * 40),
        (f"{'a' * 40} shop-1", None, None),  # copied by a tool that deployed a revision after ours
        (f"{'a' * 40} shop-1", "a" * 40, None),
        (f"{'a' * 40} shop-1", "b" * 40, "b" * 40),
        (f"{'a' * 40} shop-2", "b" * 40, "a" * 40),
        (None, "b" * 40, "b" * 40),
        (None, None, None),
        ("HEAD; rm shop-2", None, None),
        (None, "main", None),
    ],
)
def test_a_revisions_commit_is_believed_only_if_it_is_said_of_it_and_can_be_one(
    annotation: str | None, label: str | None, commit: str | None
) -> None:
    raw = {
        "name": "projects/p/locations/l/services/shop/revisions/shop-2",
        "annotations": {COMMIT: annotation} if annotation else {},
        "labels": {"commit-sha": label} if label else {},
    }
    assert Revision(raw).commit() == commit


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("project", "Proj"),
        ("region", "europe_west1"),
        ("service", "Shop"),
        ("image", "r/shop:{sha}"),
        ("env", {"PORT": "1"}),
        ("tag", "-x"),
        ("endpoint", "http://run.example"),
        ("concurrency", 0),
        ("url", "https://ana:hunter2@shop.example"),
    ],
)
def test_what_cannot_be_is_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError):
        target(**{key: value})
