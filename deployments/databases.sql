\set ON_ERROR_STOP on
-- Two databases, each with its own owner. PostgreSQL's image runs this once, in an empty volume.
\getenv underwriting UNDERWRITING_PASSWORD
\getenv prefect PREFECT_PASSWORD
SELECT 'change-me' IN (:'underwriting', :'prefect') AS example \gset
\if :example
    DO $$ BEGIN RAISE 'postgres.env has the example''s password, which everybody knows; write your own'; END $$;
\endif
CREATE ROLE underwriting LOGIN PASSWORD :'underwriting';
CREATE ROLE prefect LOGIN PASSWORD :'prefect';
CREATE DATABASE underwriting OWNER underwriting;
CREATE DATABASE prefect OWNER prefect;
