"""The agent: it thinks, uses a tool, looks at the result, and goes on until it can answer.

It follows rules instead of a language model, so that the same text always gets the same answer.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from chat import tools
from chat.states import EventType
from chat.tools import Call, ToolError

THINKING_SECONDS = 0.02
SUM = re.compile(r"[\d(][\d\s.+\-*/()]*[+\-*/][\d\s.+\-*/()]*[\d)]")


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
    results: list[Result] = []
    yield Event(EventType.AGENT_STARTED, {"text": text})
    while call := decide(text, results):
        yield Event(EventType.AGENT_THINKING, {"thought": f"I need the {call.tool}."})
        await asyncio.sleep(THINKING_SECONDS)
        yield Event(EventType.TOOL_EXECUTING, {"tool": call.tool, "argument": call.argument})
        try:
            output = await tools.use(call)
        except ToolError as error:
            output = f"no result ({error})"
        yield Event(EventType.TOOL_COMPLETED, {"tool": call.tool, "output": output})
        results.append(Result(call, output))
    yield Event(EventType.AGENT_THINKING, {"thought": "I know enough to answer."})
    await asyncio.sleep(THINKING_SECONDS)
    yield Event(EventType.AGENT_COMPLETED, {"answer": answer(results)})


def decide(text: str, results: Sequence[Result]) -> Call | None:
    """The next tool to use, or None when there is enough to answer."""
    wanted = [Call("word_counter", text)]
    if found := SUM.search(text):
        wanted.insert(0, Call("calculator", found.group()))
    return wanted[len(results)] if len(results) < len(wanted) else None


def answer(results: Sequence[Result]) -> str:
    """One sentence for each result."""
    sentences = {
        "calculator": "{argument} is {output}.",
        "word_counter": "Your message has this many words: {output}.",
    }
    return " ".join(
        sentences[result.call.tool].format(argument=result.call.argument, output=result.output) for result in results
    )
