"""The schema's history. Revisions are numbered, so that older and newer can be told apart."""

# The newest revision, kept here because loading Alembic to ask for it costs every process a second at its start.
HEAD = "0019"
