"""The agent thinks, uses its tools, and answers."""

import asyncio

from chat import agent
from chat.agent import Event
from chat.states import EventType


def run(text: str) -> list[Event]:
    async def collect() -> list[Event]:
        return [event async for event in agent.run(text)]

    return asyncio.run(collect())


def test_it_counts_the_words_of_a_message() -> None:
    assert run("hello there")[-1] == Event(
        EventType.AGENT_COMPLETED, {"answer": "Your message has this many words: 2."}
    )


def test_it_calculates_first_when_there_is_a_sum() -> None:
    events = run("what is 12 * (3 + 4)?")
    tools = [event.data["tool"] for event in events if event.type is EventType.TOOL_EXECUTING]
    assert tools == ["calculator", "word_counter"]
    assert events[-1].data["answer"].startswith("12 * (3 + 4) is 84.")


def test_it_answers_although_a_tool_fails() -> None:
    assert run("1 / 0")[-1].data["answer"].startswith("1 / 0 is no result (division by zero).")


def test_the_same_text_gets_the_same_events() -> None:
    assert run("2 + 2, please") == run("2 + 2, please")


def test_it_begins_and_ends_once() -> None:
    types = [event.type for event in run("hello")]
    assert types[0] is EventType.AGENT_STARTED
    assert types.count(EventType.AGENT_COMPLETED) == 1
    assert types[-1] is EventType.AGENT_COMPLETED
