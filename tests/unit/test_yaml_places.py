"""Plain data from YAML, and where its parts stand."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot import yaml_places
from bot.model.errors import SpecError

SCALARS = st.none() | st.booleans() | st.integers(-1000, 1000) | st.text("abc xyz:#", max_size=8)
KEYS = st.text("abcdef", min_size=1, max_size=4)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)


@given(TREES)
def test_what_yaml_wrote_is_read_back(tree: object) -> None:
    assert tree == yaml_places.read(yaml.safe_dump(tree), "x.yml").data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"),
        ("010", "010"),
        ("0", 0),
        ("-7", -7),
        ("1e3", 1000.0),
        ("01.5", "01.5"),
        ("true", True),
        ("~", None),
        ("", None),
        ("1.5", 1.5),
        ("5m", "5m"),
        (".", "."),
    ],
)
def test_words_stay_words(text: str, value: object) -> None:
    assert {"a": value} == yaml_places.read(f"a: {text}", "x.yml").data


def test_places_are_those_of_keys_and_values() -> None:
    document = yaml_places.read("a:\n  b: [1, 2]\n", "x.yml")

    assert document.where(("a", "b"), key=True) == "x.yml:2:3"
    assert document.where(("a", "b", 1)) == "x.yml:2:10"
    assert document.where(("a", "b", 7)) == "x.yml:2:6"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", "x.yml:2:1: the key 'a' is here twice; first at x.yml:1:1"),
        ("a: [1\n", "x.yml:2:1: not YAML"),
        ("? [1]\n: 2\n", "x.yml:1:3: a key must be a word"),
        ("a: !!python/object:os.system x\n", "x.yml:1:4: not YAML"),
        ("a: *b\n", "x.yml:1:4: not YAML"),
        ("a: \x00", "x.yml: not YAML"),
        ("a: &a [*a]", "x.yml: not YAML"),
        ("a0: &a0 [1,1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1},*a{i - 1}]\n" for i in range(1, 40)), "x.yml: more than"),
    ],
)
def test_a_fault_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        yaml_places.read(text, "x.yml")

    assert str(caught.value).startswith(message)
