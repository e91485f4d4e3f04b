"""What a service can reach, read off the source: the modules that it imports, the settings that they read, and their
calls to AWS.

Imports inside functions count too. `local` and `playground` are left out: production has neither.
"""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import yaml

from underwriting.settings import Settings

PROJECT = Path(__file__).parents[2]
PACKAGES = ("flows", "tasks", "rules", "underwriting")
NOT_IN_PRODUCTION = ("underwriting.local", "underwriting.playground")
SETTINGS = "underwriting.settings"
# Read by `underwriting/secrets.py` and `underwriting/process/logs.py`, out of the environment, whatever a service does.
ALWAYS = frozenset({"aws_region", "aws_endpoint_url", "settings_secret", "log_format"})


def entry_points() -> dict[str, list[str]]:
    """The modules that each service of production begins with."""
    deployments = yaml.safe_load((PROJECT / "prefect.yaml").read_text("utf-8"))["deployments"]
    flows = {deployment["entrypoint"].rpartition(".")[0] for deployment in deployments}
    return {
        "api": ["underwriting.api.app"],
        "worker": ["underwriting.worker.worker", *sorted(flows)],
        "housekeeping": ["underwriting.housekeeping"],
        "consumer": ["underwriting.consumer"],
        "setup": ["underwriting.cli.upgrade", "underwriting.cli.rulebooks"],
    }


@cache
def modules() -> dict[str, Path]:
    """Every module of the program and its file."""
    files = [file for package in PACKAGES for file in (PROJECT / package).rglob("*.py")]
    return {".".join(file.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


@cache
def tree(module: str) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(modules()[module].read_text("utf-8"))


def imports(module: str, *, at_once: bool = False) -> set[str]:
    """The modules of ours that a module imports; `at_once`: when it is itself imported, not in a function later."""
    found: set[str] = set()
    for node in _at_once(tree(module)) if at_once else ast.walk(tree(module)):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    parents = {module.rsplit(".", parts)[0] for parts in range(1, module.count(".") + 1)}
    return (found | parents) & modules().keys()


def _at_once(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _at_once(child)


def reached(starts: Iterable[str], *, at_once: bool = False) -> frozenset[str]:
    """All modules that these import, directly or not."""
    seen: set[str] = set()
    waiting = list(starts)
    while waiting:
        module = waiting.pop()
        if module in seen or (not at_once and module.startswith(NOT_IN_PRODUCTION)):
            continue
        seen.add(module)
        waiting += imports(module, at_once=at_once)
    return frozenset(seen)


def settings_read(service: str) -> frozenset[str]:
    """The settings that a service may read."""
    found = set(ALWAYS)
    for module in reached(entry_points()[service]) - {SETTINGS}:
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.Attribute) and _is_of_settings(node.value):
                found |= _fields_of(node.attr)
    return frozenset(found)


def _is_of_settings(value: ast.expr) -> bool:
    return ast.unparse(value).rsplit(".", 1)[-1] in {"config", "_config", "settings", "settings()"}


@cache
def _fields_of(attribute: str) -> frozenset[str]:
    """The settings behind an attribute: itself, or those that a property of Settings reads."""
    if attribute in Settings.model_fields:
        return frozenset({attribute})
    (settings,) = (node for node in tree(SETTINGS).body if isinstance(node, ast.ClassDef) and node.name == "Settings")
    for node in settings.body:
        if isinstance(node, ast.FunctionDef) and node.name == attribute:
            names = {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)}
            return frozenset(names & Settings.model_fields.keys())
    return frozenset()


def aws_calls(module: str) -> set[tuple[str, str]]:
    """The calls to AWS that a module makes: the service and boto3's name of the operation.

    Through `Aws.call(source, service, operation)`, through a method that fixes the first two, or on a client.
    """
    nodes = list(ast.walk(tree(module)))
    fixed = {service for node in nodes if (service := _service(node))}
    clients = {
        ast.unparse(node.targets[0]): _client(node.value)
        for node in nodes
        if isinstance(node, ast.Assign) and _client(node.value)
    }
    found: set[tuple[str, str]] = set()
    for node in nodes:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        on = _client(node.func.value) or clients.get(ast.unparse(node.func.value))
        if on:
            found.add((on, node.func.attr))
        elif (service := _service(node)) and isinstance(node.args[2], ast.Constant):
            found.add((service, node.args[2].value))
        elif fixed and node.func.attr == "_call" and node.args and isinstance(node.args[0], ast.Constant):
            found |= {(service, node.args[0].value) for service in fixed}
    return found


def _service(node: ast.AST) -> str:
    """The service of a call of `Aws.call`."""
    return _argument(node, "call", 1)


def _client(node: ast.AST) -> str:
    """The service of `….client("service", …)`."""
    return _argument(node, "client", 0)


def _argument(node: ast.AST, method: str, place: int) -> str:
    """An argument of a call of this method, if it is a text that stands there."""
    match node:
        case ast.Call(func=ast.Attribute(attr=called), args=args) if called == method and len(args) > place:
            argument = args[place]
            return str(argument.value) if isinstance(argument, ast.Constant) else ""
    return ""
