"""The floor: a BentoML endpoint that takes the same request and gives the same answer, and does nothing.

It is written as MEASURED advises and as Tact is: one model in, one model out, no access log.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import bentoml

from data_contracts.messages import DecideAnswer, DecideRequest


@bentoml.service(name="empty", workers=1, logging={"access": {"enabled": False}})
class Empty:
    """Answers every request with the same ready answer, read from TACT_BENCH_ANSWER."""

    def __init__(self) -> None:
        text = Path(os.environ["TACT_BENCH_ANSWER"]).read_text(encoding="utf-8")
        self.answer = DecideAnswer.model_validate(json.loads(text))

    @bentoml.api(route="/decide")  # type: ignore[untyped-decorator]
    def decide(self, request: DecideRequest, /) -> DecideAnswer:
        """Do nothing."""
        return self.answer
