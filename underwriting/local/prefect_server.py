"""The Prefect server as `underwriting up` runs it: a fifth of its time went into garbage collection."""

from fastapi import FastAPI
from prefect.server.api import server

from underwriting.process.garbage_collector import freeze_loaded_objects


def create_app() -> FastAPI:
    """Prefect's own application."""
    app = server.create_app()
    freeze_loaded_objects()
    return app
