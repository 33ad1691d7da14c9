"""A merge queue's commit on a service that users reach: the action as a process, beside a revision that goes on serving."""

import threading
import time
from pathlib import Path

from bot.model import Run
from tests import events
from tests.end_to_end import shop as shops
from tests.end_to_end.shop import Shop
from tests.github_stand_in import StandIn
from tests.github_stand_in.runner import outputs, runner_environment


def test_a_rehearsal_and_a_refresh_give_the_traffic_back(github: StandIn, tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    spec = shop.folder / "stability.yml"
    spec.write_text(spec.read_text().replace("timeout: 4s", "timed: false, timeout: 4s"))
    first = shop.commit(shops.HEALTHY)
    world = github.repository("example/shop", git=str(shop.folder))
    world.branches["main"] = first
    try:
        pushed = runner_environment(github, events.load("push", github, world), tmp_path / "1")
        assert shop.run_action(**pushed).returncode == 0
        assert shop.serving() == f"shop-{first[:7]}"
        second = shop.commit(f"# apples\n{shops.HEALTHY}")
        world.push(second, branch="gh-readonly-queue/main/pr-2-0")
        group = runner_environment(github, events.load("merge_group", github, world, sha=second), tmp_path / "2")

        rehearsed = shop.run_action(**group)

        assert (rehearsed.returncode, outputs(group)["verdict"]) == (0, "stable"), rehearsed.stdout
        assert shop.serving() == f"shop-{first[:7]}"
        world.push(second)  # it is merged, and not deployed yet: users have the first
        timer = runner_environment(github, events.load("schedule", github, world), tmp_path / "3")
        failures: list[str] = []
        ended = threading.Event()

        def use() -> None:
            while not ended.is_set():
                try:
                    shop.serving()
                except OSError as error:
                    failures.append(str(error))
                time.sleep(0.02)

        user = threading.Thread(target=use)
        user.start()
        refreshed = shop.run_action(**timer)
        ended.set()
        user.join()
        assert (refreshed.returncode, outputs(timer)["verdict"]) == (0, "stable"), refreshed.stdout
        assert shop.serving() == f"shop-{first[:7]}"
        assert failures == []
        assert (world.statuses[-1].sha, world.statuses[-1].state) == (first, "success")
        kept = max((each for each in world.artifacts.values() if each.name.endswith("-last-good")), key=lambda a: a.id)
        assert Run.from_json(world.content(kept)["run.json"]).subject.commit == first
    finally:
        shop.close()
