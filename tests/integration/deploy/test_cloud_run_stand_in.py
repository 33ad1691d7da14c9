"""The stand-in for Cloud Run is strict: what Google's description does not have is refused, and fails the test."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cloud_run_stand_in import validation
from tests.cloud_run_stand_in.fixtures import PATH, Ground, ground
from tests.cloud_run_stand_in.stand_in import TOKEN

__all__ = ["ground"]

REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"


def ask(ground: Ground, method: str, path: str, body: object = None, token: str = TOKEN) -> tuple[int, Any]:
    answer = httpx.request(
        method, ground.google.url + path, json=body, headers={"authorization": f"Bearer {token}"}, trust_env=False
    )
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("method", "path", "body", "says"),
    [
        ("PATCH", f"{PATH}?updateMask=traffic", {"trafic": []}, "trafic"),
        ("PATCH", f"{PATH}?updatemask=traffic", {}, "parameter 'updatemask' is not described"),
        ("PATCH", f"{PATH}?updateMask=traffic", {"reconciling": True}, "reconciling is output only"),
        ("PATCH", f"{PATH}?updateMask=traffic", {"traffic": [{"percent": "100"}]}, "is not of type 'integer'"),
        ("PATCH", f"{PATH}?updateMask=traffic", {"traffic": [{"type": "LATEST"}]}, "is not one of"),
        ("PATCH", f"{PATH}?updateMask=template", {"template": {"timeout": "5m"}}, "does not match"),
        ("GET", f"{PATH}/instances", None, "is not a method that the stand-in knows"),
    ],
)
def test_what_is_not_described_is_a_violation(ground: Ground, method: str, path: str, body: object, says: str) -> None:
    ground.stable()

    status, _ = ask(ground, method, path, body)

    assert status == 400
    [violation] = ground.google.violations
    assert says in violation
    ground.google.violations.clear()


def test_an_answer_is_held_to_the_description_too() -> None:
    described = validation.read("GET", PATH, b"").operation

    validation.check_answer(described, 200, {"name": "x", "generation": "1"})
    with pytest.raises(validation.Violation, match="generation"):
        validation.check_answer(described, 200, {"name": "x", "generation": 1})
    with pytest.raises(validation.Violation, match="has another form"):
        validation.check_answer(described, 404, {"message": "Not Found"})


@pytest.mark.parametrize(
    ("traffic", "says"),
    [
        ([{"type": REVISION, "revision": "shop-00001-old", "percent": 99}], "add up to 100, not 99"),
        (
            [
                {"type": REVISION, "revision": "shop-00001-old", "percent": 100, "tag": "a"},
                {"type": REVISION, "revision": "shop-00001-old", "tag": "a"},
            ],
            "used once only",
        ),
    ],
)
def test_traffic_that_is_none_is_refused_as_google_does(ground: Ground, traffic: list[object], says: str) -> None:
    ground.stable()

    status, answer = ask(ground, "PATCH", f"{PATH}?updateMask=traffic", {"traffic": traffic})

    assert status == 400
    assert says in answer["error"]["message"]


def test_an_etag_of_before_a_wrong_token_and_what_is_not_there_are_refused(ground: Ground) -> None:
    ground.stable()
    before = ask(ground, "GET", PATH)[1]["etag"]
    ask(ground, "PATCH", f"{PATH}?updateMask=labels", {"labels": {"a": "b"}, "etag": before})

    late = ask(ground, "PATCH", f"{PATH}?updateMask=labels", {"labels": {}, "etag": before})

    assert (late[0], late[1]["error"]["status"]) == (409, "ABORTED")
    assert ask(ground, "GET", PATH, token="another")[0] == 401
    assert ask(ground, "GET", f"{PATH}/revisions/shop-none")[0] == 404


def test_a_revisions_name_stands_for_one_configuration(ground: Ground) -> None:
    old = ground.stable()
    body = {"template": {"revision": old, "containers": [{"image": "registry/shop:crashes"}]}}

    status, answer = ask(ground, "PATCH", f"{PATH}?updateMask=template", body)

    assert status == 409
    assert "with different configuration already exists" in answer["error"]["message"]


def test_the_licence_of_googles_descriptions_is_kept() -> None:
    folder = Path(validation.__file__).parent / "discovery"

    assert "Apache License" in (folder / "LICENSE-google-api-python-client").read_text()
