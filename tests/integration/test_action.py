"""The action's entry point as a process: whatever happens, the gate is closed, the exit code is right, nothing is lost."""

import base64
import io
import json
import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests import events
from tests.github_stand_in import Repository, StandIn
from tests.github_stand_in.runner import obeyed, runner_environment
from tests.integration.jobs import ROOT, SPEC, Job, answering


@pytest.fixture
def url() -> Iterator[str]:
    with answering() as url:
        yield url


@pytest.fixture
def home(github: StandIn) -> Repository:
    made = github.repository("example/shop")
    made.commit("the first")
    return made


def test_a_push_ends_in_outputs_a_summary_a_comment_and_a_closed_gate(
    github: StandIn, home: Repository, url: str, tmp_path: Path
) -> None:
    job = Job(github, home, tmp_path, SPEC.format(url=url, status=200))

    ended = job.run()

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (job.said["verdict"], job.said["exit-code"]) == ("first run", "0")
    assert (job.workspace / job.said["proof-path"]).exists()
    assert "First run" in Path(job.environment["GITHUB_STEP_SUMMARY"]).read_text()
    assert (home.statuses[-1].state, len(home.comments)) == ("success", 1)
    assert job.said["comment-url"].startswith(github.url)
    assert len(github.requests) < 100


OUTPUTS = {
    "verdict": r"stable|unstable|inconclusive|first run",
    "risk": r"minimal|low|medium|high|critical",
    "readiness": r"approved|approved with warnings|rejected|needs evidence",
    "exit-code": r"[0-4]",
    "regressed": r"\d+",
    "comment-url": r"https?://[\w.:/#-]+",
    "proof-path": r"\.stability-proof/proof\.zip",
    "proof-digest": r"sha256:[0-9a-f]{64}",
}


def test_an_output_is_a_word_a_number_an_address_a_path_or_a_digest(
    github: StandIn, home: Repository, url: str, tmp_path: Path
) -> None:
    for status in (200, 503):
        job = Job(github, home, tmp_path / str(status), SPEC.format(url=url, status=status))
        job.run()
        assert set(job.said) == set(OUTPUTS)
        assert all(re.fullmatch(pattern, job.said[name]) for name, pattern in OUTPUTS.items()), job.said


def test_a_session_that_a_service_gave_is_masked_and_a_short_word_is_not(
    github: StandIn, home: Repository, tmp_path: Path
) -> None:
    with answering() as url:
        spec = (
            SPEC.format(url=url, status=200)
            .replace("probes:", LOGIN)
            .replace("timed: false", "login: user, timed: false")
        )
        for token in ("a-session-of-40-letters-0123456789abcdef", "stable"):
            job = Job(github, home, tmp_path / token, spec)
            ended = job.run(SHOP_TOKEN=token)
            assert ended.returncode in (0, 1), ended.stdout
            assert (f"add-mask {token}!" in obeyed(ended.stdout)) == (len(token) > 16)


LOGIN = """login:
  user: {http: POST /echo, json: {token: "${SHOP_TOKEN}!"}, token: $.detail.token}
probes:"""


def test_a_broken_service_is_unstable(github: StandIn, home: Repository, url: str, tmp_path: Path) -> None:
    job = Job(github, home, tmp_path, SPEC.format(url=url, status=503))

    assert job.run().returncode == 1
    assert (job.said["verdict"], job.said["regressed"], home.statuses[-1].state) == ("unstable", "1", "failure")


def test_what_a_service_says_commands_nothing(github: StandIn, home: Repository, url: str, tmp_path: Path) -> None:
    job = Job(github, home, tmp_path, SPEC.format(url=url, status=200).replace("status: 200", "body: nothing"))

    ended = job.run()
    assert ended.stderr == "", "the runner obeys what is on standard error as well"

    commanded = obeyed(ended.stdout)
    assert commanded
    assert all(each.startswith("add-mask ") for each in commanded)
    assert not any("##[" in line for line in ended.stdout.splitlines())


