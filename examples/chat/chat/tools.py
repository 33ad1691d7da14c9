"""The tools that the agent may use."""

import ast
import asyncio
import operator
from collections.abc import Callable
from dataclasses import dataclass

TOOL_SECONDS = 0.025  # stands for the time that a tool outside the process takes

OPERATORS: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class ToolError(Exception):
    """The tool has no result."""


@dataclass(frozen=True, slots=True)
class Call:
    """One use of a tool."""

    tool: str
    argument: str


async def use(call: Call) -> str:
    """The tool's result.

    Raises:
        ToolError: there is none.
    """
    await asyncio.sleep(TOOL_SECONDS)
    return TOOLS[call.tool](call.argument)


def calculate(expression: str) -> str:
    """The value of a sum with + - * / and brackets."""
    try:
        return f"{_value(ast.parse(expression.strip(), mode='eval').body):.12g}"
    except (SyntaxError, ArithmeticError, RecursionError, MemoryError) as error:
        raise ToolError(str(error) or "too long") from None


def count_words(text: str) -> str:
    """How many words the text has."""
    return str(len(text.split()))


def _value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](_value(left), _value(right))
    raise ToolError(f"cannot calculate {ast.unparse(node)}")


TOOLS: dict[str, Callable[[str], str]] = {"calculator": calculate, "word_counter": count_words}
