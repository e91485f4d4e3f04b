"""Prefect's private parts that the worker and `deploy` build on: a failure names what an upgrade changed."""

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect.cli.deploy import _config, _core
from prefect.workers.base import BaseWorker

from underwriting.worker import prefect_private
from underwriting.worker.prefect_private import AsyncFlowRunEngine

PROJECT = Path(__file__).parents[2]
PACKAGES = ("flows", "tasks", "rules", "underwriting")


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


@pytest.mark.parametrize(("name", "expected"), prefect_private.ENGINE_METHODS.items())
def test_the_engine_has_the_methods_that_we_call_or_replace(name: str, expected: tuple[str, ...]) -> None:
    assert parameters(getattr(AsyncFlowRunEngine, name)) == expected


@pytest.mark.parametrize("name", prefect_private.ENGINE_FIELDS)
def test_the_engine_has_the_fields_that_we_read_or_set(name: str) -> None:
    assert name in AsyncFlowRunEngine.__dataclass_fields__


@pytest.mark.parametrize(("name", "expected"), prefect_private.WORKER_METHODS.items())
def test_the_worker_has_the_methods_that_we_call_or_replace(name: str, expected: tuple[str, ...]) -> None:
    assert parameters(getattr(BaseWorker, name)) == expected


@pytest.mark.parametrize("name", prefect_private.WORKER_ATTRIBUTES)
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
