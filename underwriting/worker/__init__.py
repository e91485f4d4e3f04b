"""The warm Prefect worker."""
