#!/usr/bin/env bash
# Creates a role and a database for each process that stores tables; the postgres image runs it once, on an empty volume.
# Each role can connect to its own database only.
set -euo pipefail

make_database() {
  psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=name="$1" --set=password="$2" \
    --username="${POSTGRES_USER:-postgres}" --dbname="${POSTGRES_DB:-postgres}" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password' NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT;
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}

make_database laksa_notifier_emergency "$NOTIFIER_EMERGENCY_PASSWORD"
make_database laksa_notifier_routine "$NOTIFIER_ROUTINE_PASSWORD"
make_database laksa_stats "$STATS_PASSWORD"
# The databases that belong to no service are for the superuser only.
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" \
  --dbname="${POSTGRES_DB:-postgres}" --command='REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC'
