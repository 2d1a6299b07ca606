"""The service answers where none of the training side's packages can be imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.serving.live import free_port, promote

BLOCKED = ("training", "mlflow", "great_expectations", "pandas", "sklearn", "lightgbm", "matplotlib")

_SERVE = """
import asyncio, json, sys

class Blocked:
    names = {names!r}
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ImportError(f"{{name}} is blocked in this test")
        return None

sys.meta_path.insert(0, Blocked())
import uvicorn, httpx
from serving.service import Tact

async def main():
    app = Tact.to_asgi()
    config = uvicorn.Config(app, host="127.0.0.1", port={port}, log_config=None, lifespan="on")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.05)
    async with httpx.AsyncClient(base_url="http://127.0.0.1:{port}", timeout=30) as client:
        ready = await client.get("/readyz")
        rows = [dict(touchpoint_id="1", customer_id="c", event_time="2026-03-01T09:00:00Z", department="support",
                     channel="email", direction="inbound", event_type="ticket_opened")]
        taken = await client.post("/ingest", json=dict(touchpoints=rows))
        candidates = [dict(message_id="m", department="marketing", channel="email")]
        answer = await client.post("/decide", json=dict(customer_id="c", candidates=candidates, explain=True))
        one = dict(customer_id="c", candidates=candidates)
        batch = await client.post("/decide_batch", json=dict(requests=[one]))
        shown = await client.post("/timeline", json=dict(customer_id="c"))
        figures = await client.get("/metrics")
    print(json.dumps([r.status_code for r in (ready, taken, answer, batch, shown, figures)]))
    print(json.dumps([answer.json()["degraded"], len(answer.json()["decisions"][0]["signals"]) > 0]))
    server.should_exit = True
    await task
    print(json.dumps(sorted(Blocked.names & set(sys.modules))))

asyncio.run(main())
"""


def test_a_request_is_served_without_them(bundle: Path, tmp_path: Path) -> None:
    promote(tmp_path, bundle, "3")
    (tmp_path / "metrics").mkdir()
    code = _SERVE.format(names=set(BLOCKED), port=free_port())
    environment = {
        "PATH": os.environ.get("PATH", ""), "TACT_HOME": str(tmp_path), "BENTOML_HOME": str(tmp_path / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "true", "OTEL_SDK_DISABLED": "true", "TACT_CONFIG": os.devnull,
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False,
        cwd=Path(__file__).parents[2], timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-3:] == ["[200, 200, 200, 200, 200, 200]", "[false, true]", "[]"]


def test_importing_the_service_does_no_work(tmp_path: Path) -> None:
    code = (
        "import sys, threading\n"
        "import serving.service\n"
        "heavy = {'numba', 'pandas', 'mlflow', 'lightgbm', 'sqlite3', 'psycopg', 'prometheus_client'}\n"
        "print(sorted(heavy & set(sys.modules)), threading.active_count())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
        env={"PATH": "", "TACT_HOME": str(tmp_path / "home"), "BENTOML_HOME": str(tmp_path / "bentoml")},
    )  # fmt: skip
    assert done.stdout.strip() == "[] 1" and not (tmp_path / "home").exists()
