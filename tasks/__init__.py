"""With whom: Prefect tasks, one file per check."""
