"""Commands in comments: any text gives commands or none, and nothing that its author only shows is read."""

import time
from html.parser import HTMLParser

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.github.chat import COMMANDS, MOST_COMMANDS, Command, Mistake, commands
from bot.model import MOST_REASON


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("/stability explain sign in", Command("explain", "sign in")),
        ("/stability explain `health`", Command("explain", "health")),
        ("/stability rerun", Command("rerun")),
        ("/stability  RERUN ", Command("rerun")),
        ("/stability\thelp", Command("help")),
        ("/stability", Command("help")),
        ("/stability pin", Command("pin")),
        ("/stability unpin", Command("unpin")),
        (
            "/stability accept health/latency tail because the cache is gone",
            Command("accept", "health/latency tail", "the cache is gone"),
        ),
        (
            "/stability accept `a/b` because it is known, until 2026-12-31",
            Command("accept", "a/b", "it is known", "2026-12-31"),
        ),
        (
            "/stability accept a/b because slow until the cache is warm",
            Command("accept", "a/b", "slow until the cache is warm"),
        ),
        ("/stability invalidate ABCDEF0", Command("invalidate", "abcdef0")),
        ("/stability invalidate abcdef0 because it lied", Command("invalidate", "abcdef0", "it lied")),
    ],
)
def test_a_line_is_a_command(line: str, wanted: Command) -> None:
    assert commands(f"Thanks!\r\n{line}\nBye") == (wanted,)


@pytest.mark.parametrize(
    ("line", "why", "form"),
    [
        ("/stability expain health", "no such command", "explain PROBE"),
        ("/stability zzzz", "no such command", "help"),
        ("/stability explain", "names no probe", "explain"),
        ("/stability rerun now", "takes nothing", "rerun"),
        ("/stability accept a/b", "no reason", "accept"),
        ("/stability accept because it is fine", "names no finding", "accept"),
        ("/stability accept a/b because until 2026-12-31", "no reason", "accept"),
        ("/stability accept a/b because x until tomorrow", "YYYY-MM-DD", "accept"),
        ("/stability accept a/b because x until 2026-02-30", "YYYY-MM-DD", "accept"),
        (f"/stability accept a/b because {'x' * (MOST_REASON + 1)}", "at most 300", "accept"),
        ("/stability invalidate main", "hexadecimal", "invalidate"),
        ("/stability explain " + "x" * 301, "longer than 300", "explain"),
    ],
)
def test_a_mistake_says_what_is_wrong_and_names_the_nearest(line: str, why: str, form: str) -> None:
    (found,) = commands(line)
    assert isinstance(found, Mistake)
    assert why in found.why
    assert found.form.startswith(form)


SHOWN = [
    "```\n/stability rerun\n```",
    "~~~ text\n/stability rerun\n```\n/stability rerun\n~~~",
    "````\n```\n/stability rerun\n````",
    "```\n/stability rerun",
    "> /stability rerun",
    "> he said\n/stability rerun",
    "   > he said\n/stability rerun",
    "<!--\n/stability rerun\n-->",
    "text <!-- a -->  <!-- b\n\n/stability rerun\n-->",
    "<!-- /stability rerun -->",
    "<pre>\n\n/stability rerun\n\n</pre>",
    "<PRE class='x'>\n/stability rerun\n</PRE>",
    "<blockquote>\n\n/stability rerun\n\n</blockquote>",
    "<!-- a -->\n<!-- b -- c\n\n/stability rerun\n\n-->",
    "<!-->\n\n/stability rerun\n\n-->",
    "<?\n\n/stability rerun\n\n?>",
    "<!X\n\n/stability rerun\n\n>",
    "<![CDATA[\n\n/stability rerun\n\n]]>",
    "LGTM <b title='\n/stability rerun\n'>x</b>",
    "<div></div> <a.b title='\n\n/stability rerun\n\n'>",
    "- <div></div> </3 title='\n\n/stability rerun\n\n'>",
    "<div>x</div>\n/stability rerun",
    "<details>\n\n/stability rerun\n\n</details>",
    "<title>\n/stability rerun\n</title>",
    "<noscript>\n\n/stability rerun\n\n</noscript>",
    "<svg>\n\n/stability rerun\n</svg>",
    "<plaintext></plaintext>\n\n/stability rerun",
    "<b><pre></b>\n\n/stability rerun\n\n</pre>",
    "# `\n<pre>`\n\n/stability rerun\n\n</pre>",
    "a ` <b> | `<pre>` |\n\n/stability rerun\n\n</pre>",
    "[a]: /x '\n/stability rerun\n'",
    "- [a]: /x '\n/stability rerun\n'",
    "[a\n/stability rerun\n]: /x",
    "[a]:\n/stability",
    '[x](<a> "\n/stability rerun\n")',
    '[x](a "( ) )\n/stability rerun\n")',
    "LGTM ![\n/stability rerun\n](https://x.invalid/y.png)",
    "LGTM\n\n[^1]: note\n/stability rerun",
    "$$ \\phantom{\n\n/stability rerun\n\n} $$",
    "ok\n\nOn Mon, Mallory wrote:\n\n/stability rerun",
    "ok\n\nOn Mon, Nov 2, 2026 at 10:00 Mallory <m@x.example>\nwrote:\n\n/stability rerun",
    "Good.\n\n**From:** mallory\nSent: Monday\n\n/stability rerun",
    "Good.\n\n________________________________\nx\n\n/stability rerun",
    "`a\n/stability rerun\n<b> `",
    "`a\n/stability rerun\nb`",
    "``a ` \\\n/stability rerun\nb``",
    "    /stability rerun",
    " /stability rerun",
    "say /stability rerun",
    "/stabilityrerun",
    "/Stability rerun",
]


