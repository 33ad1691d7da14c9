"""A validator for the large descriptions of the stand-ins: what fitted once is not looked at again.

The answers of an API are full of the same parts (who wrote it, in which repository): a part that was held to a
definition, and fitted, fits it wherever it comes again. What did not fit is looked at each time, for its message.
"""

import json
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

_look = Draft202012Validator.VALIDATORS["$ref"]


def remembering() -> type[Draft202012Validator]:
    """A validator's class for the schemas of one document, in which a `$ref` means the same everywhere."""
    fitted: set[bytes] = set()

    def ref(validator: Any, target: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
        seen = blake2b(f"{target} {json.dumps(instance)}".encode(), digest_size=16).digest()
        if seen in fitted:
            return
        fits = True
        for error in _look(validator, target, instance, schema):
            fits = False
            yield error
        if fits:
            fitted.add(seen)

    made: type[Draft202012Validator] = extend(Draft202012Validator, {"$ref": ref})
    return made
