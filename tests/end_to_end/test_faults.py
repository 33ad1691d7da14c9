"""Whatever goes wrong ends in the documented exit code, one clear message, what was observed saved, and the previous
revision serving."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.model import digest
from tests import events
from tests.end_to_end import shop as shops
from tests.end_to_end.shop import Shop, wait_for
from tests.github_stand_in import StandIn
from tests.github_stand_in.runner import runner_environment

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the process target needs Linux")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path / "shop")
    yield made
    made.close()


@pytest.fixture
def open_shop(shop: Shop) -> Shop:
    """A shop whose first, healthy revision serves."""
    shop.commit(shops.HEALTHY)
    first = shop.run("run")
    assert first.returncode == 0, first.stdout + first.stderr
    return shop


def one_message(text: str) -> str:
    """The last line, after the log of what went on; there is no traceback."""
    assert "Traceback" not in text, text
    return text.strip().splitlines()[-1]


def test_a_first_run_is_recorded_and_serves(open_shop: Shop) -> None:
    assert open_shop.serving().startswith("shop-")
    assert (open_shop.folder / "out" / "proof.zip").exists()


@pytest.mark.parametrize(
    "stock",
    [shops.BROKEN_JSON, shops.ENDLESS, shops.SILENT, shops.SUICIDE],
    ids=["broken JSON body", "endless body", "accepts and never answers", "dies in the middle of a probe"],
)
def test_a_candidate_that_misbehaves_is_unstable_and_rolled_back(open_shop: Shop, stock: str) -> None:
    good = open_shop.serving()
    open_shop.commit(stock)
    if stock == shops.SILENT:  # each of its tries waits so long
        spec = open_shop.folder / "stability.yml"
        spec.write_text(spec.read_text().replace("GET /stock, timeout: 4s", "GET /stock, timeout: 1500ms"))

    ended = open_shop.run("run")

    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    assert good == open_shop.serving()
    verdict = json.loads((open_shop.folder / "out/verdict.json").read_text())
    assert verdict["verdict"] == "unstable"
    bad = {finding["probe"] for finding in verdict["findings"] if finding["status"] in {"broken", "regressed"}}
    assert "stock" in bad
    assert open_shop.run("verify", "out/proof.zip").returncode == 0


@pytest.mark.parametrize(
    "signals",
    [(signal.SIGTERM,), (signal.SIGINT, signal.SIGINT), (signal.SIGHUP,)],
    ids=["SIGTERM", "SIGINT twice", "the terminal hangs up"],
)
def test_a_signal_between_deploy_and_verdict_leaves_the_previous_revision(
    open_shop: Shop, signals: tuple[signal.Signals, ...]
) -> None:
    good = open_shop.serving()
    open_shop.strategy("direct")
    open_shop.commit(shops.SILENT)
    running = open_shop.start("run", "--out", "out")
    wait_for(lambda: open_shop.serving() != good, running=running)

    for number in signals:
        running.send_signal(number)
    _, err = running.communicate(timeout=20)

    assert running.returncode == 4, err
    assert "stopped before there was a verdict" in one_message(err)
    assert good == open_shop.serving()
    states = {each["probe"]: each["state"] for each in open_shop.saved()["observations"]}
    assert states["deploy"] == "measured"


def test_sigkill_is_made_good_by_recover(open_shop: Shop) -> None:
    good = open_shop.serving()
    open_shop.strategy("direct")
    open_shop.commit(shops.SILENT)
    running = open_shop.start("run")
    wait_for(lambda: open_shop.serving() != good, running=running)

    running.kill()
    running.communicate()
    ended = open_shop.run("recover")

    assert ended.returncode == 0, ended.stderr
    assert good == open_shop.serving()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_promotion_that_is_stopped_half_way_goes_back_whole(open_shop: Shop, number: signal.Signals) -> None:
    good = open_shop.serving()
    open_shop.strategy("{promote: [50, 100], pause: 60s, starts: 0, watch: {before: 200ms}}")
    open_shop.commit(f"{shops.HEALTHY}  # another")
    running = open_shop.start("run")
    wait_for(lambda: open_shop.serving() != good, running=running)

    running.send_signal(number)
    _, err = running.communicate(timeout=30)
    if number == signal.SIGKILL:
        assert open_shop.run("recover").returncode == 0
    else:
        assert running.returncode == 4, err
        (rollout,) = [each for each in open_shop.saved()["observations"] if each["probe"] == "rollout"]
        assert rollout["facts"], "what users got until then is kept"

    assert {open_shop.serving() for _ in range(10)} == {good}


def test_a_network_to_github_that_is_cut_takes_neither_the_verdict_nor_the_rollback(
    shop: Shop, github: StandIn, tmp_path: Path
) -> None:
    healthy, broken = shop.commit(shops.HEALTHY), shop.commit(shops.BROKEN_JSON)
    home = github.repository("example/shop", git=str(shop.folder))
    inputs = {"out": "out", "baseline": str(tmp_path / "kept")}

    def push(sha: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        home.branches["main"] = sha
        given = runner_environment(github, events.load("push", github, home), tmp_path / sha, inputs=inputs)
        return shop.run_action(**{**given, **variables})

    assert push(healthy).returncode == 0
    good = shop.serving()

    ended = push(broken, GITHUB_API_URL=f"http://127.0.0.1:{shops.free_port()}", GITHUB_SERVER_URL="")

    assert ended.returncode == 4, ended.stdout
    (message,) = [line for line in ended.stdout.splitlines() if line.startswith("::error::")]
    assert "GitHub cannot be reached" in message
    assert "the verdict, unstable, is in out" in message
    assert "Traceback" not in ended.stdout + ended.stderr
    assert json.loads((shop.folder / "out/verdict.json").read_text())["verdict"] == "unstable"
    assert good == shop.serving()


def test_a_typo_in_the_spec_names_line_column_and_the_key_that_was_meant(open_shop: Shop) -> None:
    spec = open_shop.folder / "stability.yml"
    spec.write_text(spec.read_text().replace("expect:", "exepct:", 1))
    good = open_shop.serving()

    ended = open_shop.run("run")

    assert ended.returncode == 2
    message = one_message(ended.stderr)
    assert "stability.yml:9:" in message
    assert "unknown key 'exepct'; did you mean 'expect'?" in message
    assert good == open_shop.serving()


def test_an_unknown_commit_is_the_platforms_refusal(open_shop: Shop) -> None:
    good = open_shop.serving()

    ended = open_shop.run("run", "--commit", "no-such-commit")

    assert ended.returncode == 4
    assert "no-such-commit" in one_message(ended.stderr)
    assert good == open_shop.serving()
    left = {each.name for each in (open_shop.folder / "out").iterdir()}
    assert left == {"candidate"}, "the verdict of an earlier pass is not this one's"


def test_a_folder_that_cannot_be_written_to_is_known_before_anything_is_deployed(open_shop: Shop) -> None:
    good = open_shop.serving()
    open_shop.commit(shops.HEALTHY)
    (open_shop.folder / "taken").write_text("")

    ended = open_shop.run("run", "--out", "taken/out")

    assert ended.returncode == 2
    assert "taken/out cannot be written to: Not a directory" in one_message(ended.stderr)
    assert "deploying" not in ended.stderr
    assert good == open_shop.serving()


def test_a_full_disk_is_no_verdict_and_leaves_the_previous_revision(open_shop: Shop) -> None:
    good = open_shop.serving()
    open_shop.commit(shops.BROKEN_JSON)

    # a file of more than 12 KiB fails to be written, as any does on a disk that is full: a run of this shop has 8 of
    # them, and a proof 18
    ended = open_shop.run_within("ulimit -f 24", "run")

    assert ended.returncode == 4, ended.stderr
    assert "File too large; mend that" in one_message(ended.stderr)
    assert good == open_shop.serving()
    assert open_shop.saved()["observations"]
    assert not (open_shop.folder / "out" / "proof.zip").exists()


def test_a_log_that_nobody_reads_any_more_stops_nothing_half_way(open_shop: Shop) -> None:
    good = open_shop.serving()
    open_shop.commit(shops.BROKEN_JSON)
    running = open_shop.start("run")
    assert running.stderr is not None
    running.stderr.close()
    running.stderr = None

    running.communicate(timeout=60)

    assert running.returncode == 1
    assert good == open_shop.serving()
    assert (open_shop.folder / "out" / "proof.zip").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "-f", "nowhere.yml"), "nowhere.yml: cannot read the spec"),
        (("judge", "nowhere.json"), "nowhere.json: cannot be read"),
        (("report", "stability.yml"), "stability.yml"),
        (("verify", "stability.yml"), "stability.yml: not a proof"),
        (("probe", "--url", "http://127.0.0.1:9", "--only", "nothing"), "--only nothing: the spec has no such probe"),
        (("probe", "--url", "http://ana:hunter2@127.0.0.1:9"), "a password in it would be in every report"),
    ],
)
def test_a_wrong_call_is_one_message_and_exit_code_2(shop: Shop, words: tuple[str, ...], message: str) -> None:
    shop.commit(shops.HEALTHY)

    ended = shop.run(*words)

    assert ended.returncode == 2
    assert message in one_message(ended.stderr)


def test_nothing_there_is_known_in_a_moment(shop: Shop) -> None:
    ended = shop.run("probe", "--url", f"http://127.0.0.1:{shops.free_port()}")

    assert ended.returncode == 1, ended.stderr
    assert {"broken"} == {each["state"] for each in json.loads((shop.folder / "run.json").read_text())["observations"]}


def test_a_page_that_was_made_by_somebody_else_is_no_part_of_a_proof(open_shop: Shop, tmp_path: Path) -> None:
    """Not even with a list of digests that fits it: the page is made again, as the comment is."""
    import zipfile

    with zipfile.ZipFile(open_shop.folder / "out" / "proof.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    for name, change in (("report/report.html", (b"First run", b"Stable")), ("candidate/run.json", (b'":"', b'": "'))):
        forged = {**files, name: files[name].replace(*change)}
        assert forged != files
        listed = {each: digest(data) for each, data in forged.items() if each != "MANIFEST.json"}
        manifest = {**json.loads(files["MANIFEST.json"]), "files": listed}
        with zipfile.ZipFile(tmp_path / "forged.zip", "w") as archive:
            for each, data in {**forged, "MANIFEST.json": json.dumps(manifest).encode()}.items():
                archive.writestr(each, data)

        ended = open_shop.run("verify", str(tmp_path / "forged.zip"))

        assert ended.returncode == 1
        assert f"{name}: differs from its recomputation" in ended.stdout


def test_every_byte_of_a_run_is_covered_by_the_proof(open_shop: Shop, tmp_path: Path) -> None:
    import zipfile

    proof = open_shop.folder / "out" / "proof.zip"
    with zipfile.ZipFile(proof) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    raw = files["candidate/run.json"]
    for at in range(0, len(raw), max(1, len(raw) // 7)):
        changed = {**files, "candidate/run.json": raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]}
        forged = tmp_path / "forged.zip"
        with zipfile.ZipFile(forged, "w") as archive:
            for name, data in changed.items():
                archive.writestr(name, data)

        ended = open_shop.run("verify", str(forged))

        assert ended.returncode == 1
        assert "candidate/run.json" in ended.stdout
