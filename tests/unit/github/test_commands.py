"""What is said to the runner is obeyed where it is ours, and never where it is somebody else's."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.github import commands
from tests.github_stand_in.runner import COMMANDS, obeyed, outputs

hostile = st.text(st.characters(codec="utf-8") | st.sampled_from("\r\n%:#[]<"), max_size=80)


@given(hostile)
def test_a_command_is_one_line_whatever_it_says(text: str) -> None:
    for line in (commands.error(text), commands.warning(text), commands.mask(text)):
        assert line.count("\n") == 1
        assert line.endswith("\n")
        assert "\r" not in line


@given(hostile)
def test_the_runner_reads_back_what_was_escaped(text: str) -> None:
    said = commands.escape_data(text)
    # the order of actions/runner, ActionCommand.UnescapeData: the percent sign comes last
    assert said.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%") == text


def test_text_of_others_commands_nothing() -> None:
    said = commands.quoted("::add-mask::x\n##[set-output name=a]b\n::stop-commands::y")
    first, *between, last = said.rstrip("\n").split("\n")
    token = first.removeprefix("::stop-commands::")
    assert last == f"::{token}::"
    assert len(token) == 32
    assert not [line for line in between if "##[" in line or token in line]


@pytest.mark.parametrize(
    "line",
    [
        "::set-output name=verdict::stable",
        " \t::SET-OUTPUT::stable",
        "\u200b::set-env name=PATH::/tmp",
        "text ##[set-output name=a]b",
        "a\r::add-path::/tmp",
        "::stop-commands::token\nx\n::token::\n::debug::again",
    ],
)
def test_the_parser_of_a_runners_log_sees_a_command(line: str) -> None:
    assert len(obeyed(line)) == 1


@pytest.mark.parametrize("line", ["a ::error::b", "::nothing::b", "##[group x", "::error", "##[section]x", ""])
def test_and_none_where_a_runner_sees_none(line: str) -> None:
    assert obeyed(line) == []


spoken = st.lists(
    st.sampled_from([*(f"::{name}::" for name in COMMANDS), "##[", "set-env name=A]b", "\r", "\n", "::", "\u200b", " "])
    | st.text(max_size=5),
    max_size=12,
).map("".join)


@settings(max_examples=500)
@given(spoken)
def test_no_text_between_quotation_marks_commands_anything(text: str) -> None:
    assert obeyed(commands.quoted(text)) == []
    assert obeyed(f"{commands.quoted(text)}::debug::after\n") == ["debug after"], "and what is ours is obeyed after it"


@given(spoken)
def test_an_annotation_is_one_command_whatever_it_says(text: str) -> None:
    assert [each.split(" ")[0] for each in obeyed(commands.error(text))] == ["error"]


def test_every_quotation_has_a_token_of_its_own() -> None:
    assert commands.quoted("x").splitlines()[0] != commands.quoted("x").splitlines()[0]


@given(st.dictionaries(st.sampled_from(["verdict", "risk", "url"]), hostile, max_size=3))
def test_an_output_of_many_lines_cannot_set_another(values: dict[str, str]) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        file = Path(folder) / "output"
        file.write_text("")
        commands.assign(file, values)
        written = file.read_bytes().decode()
        found = outputs({"GITHUB_OUTPUT": str(file)})
    assert set(found) == set(values)
    assert len(written.split("<<end_")) == len(values) + 1 + sum(each.count("<<end_") for each in values.values())


def test_nothing_is_written_where_the_runner_gave_no_file() -> None:
    commands.assign(None, {"verdict": "stable"})
    commands.summarise(None, "text")


def test_a_summary_stays_within_the_runners_limit_and_is_never_cut_inside_a_letter(tmp_path: Path) -> None:
    file = tmp_path / "summary"
    file.write_text("before\n")
    commands.summarise(file, "ü" * commands.SUMMARY_LIMIT)
    assert file.stat().st_size <= commands.SUMMARY_LIMIT
    assert file.read_text(encoding="utf-8").endswith("ü")
    commands.summarise(file, "more")
    assert file.stat().st_size <= commands.SUMMARY_LIMIT
