"""The owned package: domain, store, clients, API, sandbox, worker and command line."""
