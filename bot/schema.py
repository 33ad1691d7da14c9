"""The JSON Schema of the spec, for editors: composed of what every probe, step and target says of its own keys."""

import ast
import functools
import inspect
import textwrap
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import ModelSchema

from bot.deploy.registry import TARGETS
from bot.judge.policy import Policy
from bot.probes.registry import PROBES
from bot.spec import FILLED_IN, Top
from bot.strategy import DIRECT, Strategy

URI = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """One self-contained schema."""
    definitions: dict[str, Any] = {}
    top = _lifted(Top, definitions)
    policy = _lifted(Policy, definitions)
    for name in FILLED_IN:
        policy["properties"].pop(name, None)
    top["properties"]["judge"] = policy
    top["properties"]["probes"]["additionalProperties"] = {
        "oneOf": [{**_lifted(probe, definitions), "required": [key]} for key, probe in PROBES.items()]
    }
    targets = {key: _target(key, _lifted(target, definitions)) for key, target in TARGETS.items()}
    top["properties"]["deploy"] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {**targets, "strategy": {"anyOf": [_lifted(Strategy, definitions), {"const": DIRECT}]}},
    }
    return {"$schema": URI, "title": "stability.yml", **top, "$defs": definitions}


def _target(key: str, fields: dict[str, Any]) -> dict[str, Any]:
    """A target whose main field bears its own name may be written as that field alone (`url: https://…`)."""
    return {"oneOf": [fields, fields["properties"][key]]} if key in fields.get("properties", {}) else fields


def _lifted(model: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    found = TypeAdapter(model).json_schema(ref_template="#/$defs/{model}", schema_generator=_Described)
    definitions.update(found.pop("$defs", {}))
    return found


class _Described(GenerateJsonSchema):
    """Takes the docstrings below fields as their descriptions.

    pydantic's own `use_attribute_docstrings` does so too, but by reading every class's source whenever one is imported:
    a fifth of what each command would wait for, and only this one asks for descriptions.
    """

    def model_schema(self, schema: ModelSchema) -> dict[str, Any]:
        made = super().model_schema(schema)
        model = schema["cls"]
        for name, field in model.model_fields.items():
            # where it was last declared is where its docstring is
            said = next(fields[name] for each in model.__mro__ if name in (fields := _declared(each)))
            if said and field.description is None:
                made["properties"][field.alias or name]["description"] = said
        return made


@functools.cache
def _declared(model: type) -> Mapping[str, str | None]:
    """The fields that a class declares itself, with the docstring below each that has one."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str | None] = {}
    for field, below in pairwise([*body.body, ast.Pass()]):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            match below:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    found[field.target.id] = inspect.cleandoc(text)
                case _:
                    found[field.target.id] = None
    return found
