"""A trained bundle where an open case decides: it reacts to one event, and what it promises comes true."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from data_contracts.configuration import Policy
from data_contracts.times import SECOND
from features.builder import HISTORY_LIMIT
from features.packing import TouchpointRow, columns_of_rows
from models.bundle import Bundle
from models.scoring import CustomerScorer
from policy.decision import decide
from policy.situation import Send, columns_with_sends, situation
from policy.verdict import Verdict
from tests.training.planted import HOUR, START, write
from tests.training.planted_cases import CONFIGURATION, TOPICS, company
from training.fitting import fit
from training.inputs import read_inputs
from training.progress import SilentStages

NOW = START + 40 * 24 * HOUR + 12 * HOUR
PROMISE = "Once it is resolved this message would be sent."


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    paths = write(tmp_path_factory.mktemp("cases"), *company(8))
    return fit(read_inputs(*paths, CONFIGURATION, None), CONFIGURATION, 7, SilentStages()).bundle


def row(
    time: int, event_type: str, direction: str = "inbound", department: str = "product", **more: Any
) -> TouchpointRow:
    return TouchpointRow(
        event_time=time, ingested_time=time, source="import", touchpoint_id=f"{event_type}-{time}",
        department=department, channel="email", direction=direction, event_type=event_type, **more,
    )  # fmt: skip


def candidate(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "message_id": f"m-{number}", "department": "marketing", "channel": "email", "topic": "upsell",
        "purpose": "promotional", "value": None, "not_before": None, "expires_at": None, "campaign_id": None,
        "group": None, "attributes": {},
    } | fields  # fmt: skip


def a_history(draw: np.random.Generator) -> list[TouchpointRow]:
    """Some weeks of a customer's life, as the planted company lives it, up to now; cases may be open."""
    rows = [row(NOW - 900 * HOUR, "logged_in")]
    for place in range(int(draw.integers(0, 6))):
        time = NOW - int(draw.integers(60, 800)) * HOUR - place
        rows.append(
            row(time, "message_sent", "outbound", "marketing", topic="upsell", message_id=f"old-{place}")
        )
        if draw.random() < 0.4:
            rows.append(row(time + HOUR, "message_clicked", "inbound", "marketing", message_id=f"old-{place}"))
    for place in range(int(draw.choice([0, 1, 1, 1, 2]))):
        case = {"topic": TOPICS[int(draw.integers(3))], "campaign_id": f"case-{place}"}
        opened = NOW - 1 - int(draw.integers(1, 3 * 24 * 3600)) * SECOND - place
        rows.append(row(opened, "ticket_opened", "inbound", "support", **case))
        if draw.random() < 0.3:
            replied = opened + (NOW - opened) // 2
            rows.append(row(replied, "ticket_replied", "inbound", "support", **case))
    return rows


def asked(
    bundle: Bundle,
    rows: list[TouchpointRow],
    candidates: list[dict[str, Any]],
    policy: Policy,
    sends: tuple[Send, ...] = (),
) -> tuple[dict[str, Verdict], CustomerScorer]:
    """Verdicts by message id, as the service makes them of its rows and its ledger of sends."""
    columns = columns_of_rows(rows)
    configuration = CONFIGURATION.model_copy(update={"policy": policy})
    given = situation(
        columns, now=NOW, candidates=candidates, sends=sends, first_asked={}, configuration=configuration
    )
    seen = columns_with_sends(columns, sends, NOW)
    scorer = CustomerScorer(bundle, seen, candidates, NOW, HISTORY_LIMIT)
    verdicts = decide(given, scorer, policy, "d-1")
    return {candidates[one.place]["message_id"]: one for one in verdicts}, scorer


def goals(bundle: Bundle, rows: list[TouchpointRow]) -> dict[str, float]:
    scorer = CustomerScorer(bundle, columns_of_rows(rows), [candidate(1)], NOW, HISTORY_LIMIT)
    return dict(zip(bundle.specification.goals.names, scorer.now()[1][0].tolist(), strict=True))


@pytest.mark.slow
def test_a_ticket_of_a_second_ago_changes_the_goal(bundle: Bundle) -> None:
    draw = np.random.default_rng(1)
    for _ in range(30):
        quiet = [one for one in a_history(draw) if not one.event_type.startswith("ticket")]
        ticket = row(NOW - SECOND, "ticket_opened", "inbound", "support", topic="billing", campaign_id="now")
        before, after = goals(bundle, quiet), goals(bundle, [*quiet, ticket])
        assert max(before, key=lambda name: before[name]) != "get_help"
        assert after["get_help"] > before["get_help"] + 0.3
        assert max(after, key=lambda name: after[name]) == "get_help"
        assert sum(after.values()) == pytest.approx(1.0)


@pytest.mark.slow
def test_every_promise_of_an_answer_comes_true_when_asked_again(bundle: Bundle) -> None:
    promised = cases = 0
    for seed in range(400):
        draw = np.random.default_rng([seed, 3])
        rows = a_history(draw)
        candidates = [
            candidate(
                number,
                department=str(draw.choice(["marketing", "sales"])),
                topic=str(draw.choice(["upsell", "renewal"])),
                expires_at=None if draw.random() < 0.5 else NOW + int(draw.integers(1, 300)) * HOUR,
                group=None if draw.random() < 0.8 else "g",
                purpose="promotional" if draw.random() < 0.85 else "transactional",
            )
            for number in range(int(draw.integers(1, 4)))
        ]
        policy = Policy.model_validate(
            {
                "exploration": 0.0,
                "quiet_hours": False if draw.random() < 0.7 else {"start": "11:00", "end": "13:00"},
                "caps": [{"window_hours": int(draw.integers(24, 200)), "sends": int(draw.integers(1, 3))}],
                "max_sends_per_decision": int(draw.integers(1, 3)),
                "interrupts_weight": float(draw.uniform(0.5, 3.0)),
                # Else nearly everything would wait for a somewhat better moment.
                "wait_margin": 0.2,
            }
        )
        answers, scorer = asked(bundle, rows, candidates, policy)
        case = scorer.open_case()
        cases += case is not None
        promises = [name for name, one in answers.items() if any(PROMISE in text for _, text in one.reasons)]
        if not promises:
            continue
        assert case is not None
        opened = next(
            one for one in rows if one.event_type == "ticket_opened" and one.event_time == case.opened_at
        )
        resolved = row(
            NOW - 1,
            "ticket_resolved",
            "internal",
            "support",
            topic=opened.topic,
            campaign_id=opened.campaign_id,
        )
        # What this answer let out is in the ledger by then; asked again is about what was told to wait.
        out = [one for one in candidates if answers[one["message_id"]].action == "send"]
        ledger = tuple(
            Send(one["message_id"], one["department"], one["channel"], NOW, NOW + HOUR, "reserved")
            for one in out
        )
        left = [one for one in candidates if answers[one["message_id"]].action == "wait"]
        again, _ = asked(bundle, [*rows, resolved], left, policy, ledger)
        for name in promises:
            promised += 1
            assert again[name].action == "send", f"seed {seed}: {name} was promised, and is {again[name]}"
            assert answers[name].action == "wait" and "ticket_resolved" in answers[name].recheck_on
    assert promised >= 100, f"only {promised} promises in {cases} open cases"
