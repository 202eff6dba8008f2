#!/usr/bin/env bash
# The five databases with their three roles each, as dev/provision.py makes them; PostgreSQL's image runs it at its first start.
set -euo pipefail

: "${DATABASE_PASSWORD:?the password of all roles}"
for service in lead_routing pipeline collaboration alerting kpi; do
    psql --username "${POSTGRES_USER:-postgres}" --dbname postgres --quiet --no-psqlrc --set ON_ERROR_STOP=1 \
        --set database="${PREFIX:-}salesloom_$service" --set owner="${PREFIX:-}${service}_owner" \
        --set worker="${PREFIX:-}${service}_worker" --set api="${PREFIX:-}${service}_api" --set password="$DATABASE_PASSWORD" <<'SQL'
create role :"owner" login nosuperuser nobypassrls nocreatedb nocreaterole noreplication password :'password';
create role :"worker" login nosuperuser nobypassrls nocreatedb nocreaterole noreplication password :'password';
create role :"api" login nosuperuser nobypassrls nocreatedb nocreaterole noreplication password :'password';
create database :"database" owner :"owner" template template0;
\connect :"database"
revoke all on database :"database" from public;
grant connect, temporary on database :"database" to :"owner", :"worker";
grant connect on database :"database" to :"api";
grant create on database :"database" to :"worker";
revoke create on schema public from public;
grant execute on function pg_control_system(), pg_control_checkpoint() to :"owner";
SQL
done
