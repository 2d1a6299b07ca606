"""HeartSteps, honestly: models that only saw the past, served, asked about the days that followed.

Rolling origins: at each origin `tact train --until` fits on what was known by then, `tact serve` runs
that champion, and the decisions up to the next origin are replayed against it in shadow mode with
their own clock (`now`). What it said of the messages that went out is compared with the votes that
came. Intervals are by person (bootstrap), since a person's days resemble each other.

    python -m benchmarks.heartsteps --out docs/heartsteps.md
    python -m benchmarks.heartsteps --values --out docs/heartsteps.md   # the values of rules alone
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score

from benchmarks.heartsteps_value import TITLE, value_section
from benchmarks.process import running_service
from command_line.client import Client
from data_contracts.times import format_time

EXAMPLE = Path(__file__).parent.parent / "examples" / "heartsteps"
ORIGINS = (0.4, 0.52, 0.64, 0.76, 0.88)
"""Shares of the decisions that lie before each origin."""
RESAMPLES = 1_000
_BATCH = 200
VOTES = {"liked": ("message_liked", "p_helps"), "disliked": ("message_disliked", "p_interrupts")}


def main() -> None:
    """Run every origin and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=None, help="write the page here (Markdown)")
    parser.add_argument("--origins", type=int, default=len(ORIGINS), help="use only the last N origins")
    parser.add_argument("--values", action="store_true", help="make only the section on the value of rules")
    options = parser.parse_args()
    if options.values:
        section = value_section(EXAMPLE, list(ORIGINS[-options.origins :]))
        print(section)
        if options.out is not None:
            before = (
                options.out.read_text(encoding="utf-8").split(TITLE)[0].rstrip() if options.out.exists() else ""
            )
            options.out.write_text(f"{before}\n\n{section}", encoding="utf-8")
        return
    decisions = pd.read_parquet(EXAMPLE / "decisions.parquet").sort_values("decided_at", ignore_index=True)
    touchpoints = pd.read_parquet(EXAMPLE / "touchpoints.parquet")
    origins = list(ORIGINS[-options.origins :])
    times: Any = decisions["decided_at"]
    edges: list[pd.Timestamp] = [times.quantile(share) for share in origins]
    edges.append(times.max() + pd.Timedelta(microseconds=1))
    parts = []
    for number, (origin, end) in enumerate(pairwise(edges)):
        part = decisions[(decisions["decided_at"] >= origin) & (decisions["decided_at"] < end)]
        print(
            f"origin {number + 1} of {len(origins)}: {origin:%Y-%m-%d}, {len(part)} decisions follow",
            flush=True,
        )
        parts.append(replayed(part, origin).assign(origin=number))
    answers = with_votes(pd.concat(parts, ignore_index=True), touchpoints)
    page = report(answers, decisions, touchpoints) + "\n" + value_section(EXAMPLE, origins)
    print(page)
    if options.out is not None:
        options.out.write_text(page, encoding="utf-8")


