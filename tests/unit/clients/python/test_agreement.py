"""The client knows what the service has: every error, field and option."""

import dataclasses
import inspect
import re
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from pydantic import BaseModel

import hiir_client
from hiir_client import models, operations
from hiir_client.analysis import Analysis, AnalysisConfidence
from hiir_client.async_client import AsyncClient
from hiir_client.errors import ApiError, error_class, error_classes
from hiir_client.submission import BatchOptions, JobOptions
from hiir_client.sync_client import Client
from service.api.submission_openapi import BATCH_SUBMISSION, SUBMISSION
from service.errors import error_types
from service.jobs.batch import ItemStatus
from service.jobs.job import JobStatus, WebhookEvent
from service.jobs.priority import Priority
from service.keys import Scope
from service.schemas import analysis, batch, dry_run, event, job, key, link, task
from service.webhooks import views

ROOT = Path(__file__).parents[4]
VIEWS: dict[type, type[BaseModel]] = {
    Analysis: analysis.AnalysisView,
    AnalysisConfidence: analysis.AnalysisConfidence,
    models.Batch: batch.BatchView,
    models.BatchItem: batch.BatchItemView,
    models.BatchSummary: batch.BatchSummary,
    models.BatchUrls: batch.BatchUrls,
    models.Delivery: views.DeliveryView,
    models.DeliveryAttempt: views.AttemptView,
    models.DryRun: dry_run.DryRunView,
    models.Failure: job.FailureView,
    models.Image: job.ImageView,
    models.Job: job.JobView,
    models.JobState: event.EventView,
    models.JobUrls: job.JobUrls,
    models.Key: key.KeyView,
    models.Link: link.LinkView,
    models.Model: task.ModelView,
    models.NewKey: key.NewKeyView,
    models.Parameter: task.ParameterView,
    models.PlannedImage: dry_run.PlannedImageView,
    models.Progress: job.ProgressView,
    models.Step: job.StepView,
    models.Task: task.TaskView,
    models.TileGrid: job.TileGridView,
    models.Warning: job.WarningView,
    models.Webhook: job.WebhookView,
    models.WebhookSecret: views.WebhookSecretView,
    operations.BatchPage: batch.BatchList,
    operations.DeliveryList: views.DeliveryList,
    operations.JobPage: job.JobList,
    operations.KeyList: key.KeyList,
    operations.TaskList: task.TaskList,
}
OF_ARGUMENTS = {"file", "task", "tasks"}
# The client never waits in the submission, and a dry run has a method of its own.
NOT_OFFERED = {"cancel_on_disconnect", "dry_run"}


def test_each_code_of_the_service_has_one_class() -> None:
    codes = [kind.code for kind in error_classes()]
    assert len(codes) == len(set(codes))
    assert set(codes) == {kind.code for kind in error_types()}
    documented = re.findall(r'<a id="([\w-]+)">', (ROOT / "docs/errors.md").read_text())
    assert set(codes) == set(documented)


def test_a_class_is_found_by_its_code() -> None:
    assert all(error_class(kind.code) is kind for kind in error_classes())
    assert error_class("of-tomorrow") is ApiError
    names = {kind.__name__ for kind in error_classes()}
    assert names <= set(hiir_client.errors.__all__)


@pytest.mark.parametrize("kind", VIEWS, ids=lambda kind: kind.__name__)
def test_a_model_has_the_fields_of_its_schema(kind: type) -> None:
    fields = {field.name for field in dataclasses.fields(kind)}
    assert fields == VIEWS[kind].model_fields.keys()


@pytest.mark.parametrize(
    ("literal", "kind"),
    [
        (models.ItemStatus, ItemStatus),
        (models.JobStatus, JobStatus),
        (models.Priority, Priority),
        (models.Scope, Scope),
        (models.WebhookEvent, WebhookEvent),
    ],
)
def test_a_literal_has_the_values_of_its_enumeration(literal: object, kind: type[StrEnum]) -> None:
    assert set(get_args(literal)) == {item.value for item in kind}


@pytest.mark.parametrize(
    ("described", "options"),
    [(SUBMISSION, JobOptions), (BATCH_SUBMISSION, BatchOptions)],
    ids=["job", "batch"],
)
def test_the_options_of_a_submission_are_its_fields(described: dict, options: type) -> None:
    body = described["openapi_extra"]["requestBody"]["content"]["multipart/form-data"]
    fields = body["schema"]["properties"].keys() - OF_ARGUMENTS - NOT_OFFERED
    of_the_client = {"parameters", "file_right", "no_cache"}
    assert get_type_hints(options).keys() - of_the_client == fields - {"file_right"}


def verbs(client: object) -> dict[str, list[str]]:
    """Public methods with their parameters, of the client and its resources."""
    found = {}
    for owner in [client, *vars(client).values()]:
        name = type(owner).__name__.removeprefix("Async")
        if not type(owner).__module__.startswith("hiir_client"):
            continue
        for verb, method in inspect.getmembers(owner, inspect.ismethod):
            if not verb.startswith("_"):
                parameters = inspect.signature(method).parameters.values()
                found[f"{name}.{verb}"] = [str(parameter) for parameter in parameters]
    return {name: value for name, value in found.items() if "Driver" not in name}


def test_both_clients_have_the_same_verbs() -> None:
    with Client() as client:
        found = verbs(client)
    assert found == verbs(AsyncClient())
    assert "Jobs.events" in found
    assert len(found) >= 25


def test_importing_the_client_takes_less_than_three_tenths_of_a_second() -> None:
    """Of processor time, since other processes may keep the machine busy."""
    program = "import time; t = time.process_time(); import hiir_client; "
    program += "print(time.process_time() - t)"
    times = [
        float(
            subprocess.run(
                [sys.executable, "-c", program],
                cwd=ROOT / "clients/python",
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for _ in range(3)
    ]
    assert min(times) < 0.3
