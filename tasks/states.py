"""Calling a task for its final state."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar, cast

from prefect import Task
from prefect.client.schemas.objects import State

P = ParamSpec("P")
R = TypeVar("R")


async def state_of(task: Task[P, Coroutine[Any, Any, R]], *args: P.args, **kwargs: P.kwargs) -> State[R]:
    """Run `task` and return its final state, even if it failed: nothing is raised, so no sibling is cancelled.

    Prefect's types say that `return_state=True` returns the state itself; for an `async` task it returns a coroutine.
    """
    call = cast(Callable[..., Awaitable[State[R]]], task)
    return await call(*args, **kwargs, return_state=True)
