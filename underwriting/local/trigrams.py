"""The extension `pg_trgm` as far as Prefect's migrations need it.

Prefect creates trigram indexes to find names by a part of them. The wheel's PostgreSQL carries no contrib modules, so
this supplies an operator class of that name under which nothing is indexed and nothing is looked up: the indexes stay
empty, and a search by name reads the table, which is quick at this size. The three support functions are PostgreSQL's
own `void_in`, which touches no argument and returns zero: to GIN, an item without keys.
"""

from pathlib import Path

CONTROL = """\
comment = 'operator class gin_trgm_ops that indexes nothing'
default_version = '1.6'
relocatable = true
trusted = true
"""
SCRIPT = """\
CREATE FUNCTION gin_extract_value_trgm(text, internal)
    RETURNS internal LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'void_in';
CREATE FUNCTION gin_extract_query_trgm(text, internal, int2, internal, internal, internal, internal)
    RETURNS internal LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'void_in';
CREATE FUNCTION gin_trgm_consistent(internal, int2, text, int4, internal, internal, internal, internal)
    RETURNS bool LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'void_in';
CREATE OPERATOR CLASS gin_trgm_ops FOR TYPE text USING gin AS
    FUNCTION 1 bttextcmp(text, text),
    FUNCTION 2 gin_extract_value_trgm(text, internal),
    FUNCTION 3 gin_extract_query_trgm(text, internal, int2, internal, internal, internal, internal),
    FUNCTION 4 gin_trgm_consistent(internal, int2, text, int4, internal, internal, internal, internal),
    STORAGE text;
"""


def write_extension(share: Path) -> None:
    """Put the extension under `share`, a directory of PostgreSQL's `extension_control_path`."""
    folder = share / "extension"
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    (folder / "pg_trgm.control").write_text(CONTROL, "utf-8")
    (folder / "pg_trgm--1.6.sql").write_text(SCRIPT, "utf-8")
