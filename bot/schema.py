"""The JSON Schema of the spec, for editors: composed of what every probe, step and target says of its own keys."""

from typing import Any

from pydantic import TypeAdapter

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
    found = TypeAdapter(model).json_schema(ref_template="#/$defs/{model}")
    definitions.update(found.pop("$defs", {}))
    return found
