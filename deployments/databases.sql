\set ON_ERROR_STOP on
-- Two databases, each with its own owner. PostgreSQL's image runs this once, in an empty volume.
\getenv underwriting UNDERWRITING_PASSWORD
\getenv prefect PREFECT_PASSWORD
CREATE ROLE underwriting LOGIN PASSWORD :'underwriting';
CREATE ROLE prefect LOGIN PASSWORD :'prefect';
CREATE DATABASE underwriting OWNER underwriting;
CREATE DATABASE prefect OWNER prefect;
