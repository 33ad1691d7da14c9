"""The agent: it thinks until it knows which tools it needs, uses them, and answers from their results.

It follows rules instead of a language model, so that the same text always gets the same answer.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from chat import tools
from chat.states import EventType
from chat.tools import Call, ToolError

THINKING_SECONDS = 0.025
ARITHMETIC = re.compile(r"[\d\s.+\-*/()]+")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that the client hears while the agent works."""

    type: EventType
    data: dict[str, str]


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool said."""

    call: Call
    output: str


async def run(text: str) -> AsyncIterator[Event]:
    """Work on one message; the last event carries the answer."""
    yield Event(EventType.AGENT_STARTED, {"text": text})
    plan: list[Call] = []
    while call := think(text, plan):
        await asyncio.sleep(THINKING_SECONDS)
        yield Event(EventType.AGENT_THINKING, {"thought": f"I need the {call.tool}."})
        plan.append(call)
    results: list[Result] = []
    for call in plan:
        yield Event(EventType.TOOL_EXECUTING, {"tool": call.tool, "argument": call.argument})
        try:
            output = await tools.use(call)
        except ToolError as error:
            output = f"no result ({error})"
        yield Event(EventType.TOOL_COMPLETED, {"tool": call.tool, "output": output})
        results.append(Result(call, output))
    yield Event(EventType.AGENT_COMPLETED, {"answer": answer(results)})


def think(text: str, plan: Sequence[Call]) -> Call | None:
    """What the plan still lacks, or None when it will do."""
    planned = {call.tool for call in plan}
    if "calculator" not in planned and (expression := find_sum(text)):
        return Call("calculator", expression)
    return Call("word_counter", text) if "word_counter" not in planned else None


def find_sum(text: str) -> str | None:
    """The first part of the text that looks like a sum."""
    parts = (part.strip(" .\n") for part in ARITHMETIC.findall(text))
    return next((part for part in parts if any(c.isdigit() for c in part) and set(part) & set("+-*/")), None)


def answer(results: Sequence[Result]) -> str:
    """One sentence for each result."""
    sentences = {
        "calculator": "{argument} is {output}.",
        "word_counter": "Your message has this many words: {output}.",
    }
    return " ".join(
        sentences[result.call.tool].format(argument=result.call.argument, output=result.output) for result in results
    )
