#!/usr/bin/env bash
# Makes a role and a database for each process that keeps tables; the postgres image runs it once, on an empty volume.
# Each role reaches its own database alone.
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
# What belongs to nobody is for the superuser alone.
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" \
  --dbname="${POSTGRES_DB:-postgres}" --command='REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC'
