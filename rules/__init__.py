"""Why: pure decisions over facts, without I/O and without Prefect."""
