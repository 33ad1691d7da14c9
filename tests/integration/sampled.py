"""Taking samples of one probe, without a session around it."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.probes.context import Context
from bot.probes.engine import Engine
from bot.probes.identity import Witness
from bot.probes.probe import Sample, Turn, fresh
from bot.probes.registry import PROBES
from bot.safety.redact import Redactor
from tests.integration.test_probes import subject

LEAD = 0.05


async def sampled(
    folder: Path, url: str, fields: Mapping[str, Any], *, planned: bool = False, count: int = 2
) -> list[Mapping[str, Sample]]:
    """So many samples, one after the other, each at once or at a planned time."""
    kind = "journey" if "journey" in fields else "http"
    probe = PROBES[kind].model_validate(fields)
    engine = Engine()
    whom = subject(url)
    context = Context(whom, folder, Redactor(), {}, Witness(None, whom), engine)
    try:
        return [
            await probe.sample("it", context, Turn(fresh(), time.perf_counter() + LEAD if planned else None))
            for _ in range(count)
        ]
    finally:
        await context.release()
        await engine.close()
