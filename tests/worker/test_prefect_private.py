"""Prefect's private parts that the worker and `deploy` build on: a failure names what an upgrade changed."""

import ast
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from prefect.cli.deploy import _config, _core
from prefect.workers.base import BaseWorker

from underwriting.worker import prefect_private
from underwriting.worker.prefect_private import AsyncFlowRunEngine

PROJECT = Path(__file__).parents[2]
PACKAGES = ("flows", "tasks", "rules", "underwriting")

# Methods and attributes of Prefect's classes that the warm engine and the warm worker call or replace, with the
# parameters of the methods.
ENGINE_METHODS: Mapping[str, tuple[str, ...]] = {
    "start": (),
    "is_running": (),
    "run_context": (),
    "call_flow_fn": (),
    "setup_flow_run_suspension_request": (),
    "_get_flow_run_suspension_request": (),
    "handle_crash": ("exc",),
    "handle_cancellation": ("exc",),
}
ENGINE_FIELDS = ("flow", "flow_run", "parameters", "_flow_run_name_set")
WORKER_METHODS: Mapping[str, tuple[str, ...]] = {
    "get_and_submit_flow_runs": (),
    "sync_with_backend": (),
    "_get_scheduled_flow_runs": (),
    "_submit_scheduled_flow_runs": ("flow_run_response",),
    "_submit_run": ("flow_run",),
    "_initialize_after_sync": (),
    "_propose_pending_state": ("flow_run",),
    "_propose_crashed_state": ("flow_run", "message", "client"),
    "_mark_flow_run_as_cancelled": ("flow_run", "state_updates"),
    "_release_limit_slot": ("flow_run_id",),
}
WORKER_ATTRIBUTES = (
    "_exit_stack",
    "_last_polled_time",
    "_logger",
    "_runs_task_group",
    "_work_pool",
    "_work_pool_name",
    "_work_queues",
)


def parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(name for name in inspect.signature(function).parameters if name != "self")


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (prefect_private.flow_parameters, ("flow", "flow_run", "parameters")),
        (prefect_private.register_flow_run_suspension_request, ("flow_run_id", "suspension_request")),
        (prefect_private.mark_flow_run_suspension_requested, ("flow_run_id", "state")),
        (_config._load_deploy_configs_and_actions, ("prefect_file", "console")),
        (_config._pick_deploy_configs, ("deploy_configs", "names", "deploy_all", "console", "is_interactive")),
        (
            _core._run_multi_deploy,
            ("deploy_configs", "actions", "names", "deploy_all", "prefect_file", "console", "is_interactive"),
        ),
    ],
    ids=lambda part: getattr(part, "__name__", ""),
)
def test_functions_take_what_we_give_them(function: Callable[..., Any], expected: tuple[str, ...]) -> None:
    assert parameters(function) == expected


@pytest.mark.parametrize(("name", "expected"), ENGINE_METHODS.items())
def test_the_engine_has_the_methods_that_we_call_or_replace(name: str, expected: tuple[str, ...]) -> None:
    assert parameters(getattr(AsyncFlowRunEngine, name)) == expected


@pytest.mark.parametrize("name", ENGINE_FIELDS)
def test_the_engine_has_the_fields_that_we_read_or_set(name: str) -> None:
    assert name in AsyncFlowRunEngine.__dataclass_fields__


@pytest.mark.parametrize(("name", "expected"), WORKER_METHODS.items())
def test_the_worker_has_the_methods_that_we_call_or_replace(name: str, expected: tuple[str, ...]) -> None:
    assert parameters(getattr(BaseWorker, name)) == expected


@pytest.mark.parametrize("name", WORKER_ATTRIBUTES)
def test_the_worker_has_the_attributes_that_we_read_or_set(name: str) -> None:
    assert f"self.{name}" in inspect.getsource(BaseWorker.__init__)


def test_only_the_adapter_imports_what_is_private() -> None:
    importers = {
        str(file.relative_to(PROJECT))
        for package in PACKAGES
        for file in (PROJECT / package).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "prefect"
        if "._" in f".{node.module}" or any(alias.name.startswith("_") for alias in node.names)
    }
    assert importers == {"underwriting/worker/prefect_private.py"}
