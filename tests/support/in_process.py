"""A command of the command line, in this process and beside the test's event loop."""

import asyncio

from typer.testing import CliRunner

from underwriting.cli import application


async def shell(*arguments: str) -> tuple[int, str]:
    """The command on a thread of its own: it runs an event loop itself."""
    result = await asyncio.to_thread(CliRunner().invoke, application(arguments[0]), list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout + result.stderr
