#!/bin/sh
# Run once, when the database is made: the service's own role, which is no superuser, and its database.
set -eu
psql --no-psqlrc -v ON_ERROR_STOP=1 -v password="$(cat "${DATABASE_PASSWORD_FILE:-/run/secrets/database_password}")" \
  --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'END'
CREATE ROLE radlogic LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
CREATE DATABASE radlogic OWNER radlogic;
REVOKE ALL ON DATABASE radlogic FROM PUBLIC;
END
