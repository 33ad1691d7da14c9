"""The kinds of step, by the YAML key that names each."""

from typing import Annotated

from pydantic import ValidatorFunctionWrapHandler, WrapValidator

from bot.probes.steps.graphql_ws import GraphQLStep
from bot.probes.steps.http import HttpStep
from bot.probes.steps.parallel import ParallelStep
from bot.probes.steps.repeat import RepeatStep
from bot.probes.steps.socket_io import SocketIOStep
from bot.probes.steps.sse import SseStep
from bot.probes.steps.step import Step
from bot.probes.steps.wait import WaitStep
from bot.probes.steps.websocket import WebSocketStep

STEPS: dict[str, type[Step]] = {
    "http": HttpStep,
    "websocket": WebSocketStep,
    "graphql-ws": GraphQLStep,
    "socket.io": SocketIOStep,
    "sse": SseStep,
    "wait": WaitStep,
    "repeat": RepeatStep,
    "parallel": ParallelStep,
}


def _by_its_key(data: object, _handler: ValidatorFunctionWrapHandler) -> Step:
    """Read a step as the one kind that its keys name, so that an error is about that kind alone."""
    if isinstance(data, Step):
        return data
    if not isinstance(data, dict):
        raise ValueError(f"a step is a mapping with one of: {', '.join(STEPS)}")
    kinds = [key for key in STEPS if key in data]
    if len(kinds) != 1:
        raise ValueError(f"a step has one of: {', '.join(STEPS)}; this one has {' and '.join(kinds) or 'none'}")
    return STEPS[kinds[0]].model_validate(data)


AnyStep = Annotated[
    HttpStep | WebSocketStep | GraphQLStep | SocketIOStep | SseStep | WaitStep | RepeatStep | ParallelStep,
    WrapValidator(_by_its_key),
]

# these hold steps of every kind, which are only known here
RepeatStep.model_rebuild(_types_namespace={"AnyStep": AnyStep})
ParallelStep.model_rebuild(_types_namespace={"AnyStep": AnyStep})
