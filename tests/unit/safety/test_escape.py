"""Whatever a service said is shown as it is, and is nothing but text: held to GitHub's own Markdown parser."""

import html
import re
import unicodedata

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import given
from hypothesis import strategies as st

from bot.safety.escape import Markdown, code_span, fence, link, prose, sentence, terminal

HOSTILE = (
    "@org/team",
    "fixes #1",
    "</details>",
    "<!-- stability-proof:v1 key=a/b -->",
    "```\n# x",
    "a|b",
    "[x](http://e.invalid)",
    "https://e.invalid",
    "**x** _y_ ~~z~~",
    "\u202egpj.exe",
    "\x1b[31mred",
    "![x](http://e.invalid/beacon)",
    "`",
    "``",
    "\\`",
    "$x$",
    "www.e.invalid",
    "_www.e.invalid",
    "&lt;b&gt;",
)
TEXTS = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=4).map(" ".join))


def rendered(markdown: str) -> str:
    found: str = cmarkgfm.github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE)
    return found


def plain(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", markup)).strip()


@given(TEXTS)
def test_a_code_span_is_one_code_element_that_shows_the_text(text: str) -> None:
    found = rendered(f"x {code_span(text)} y")

    assert plain(found).removeprefix("x").removesuffix("y").strip() == (terminal(text, 200) or "(empty)").replace(
        "|", "\\|"
    )
    assert set(re.findall(r"</?(\w+)", found)) <= {"p", "code", "em"}
    assert found.count("<code>") == (1 if terminal(text) else 0)


@given(TEXTS)
def test_a_code_span_stays_in_its_cell(text: str) -> None:
    found = rendered(f"| a | b |\n|---|---|\n| {code_span(text)} | end |\n")

    assert found.count("<td>") == 2
    assert plain(found.split("<td>")[1]) == (terminal(text, 200) or "(empty)")


@given(TEXTS)
def test_a_fence_is_one_block_that_nothing_closes(text: str) -> None:
    found = rendered(f"before\n\n{fence(text)}\n\nafter")

    assert found.count("<pre>") == found.count("</pre>") == 1
    assert found.rstrip().endswith("<p>after</p>")
    assert set(re.findall(r"</?(\w+)", found)) == {"p", "pre", "code"}


@given(TEXTS)
def test_prose_is_text_without_markup_mention_link_or_reference(text: str) -> None:
    found = rendered(f"x {prose(text)}")

    assert set(re.findall(r"</?(\w+)", found)) <= {"p"}
    assert "<!--" not in found
    assert not re.search(r"@[\w-]|#\d", plain(found))
    assert "".join(plain(found).removeprefix("x").split()).replace("\u2060", "") == "".join(terminal(text, 600).split())


@given(st.one_of(TEXTS, st.lists(st.sampled_from([*HOSTILE, "key", "`judge: x`", "` a", "a`b"])).map("".join)))
def test_a_sentence_is_text_and_code_and_stays_in_its_cell(text: str) -> None:
    found = rendered(f"| a | b |\n|---|---|\n| x {sentence(text)} | end |\n")

    assert found.count("<td>") == 2
    assert set(re.findall(r"</?(\w+)", found)) <= {"table", "thead", "tbody", "tr", "th", "td", "code"}
    cell = plain(found.split("<td>")[1].split("</td>")[0]).removeprefix("x")
    outside = html.unescape(re.sub(r"<code>.*?</code>", "", found.split("<td>")[1]))
    assert not re.search(r"@[\w-]|#\d", outside)
    assert re.sub(r"[\s`\u2060]", "", cell) == re.sub(r"[\s`\u2060]", "", terminal(text, 600))


@pytest.mark.parametrize(
    "text", ["1. x", "2)", "- x", "+ x", "-", "---", "===", "- - -", ":shipit:", "-1", "3.5 ms", "="]
)
def test_what_would_begin_a_block_or_a_picture_is_shown_as_it_is(text: str) -> None:
    for before in ("", "a\n", "- ", "> "):
        found = rendered(f"{before}{prose(text)}\n")
        assert set(re.findall(r"</?(\w+)", found)) <= ({"p", "ul", "li"} if before == "- " else {"p", "blockquote"})
        assert plain(found).removeprefix("a").strip().replace("\u2060", "") == text
    assert not re.search(r":\w+:", prose(":shipit:"))


def test_a_key_between_backticks_is_code() -> None:
    assert rendered(sentence("widen it (`judge: budget`)")) == "<p>widen it (<code>judge: budget</code>)</p>\n"


@given(TEXTS)
def test_a_line_for_a_terminal_is_one_line_without_control(text: str) -> None:
    line = terminal(text)

    assert "\n" not in line
    assert not any(unicodedata.category(each) == "Cc" for each in line)
    assert terminal(line) == line


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "http://e.invalid/) [x](y", "//e.invalid", "http://e.invalid/<b>", ""]
)
def test_what_is_no_plain_url_is_not_linked(url: str) -> None:
    assert link(Markdown("x"), url) == "x"


def test_a_plain_url_is_linked() -> None:
    assert link(Markdown("x"), "https://e.invalid/a?b=c#d") == "[x](https://e.invalid/a?b=c#d)"
