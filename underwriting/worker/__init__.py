"""The warm Prefect worker: flows stay imported and run inside the worker's own process, several at a time."""

from underwriting.worker.worker import WarmWorker

__all__ = ["WarmWorker"]