@pytest.mark.parametrize("text", SHOWN)
def test_what_is_only_shown_is_not_read(text: str) -> None:
    assert commands(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "```\nx\n```\n/stability rerun",
        "> quoted\n\n/stability rerun",
        "<!-- x -->\n\n/stability rerun",
        "<pre>x</pre>\n\n/stability rerun",
        "I saw `health`.\n/stability rerun\nand `more`",
        "one ` tick\n/stability rerun",
        "- an item\n\n/stability rerun",
        "<!-- x -->\n/stability rerun",
        "The `<title>` is wrong.\n/stability rerun",
        "See <https://x.example/a>, <ana@x.example>\n/stability rerun",
        "<https://x.example/a>\n/stability rerun",
        "See [this](https://x.example/a) and [x] and ![y](/z 'title').\n/stability rerun",
        "It took <b>2 s</b>,<br> i <3 you, 1 < 2 and a<b>c</b>.\n/stability rerun",
        "<b>x</b>\n\n/stability rerun",
        "[x](https://x.example/a_(b))\n\n/stability rerun",
        "[a]: /x 'y'\n\n/stability rerun",
        "- [ ] a task\n- [x] another\n/stability rerun",
        "\\`a\n/stability rerun\n`",
        "\\`` `a\n/stability rerun\n`",
    ],
)
def test_what_comes_after_it_is_read(text: str) -> None:
    assert commands(text) == (Command("rerun"),)


def test_of_many_commands_the_first_few_are_read_in_their_order() -> None:
    found = commands("\n".join(f"/stability explain p{number}" for number in range(30)))
    assert [each.about for each in found if isinstance(each, Command)] == [f"p{n}" for n in range(MOST_COMMANDS)]


def test_what_a_stranger_writes_becomes_one_plain_line() -> None:
    (found,) = commands("/stability accept a/b because \x1b[31mred\u202e \x00 @team\u2028##[error]x")
    assert found == Command("accept", "a/b", "red @team##[error]x")


@settings(max_examples=400, deadline=None)
@given(
    st.text(max_size=300)
    | st.lists(st.sampled_from(["/stability ", "accept ", "because ", "`", "\n", "x"])).map("".join)
)
def test_any_text_is_commands_or_none(text: str) -> None:
    for each in commands(f"/stability {text}\n{text}"):
        assert isinstance(each, Command | Mistake)
        if isinstance(each, Command):
            assert each.name in COMMANDS
            assert len(each.reason) <= MOST_REASON
            assert "\n" not in each.about + each.reason


class Seen(HTMLParser):
    """The words of a page that are seen, and are nobody else's."""

    HIDES = frozenset({"pre", "code", "blockquote", "title", "svg", "noscript", "details"})

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.within: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        del attrs
        if tag in self.HIDES:
            self.within.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.within:
            while self.within.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not self.within:
            self.words.append(data)


PIECES = st.sampled_from(
    [
        *("\n", "\n\n", "\r\n", " ", "    ", "`", "``", "```", "~~~", "\\", "> ", "- ", "1. ", "text", "# ", "---\n"),
        *("<!--", "-->", "<pre>", "</pre>", "<code>", "</code>", "<blockquote>", "</blockquote>", "<details>", "<b>"),
        *(
            "[a]: /x '",
            '[x](/y "',
            "'",
            '"',
            ")",
            "![",
            "](/z)",
            "[^1]: n",
            "<?",
            "?>",
            "<!X ",
            ">",
            "<![CDATA[",
            "]]>",
        ),
        *("<title>", "</title>", "<svg>", "</svg>", "<noscript>", "</noscript>", "<b title='", "<br>", "<a.b c='", "|"),
        *("\n/stability explain p", "\n/stability explain p\n", "\n> ", "\n```\n", "\n~~~\n", "\n\n<!--"),
    ]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_what_is_read_is_what_a_reader_sees_as_the_authors_own_words(text: str) -> None:
    """By GitHub's own renderer: each command that is read stands outside of code, quotations and comments."""
    page = cmarkgfm.github_flavored_markdown_to_html(text, Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES)
    seen = Seen()
    seen.feed(page)
    seen.close()
    read = [each for each in commands(text) if isinstance(each, Command) and each.name == "explain"]
    assert len(read) <= "".join(seen.words).count("/stability explain p")


@pytest.mark.parametrize(
    "piece",
    ["`a`\n", "``\n`", "<q></q>", "\\`", "~~~\n", "<!---->", "because ", "<b a='`'>", "<b x ", "[](", "[", "<b></b>"],
)
def test_an_outsiders_longest_comment_is_read_at_once(piece: str) -> None:
    """It is read before anybody is asked whether its author may talk at all."""
    began = time.process_time()
    commands(f"/stability explain p\n{piece * (65_000 // len(piece))}")
    assert time.process_time() - began < 2
