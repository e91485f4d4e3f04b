"""The log of the flow run, or the process's own where no run is under way, as in the consumer of events."""

import logging

from prefect import get_run_logger
from prefect.exceptions import MissingContextError


def run_log() -> logging.Logger | logging.LoggerAdapter[logging.Logger]:
    """Where to log what an operator has to see."""
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger("underwriting")