def replayed(decisions: pd.DataFrame, origin: pd.Timestamp) -> pd.DataFrame:
    """Train on what was known at `origin`, serve, and ask about each decision at its own moment."""
    with tempfile.TemporaryDirectory(prefix="tact-heartsteps-") as folder:
        environment = os.environ | {"TACT_HOME": folder}
        environment.pop("MLFLOW_TRACKING_URI", None)
        tact = [sys.executable, "-m", "command_line.main"]
        tables = [
            "--touchpoints",
            str(EXAMPLE / "touchpoints.parquet"),
            "--decisions",
            str(EXAMPLE / "decisions.parquet"),
        ]
        until = format_time(int(origin.value // 1_000))
        config = ["--config", str(EXAMPLE / "tact.toml")]
        trained = [*tact, "train", *tables, *config, "--until", until, "--promote", "always", "--json"]
        subprocess.run(trained, env=environment, check=True, stdout=subprocess.DEVNULL)
        with running_service(environment, *config) as url:
            ingest = [*tact, "ingest", str(EXAMPLE / "touchpoints.parquet"), "--url", url]
            subprocess.run(ingest, env=environment, check=True)
            return asked(Client(url), decisions)


def asked(client: Client, decisions: pd.DataFrame) -> pd.DataFrame:
    """What the service says of each decision at its own moment, in shadow mode."""
    rows: list[Any] = decisions.to_dict("records")
    requests = [
        {
            "customer_id": row["customer_id"],
            "decision_id": f"replay-{row['decision_id']}",
            "mode": "shadow",
            "now": row["decided_at"].isoformat(),
            "candidates": [
                {
                    "message_id": row["message_id"],
                    "department": row["department"],
                    "channel": row["channel"],
                    "purpose": row["purpose"],
                    "topic": row["topic"] if isinstance(row["topic"], str) else None,
                    "attributes": json.loads(row["attributes"]),
                }
            ],
        }
        for row in rows
    ]
    lines: list[dict[str, Any]] = []
    for start in range(0, len(requests), _BATCH):
        answers = client.post("/decide_batch", {"requests": requests[start : start + _BATCH]})["answers"]
        for answer in answers:
            one = answer["decisions"][0]
            lines.append(
                {key: one[key] for key in ("message_id", "action", "p_helps", "p_interrupts", "net_value")}
            )
    return decisions.merge(pd.DataFrame(lines), on="message_id", suffixes=("_logged", ""))


def with_votes(answers: pd.DataFrame, touchpoints: pd.DataFrame) -> pd.DataFrame:
    """The randomised messages that went out, with whether each vote came within 24 hours."""
    random = answers["send_probability"].between(0, 1, inclusive="neither")
    sent = answers[random & (answers["action_logged"] == "send")].copy()
    for name, (event_type, _) in VOTES.items():
        votes = touchpoints[touchpoints["event_type"] == event_type].drop_duplicates("message_id")
        when = sent["message_id"].map(votes.set_index("message_id")["event_time"])
        sent[name] = (when - sent["decided_at"]).le(pd.Timedelta(hours=24)).fillna(False).to_numpy(bool)
    return sent


Figure = Callable[[pd.DataFrame], float]


def interval(rows: pd.DataFrame, figure: Figure, seed: int = 1) -> tuple[float, float, float]:
    """A figure and its 95 % percentile interval over resampled persons."""
    draw = np.random.default_rng(seed)
    groups = dict(list(rows.groupby("customer_id")))
    persons = list(groups)
    values = []
    for _ in range(RESAMPLES):
        chosen = draw.choice(len(persons), len(persons))
        values.append(figure(pd.concat([groups[persons[place]] for place in chosen])))
    low, high = np.nanquantile(values, [0.025, 0.975])
    return figure(rows), float(low), float(high)


def auc(vote: str, score: str) -> Figure:
    """AUC within each origin's slice, averaged by the number of positive-negative pairs."""

    def figure(rows: pd.DataFrame) -> float:
        total, weight = 0.0, 0.0
        for _, part in rows.groupby("origin"):
            positive = int(part[vote].sum())
            pairs = positive * (len(part) - positive)
            if pairs:
                total += pairs * float(roc_auc_score(part[vote], part[score]))
                weight += pairs
        return total / weight if weight else float("nan")

    return figure


def skill(vote: str, score: str) -> Figure:
    """Log loss of the past's base rate less that of the model, in thousandths: positive is better."""

    def figure(rows: pd.DataFrame) -> float:
        y = rows[vote].astype(int)
        base = log_loss(y, rows[f"{vote}_base"].clip(1e-4, 1 - 1e-4), labels=[0, 1])
        return 1000 * float(base - log_loss(y, rows[score].clip(1e-4, 1 - 1e-4), labels=[0, 1]))

    return figure


def calibration_in_the_large(vote: str, score: str) -> Figure:
    """Mean predicted less observed rate, in percentage points."""
    return lambda rows: 100 * float(rows[score].mean() - rows[vote].mean())


def report(answers: pd.DataFrame, decisions: pd.DataFrame, touchpoints: pd.DataFrame) -> str:
    """The page in Markdown."""
    past = with_votes(decisions.assign(action_logged=decisions["action"]), touchpoints)
    starts = answers.groupby("origin")["decided_at"].min()
    lines = [
        "# HeartSteps: what Tact can and cannot tell of real people",
        "",
        f"Made by `python -m benchmarks.heartsteps --out docs/heartsteps.md` on {datetime.now(UTC):%Y-%m-%d}.",
        "",
        "37 people, a randomised log (Klasnja et al. 2019, CC BY 4.0; `examples/heartsteps`). At each of "
        f"{len(starts)} origins the models were trained on what was known by then, served by `tact serve`, and asked "
        "in shadow mode about every decision up to the next origin, each at its own moment. "
        f"{len(answers):,} messages that went out were followed by {int(answers['liked'].sum())} likes and "
        f"{int(answers['disliked'].sum())} dislikes within 24 hours, from {answers['customer_id'].nunique()} people.",
        "",
        "| figure | liked | disliked |",
        "|---|---|---|",
    ]
    for vote in VOTES:
        answers[f"{vote}_base"] = [
            float(past.loc[past["decided_at"] < starts[origin] - pd.Timedelta(hours=24), vote].mean())
            for origin in answers["origin"]
        ]
    rows: list[tuple[str, Callable[[str, str], Figure], str]] = [
        ("AUC (0.5 is chance)", auc, "{:.3f} [{:.3f}, {:.3f}]"),
        ("log loss better than the past's base rate by, ×1000", skill, "{:+.1f} [{:+.1f}, {:+.1f}]"),
        ("predicted less observed, points", calibration_in_the_large, "{:+.1f} [{:+.1f}, {:+.1f}]"),
    ]
    for name, figure, form in rows:
        cells = [form.format(*interval(answers, figure(vote, score))) for vote, (_, score) in VOTES.items()]
        lines.append(f"| {name} | {cells[0]} | {cells[1]} |")
    observed = [f"{100 * answers[vote].mean():.1f} %" for vote in VOTES]
    lines.append(f"| observed rate | {observed[0]} | {observed[1]} |")
    lines += ["", "Calibration, by thirds of the predicted chance (predicted → observed):", ""]
    for vote, (_, score) in VOTES.items():
        thirds = pd.qcut(answers[score].rank(method="first"), 3, labels=False)
        cells = [
            f"{100 * part[score].mean():.1f} % → {100 * part[vote].mean():.1f} %"
            for _, part in answers.groupby(thirds)
        ]
        lines.append(f"- {vote}: {', '.join(cells)}")
    lines += ["", *_reading(answers)]
    return "\n".join(lines) + "\n"


def _reading(answers: pd.DataFrame) -> list[str]:
    """What the figures allow to be said."""
    told = []
    for vote, (_, score) in VOTES.items():
        _, low, high = interval(answers, auc(vote, score))
        if low > 0.5:
            told.append(f"- **{vote}**: ranked better than chance on later days; the interval is above 0.5.")
        elif high < 0.5:
            told.append(f"- **{vote}**: ranked worse than chance on later days; do not use it to rank.")
        else:
            told.append(f"- **{vote}**: not told apart from chance on later days with so few people.")
    return ["What that allows to be said:", "", *told]


if __name__ == "__main__":
    main()
