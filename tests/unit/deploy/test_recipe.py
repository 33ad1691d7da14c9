"""The keys that say how a revision is made to run: what is wrong is said before anything is started."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.deploy.process import ProcessTarget
from bot.deploy.state import Slot

SLOT = Slot(revision="shop-0123456", commit="0123456789", repository="/r", tree="/trees/shop-0123456-1", port=4321)
CACHE = Path("/home of ours/cache")


def recipe(command: str = "serve", **keys: object) -> ProcessTarget:
    return ProcessTarget.model_validate({"command": command, **keys})


def test_placeholders_are_filled_in_after_the_split() -> None:
    made = recipe("{python} -m shop --port {port} '--at={commit} here' --cache {cache}")

    assert made.words(made.command, SLOT, CACHE) == [
        sys.executable,
        "-m",
        "shop",
        "--port",
        "4321",
        "--at=0123456789 here",
        "--cache",
        "/home of ours/cache",
    ]


@given(st.lists(st.text(st.characters(exclude_characters="{}\0", codec="utf-8"), min_size=1), min_size=1, max_size=4))
def test_no_shell_sees_the_command(words: list[str]) -> None:
    import shlex

    made = recipe(shlex.join(words))

    assert made.words(made.command, SLOT, CACHE) == words


def test_what_only_looks_like_a_placeholder_stays() -> None:
    made = recipe("""sh -c 'echo ${home} {"a": 1} {} {A}'""")

    assert made.words(made.command, SLOT, CACHE)[2] == 'echo ${home} {"a": 1} {} {A}'


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"command": "serve 'half"}, "cannot be split into words: no closing quotation"),
        ({"command": "  "}, "it is empty"),
        ({"command": "serve {prot}"}, "nothing is known to fill {prot} with; did you mean {port}?"),
        ({"prepare": "make {zzz}"}, "nothing is known to fill {zzz} with"),
        ({"directory": "../elsewhere"}, "it leaves the work tree"),
        ({"directory": "/etc"}, "it leaves the work tree"),
        ({"environment": {"A=B": "c"}}, "cannot be set"),
        ({"environment": {"A": "\0"}}, "cannot be set"),
        ({"ready": "health"}, "ready"),
        ({"ready": "/health\r\nx: y"}, "ready"),
        ({"port": 65_536}, "port"),
        ({"within": "soon"}, "is no duration"),
        ({"comand": "x"}, "comand"),
    ],
)
def test_what_is_wrong_is_said(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ProcessTarget.model_validate({"command": "serve", **keys})

    assert message in str(caught.value)


def test_a_revision_learns_what_it_is_whatever_the_spec_says() -> None:
    variables = recipe(environment={"REVISION": "another", "COLOUR": "blue"}).variables(SLOT)

    assert variables == {"REVISION": "shop-0123456", "COMMIT": "0123456789", "PORT": "4321", "COLOUR": "blue"}


def test_a_folder_that_leads_out_of_the_work_tree_is_none(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "out").symlink_to(tmp_path)
    slot = SLOT.model_copy(update={"tree": str(tree)})

    assert recipe().folder(slot) == tree
    with pytest.raises(NotADirectoryError):
        recipe(directory="out").folder(slot)