def test_no_secret_reaches_github_the_runner_or_a_file(
    github: StandIn, home: Repository, url: str, tmp_path: Path
) -> None:
    """Trap 6: the runner masks its log, and nothing that is written through the API."""
    secret = 'pass "w/rd" of-ana'
    spec = SPEC.format(url=url, status=200).replace(
        "health: {",
        'echo: {http: POST /echo, json: {given: "${SHOP_PASSWORD}"}, timed: false, expect: {body: x}}\n  health: {',
    )
    job = Job(github, home, tmp_path, spec)

    ended = job.run(SHOP_PASSWORD=secret)

    assert job.said["verdict"] == "unstable", ended.stdout
    posted = [json.dumps(each.body, default=str) for each in github.requests]
    stored = [each.content for each in github.world.blobs.values() if each.content is not None]
    assert stored, "the proof and the baseline are artifacts"
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    for packed in stored:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            kept += [archive.read(name) for name in archive.namelist()]
    masks = [line for line in ended.stdout.splitlines() if line.startswith("::add-mask::")]
    log = [line for line in ended.stdout.splitlines() if line not in masks]
    assert f"::add-mask::{secret}" in masks
    everything = b"\n".join([*kept, *(each.encode() for each in (*posted, *log, ended.stderr))])
    for known in (secret, job.environment["INPUT_GITHUB-TOKEN"], job.environment["ACTIONS_RUNTIME_TOKEN"]):
        once = json.dumps(known)[1:-1]
        for form in (
            known,
            once,
            json.dumps(once)[1:-1],
            quote(known, safe=""),
            base64.b64encode(known.encode()).decode(),
        ):
            assert form.encode() not in everything
    assert b"of-ana" not in everything


def test_a_typo_in_the_spec_is_one_annotation_and_exit_code_2(
    github: StandIn, home: Repository, url: str, tmp_path: Path
) -> None:
    job = Job(github, home, tmp_path, SPEC.format(url=url, status=200).replace("timed", "timde"))

    ended = job.run()

    assert ended.returncode == 2
    assert "::error::stability.yml:6:31: unknown key 'timde'; did you mean 'timed'?" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
    assert job.said == {"verdict": "", "exit-code": "2"}
    assert "did you mean" in _summary(job)


def test_a_folder_that_cannot_be_written_to_is_no_verdict_and_the_gate_is_closed(
    github: StandIn, home: Repository, url: str, tmp_path: Path
) -> None:
    job = Job(github, home, tmp_path, SPEC.format(url=url, status=200), out="taken/out")
    (job.workspace / "taken").write_text("")

    ended = job.run()

    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert "::error::taken/out cannot be written to: Not a directory" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
    assert job.said == {"verdict": "", "exit-code": "2"}
    assert home.statuses[-1].state == "error"
    assert [each.conclusion for each in home.check_runs.values()] == ["cancelled"]


def test_a_fault_of_the_bots_own_is_no_verdict_and_the_gate_is_closed(
    github: StandIn, home: Repository, url: str, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    job = Job(github, home, tmp_path / "job", SPEC.format(url=url, status=200))
    (broken / "sitecustomize.py").write_text(
        "import bot.pipeline\n\ndef _fail(*_given):\n    raise RuntimeError('::error::what nobody foresaw')\n\n"
        "bot.pipeline.judge = _fail\n"
    )

    ended = job.run(PYTHONPATH=f"{broken}:{ROOT}")

    assert ended.returncode == 4, ended.stdout + ended.stderr
    assert "::error::there is no verdict, by a fault of stability-proof itself: RuntimeError" in ended.stdout
    assert "Traceback" not in ended.stderr
    assert job.said == {"verdict": "", "exit-code": "4"}
    assert home.statuses[-1].state == "error"


def test_a_network_to_github_that_is_cut_saves_the_verdict_and_ends_in_4(
    github: StandIn, home: Repository, url: str, tmp_path: Path
) -> None:
    baselines = str(tmp_path / "baselines")
    job = Job(github, home, tmp_path, SPEC.format(url=url, status=200), baseline=baselines)

    ended = job.run(GITHUB_API_URL="http://127.0.0.1:9")

    assert ended.returncode == 4, ended.stdout
    assert "the verdict, first run, is in" in ended.stdout
    assert (job.workspace / ".stability-proof" / "verdict.json").exists()
    assert job.said["exit-code"] == "4"
    assert "First run" in Path(job.environment["GITHUB_STEP_SUMMARY"]).read_text()


def test_a_baseline_that_cannot_be_had_is_not_measured_and_no_first_run(
    github: StandIn, home: Repository, url: str, tmp_path: Path
) -> None:
    baselines = tmp_path / "baselines"
    job = Job(github, home, tmp_path, SPEC.format(url=url, status=200), baseline=str(baselines))
    assert job.run().returncode == 0
    (good,) = baselines.rglob("last-good/run.json")
    (last,) = baselines.rglob("last/run.json")
    good.write_bytes(good.read_bytes().replace(b"measured", b"measurex"))
    last.unlink()

    damaged = job.run()
    healed = job.run()

    assert damaged.returncode == 3, damaged.stdout
    assert "the baseline last-good was refused" in damaged.stdout
    assert "compared with the last one, which was not stable itself" in healed.stdout + _summary(job)


def test_an_artifact_service_out_of_reach_makes_no_first_run(
    github: StandIn, home: Repository, url: str, tmp_path: Path
) -> None:
    job = Job(github, home, tmp_path, SPEC.format(url=url, status=200))

    ended = job.run(GITHUB_API_URL="http://127.0.0.1:9")

    assert ended.returncode == 4, ended.stdout
    assert "the verdict, inconclusive, is in" in ended.stdout


def _git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "init.defaultBranch=main")
    return subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def test_a_commit_that_is_named_in_short_gets_the_status(
    github: StandIn, home: Repository, url: str, tmp_path: Path
) -> None:
    job = Job(github, home, tmp_path, SPEC.format(url=url, status=200), commit="release")
    _git(job.workspace, "init", "-q")
    _git(job.workspace, "commit", "-q", "--allow-empty", "-m", "a release")
    _git(job.workspace, "tag", "release")
    full = _git(job.workspace, "rev-parse", "HEAD")
    home.commits[full] = next(iter(home.commits.values())).model_copy(update={"sha": full})

    ended = job.run()

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (home.statuses[-1].sha, home.statuses[-1].state) == (full, "success")


