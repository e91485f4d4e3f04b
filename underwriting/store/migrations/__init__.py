"""The schema's history. Revisions are numbered, so that older and newer ones can be distinguished."""

# The newest revision, kept here because loading Alembic to ask for it costs every process a second at its start.
HEAD = "0023"
