"""The Prefect server as `underwriting up` runs it: a fifth of its time went into garbage collection."""

from fastapi import FastAPI
from prefect.server.api import server

from underwriting.collector import settle


def create_app() -> FastAPI:
    """Prefect's own application."""
    app = server.create_app()
    settle()
    return app
