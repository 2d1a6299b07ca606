"""The MLflow run: parameters, data, metrics, figures, the model card, and one registered version."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import subprocess
import tempfile
import warnings
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_contracts.configuration import Configuration
from models.bundle import Bundle
from training.inputs import Input
from training.metric_names import METRICS
from training.registry import MODEL_NAME, tracking_uri

REQUIREMENTS = ("tact", "lightgbm", "msgspec", "numba", "numpy", "pandas", "pydantic")


_REGISTERED_MODEL = (
    "Goal, help and interruption models with everything that an answer needs, one bundle a version."
)


def quiet_mlflow() -> Any:
    """MLflow with its telemetry off and its chatter below warnings."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow


@dataclass(frozen=True)
class RunIds:
    """Where a run is found."""

    experiment: str
    run_id: str
    tracking_uri: str


class Run:
    """An open MLflow run."""

    def __init__(self, mlflow: Any, ids: RunIds) -> None:
        self._mlflow = mlflow
        self._model_id: str | None = None
        self.ids = ids

    def parameters(self, configuration: Configuration, more: dict[str, Any]) -> None:
        """Log every configuration key (`training.seed`), and the file's content as an artifact."""
        raw = configuration.model_dump(mode="json")
        flat = {}
        for section, values in raw.items():
            for key, value in values.items():
                text = value if isinstance(value, (str, int, float)) else json.dumps(value)
                flat[f"{section}.{key}"] = str(text)[:6000]
        # Secrets' hashes are no parameter of a model.
        flat.pop("service.api_keys", None)
        self._mlflow.log_params(flat | {key: str(value) for key, value in more.items()})
        raw["service"].pop("api_keys", None)
        self._mlflow.log_dict(raw, "configuration.json")

    def settings(self, settings: dict[str, Any]) -> None:
        """Log single parameters, as a trial of a search has them."""
        self._mlflow.log_params(settings)

    @contextmanager
    def nested(self, name: str) -> Iterator[Run]:
        """A run inside this one; a trial that is cut short ends as well, and does not fail."""
        # Without its experiment a nested run lands in the default one.
        experiment_id = self._mlflow.active_run().info.experiment_id
        with self._mlflow.start_run(nested=True, run_name=name, experiment_id=experiment_id) as run:
            yield Run(self._mlflow, RunIds(self.ids.experiment, run.info.run_id, self.ids.tracking_uri))

    def tags(self, tags: dict[str, str]) -> None:
        self._mlflow.set_tags({name: value[:4900] for name, value in tags.items()})

    def inputs(self, *inputs: Input | None, context: str = "training") -> None:
        """Log the inputs as datasets with their digests and what the contract said about them."""
        from mlflow.data.dataset_source_registry import resolve_dataset_source
        from mlflow.data.filesystem_dataset_source import FileSystemDatasetSource  # noqa: F401
        from mlflow.data.meta_dataset import MetaDataset

        for one in inputs:
            if one is None:
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                source = resolve_dataset_source(str(Path(one.path).absolute()))
            kind = one.report.kind
            self._mlflow.log_input(
                MetaDataset(source, name=kind, digest=one.digest),
                context=context,
                tags={"rows": str(one.rows)},
            )
            self._mlflow.log_dict(one.report.as_dict(), f"data/{kind}.json")

    def metrics(self, metrics: dict[str, float], known: Container[str] = METRICS) -> None:
        """Log figures, also of the model where one was logged; one that is not `known` is a mistake."""
        unknown = sorted(name for name in metrics if name not in known)
        if unknown:
            raise ValueError(f"not among the known metrics: {', '.join(unknown)}")
        finite = {name: float(value) for name, value in metrics.items() if np.isfinite(value)}
        self._mlflow.log_metrics(finite, model_id=self._model_id)

    def figure(self, figure: Any, name: str) -> None:
        self._mlflow.log_figure(figure, f"figures/{name}.png", save_kwargs={"dpi": 110})

    def text(self, text: str, name: str) -> None:
        self._mlflow.log_text(text, name)

    def document(self, document: dict[str, Any], name: str) -> None:
        """Log a JSON document as an artifact."""
        self._mlflow.log_dict(document, name)

    def model(
        self,
        bundle: Bundle,
        example: pd.DataFrame,
        description: str,
        tags: dict[str, str],
        evaluated: Bundle | None = None,
    ) -> str:
        """Log the bundle as one model, register it, and return its version.

        `evaluated`: the bundle that the run's figures are of, where another one is served.
        """
        from mlflow.exceptions import MlflowException
        from mlflow.models import infer_signature

        from models.bundle import OUTCOMES

        matrix = np.ascontiguousarray(example.to_numpy(np.float32))
        answer: dict[str, Any] = {}
        for outcome in OUTCOMES:
            answer[f"p_{outcome}"], answer[f"lift_{outcome}"] = bundle.contact[outcome].predict(matrix)
        order = [f"{what}_{outcome}" for what in ("p", "lift") for outcome in OUTCOMES]
        code = Path(__file__).with_name("pyfunc_model.py")
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            saved = {"bundle": Path(folder) / "bundle"}
            bundle.save(saved["bundle"])
            if evaluated is not None:
                saved["evaluated"] = Path(folder) / "evaluated"
                evaluated.save(saved["evaluated"])
            info = self._mlflow.pyfunc.log_model(
                name=MODEL_NAME,
                python_model=str(code),
                artifacts={name: str(path) for name, path in saved.items()},
                signature=infer_signature(example, pd.DataFrame(answer)[order]),
                input_example=example.head(3),
                pip_requirements=list(REQUIREMENTS),
            )
        self._model_id = info.model_id
        client = self._mlflow.MlflowClient()
        try:
            client.get_registered_model(MODEL_NAME)
        except MlflowException:
            client.create_registered_model(MODEL_NAME, description=_REGISTERED_MODEL)
        version = client.create_model_version(
            MODEL_NAME,
            source=info.model_uri,
            run_id=self.ids.run_id,
            tags={name: value[:4900] for name, value in tags.items()},
            description=description,
            model_id=info.model_id,
        )
        return str(version.version)

    def version_tag(self, version: str, name: str, value: str) -> None:
        self._mlflow.MlflowClient().set_model_version_tag(MODEL_NAME, version, name, value)

    def describe_model(self, text: str) -> None:
        """What stands on the registered model's own page."""
        self._mlflow.MlflowClient().update_registered_model(MODEL_NAME, description=text)

    def alias(self, alias: str, version: str) -> None:
        self._mlflow.MlflowClient().set_registered_model_alias(MODEL_NAME, alias, version)


@contextmanager
def open_run(home: Path, experiment: str, name: str, run_id: str | None = None) -> Iterator[Run]:
    """Open a run in the experiment, which is made where it is missing; a failure inside fails the run.

    `run_id` takes up a run that was begun before.
    """
    mlflow = quiet_mlflow()
    uri = tracking_uri(home)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    found = mlflow.get_experiment_by_name(experiment)
    if found is None:
        location = None
        if not uri.startswith(("http://", "https://", "databricks")):
            location = (home / "mlartifacts").absolute().as_uri()
        experiment_id = mlflow.create_experiment(experiment, artifact_location=location)
    else:
        experiment_id = found.experiment_id
    with mlflow.start_run(run_id=run_id, experiment_id=experiment_id, run_name=name) as run:
        yield Run(mlflow, RunIds(experiment, run.info.run_id, uri))


def code_version() -> str:
    """The installed version, with the git commit where the code lies in a repository."""
    version = importlib.metadata.version("tact")
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty"],  # noqa: S607
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return version
    return f"{version}+{found.stdout.strip()}"