def test_a_commit_that_nobody_knows_is_one_message_and_exit_code_2(
    github: StandIn, home: Repository, url: str, tmp_path: Path
) -> None:
    job = Job(github, home, tmp_path, SPEC.format(url=url, status=200), commit="nowhere")
    _git(job.workspace, "init", "-q")

    ended = job.run()

    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert "git knows no commit 'nowhere'" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr


def _summary(job: Job) -> str:
    return Path(job.environment["GITHUB_STEP_SUMMARY"]).read_text()


def test_the_second_push_is_compared_with_the_baseline_that_the_first_one_left(
    github: StandIn, home: Repository, url: str, tmp_path: Path
) -> None:
    assert Job(github, home, tmp_path / "1", SPEC.format(url=url, status=200)).run().returncode == 0
    home.commit("the second")
    second = Job(github, home, tmp_path / "2", SPEC.format(url=url, status=200))

    assert second.run().returncode == 0
    assert second.said["verdict"] == "stable"


NOTHING = [
    *("pull_request_closed", "pull_request_opened", "push_tag", "deployment_status_in_progress"),
    *("issue_comment_created", "issue_comment_edited", "issue_comment_deleted"),
]


@pytest.mark.parametrize("event", NOTHING)
def test_an_event_that_asks_for_nothing_is_said_and_touches_nothing(
    github: StandIn, home: Repository, url: str, tmp_path: Path, event: str
) -> None:
    environment = runner_environment(github, events.load("push", github, home), tmp_path)
    job = Job(github, home, tmp_path, SPEC.format(url=url, status=200))
    loaded = events.load(event)
    Path(environment["GITHUB_EVENT_PATH"]).write_text(json.dumps(loaded.payload))

    ended = job.run(GITHUB_EVENT_NAME=loaded.name)

    assert ended.returncode == 0
    assert "Nothing to do" in ended.stdout
    assert github.requests == []


def test_what_a_killed_step_left_open_is_closed_after_the_job(
    github: StandIn, home: Repository, url: str, tmp_path: Path
) -> None:
    job = Job(github, home, tmp_path, SPEC.format(url=url, status=200))
    state = {
        "STATE_begun": "true",
        "STATE_state": str(tmp_path / "state"),
        "STATE_commit": home.branches["main"],
        "STATE_service": "shop",
        "STATE_environment": "test",
        "STATE_publish": "true",
    }

    assert job.run("post", **state).returncode == 0
    assert home.statuses[-1].state == "error"
    assert job.run("post", **state, STATE_done="true").returncode == 0
    assert len(home.statuses) == 1


def test_not_publishing_leaves_github_as_it_is(github: StandIn, home: Repository, url: str, tmp_path: Path) -> None:
    job = Job(
        github, home, tmp_path, SPEC.format(url=url, status=200), publish="false", baseline=str(tmp_path / "kept")
    )

    assert job.run(ACTIONS_RUNTIME_TOKEN="").returncode == 0
    assert (home.statuses, home.comments) == ([], {})
