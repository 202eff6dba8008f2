#!/usr/bin/env bash
# Put a backup into an empty database of one service, whose roles exist. Then: `restore --from kafka`, and start the workers.
#
#   SALESLOOM_OWNER_URL=postgresql://… deploy/backup/restore.sh DATA_FILE KEYS_FILE
#
# The other services go on meanwhile. What was recorded after the backup comes back from Kafka; keys that were made after it
# do not, and what they sealed stays closed.
set -euo pipefail

[ $# -eq 2 ] || { echo "usage: SALESLOOM_OWNER_URL=… $0 DATA_FILE KEYS_FILE" >&2; exit 2; }
: "${SALESLOOM_OWNER_URL:?the address of the database as its owner}"

if [ -n "$(psql "$SALESLOOM_OWNER_URL" -Atc "select 1 from pg_namespace where nspname = 'log'")" ]; then
    echo "this database has a log already: make an empty one, or nothing of either would be sure" >&2
    exit 1
fi
pg_restore --dbname="$SALESLOOM_OWNER_URL" --exit-on-error --single-transaction --no-owner \
    --use-list=<(pg_restore --list "$1" | grep -v ' SCHEMA - public ') "$1"
pg_restore --dbname="$SALESLOOM_OWNER_URL" --exit-on-error --single-transaction --no-owner "$2"
# Nobody may write before the log was compared with the broker, and read models are made again.
psql "$SALESLOOM_OWNER_URL" --quiet --set ON_ERROR_STOP=1 <<'SQL'
select log.judge('restoring', 'from a backup; run restore --from kafka');
update log.leases set holder = '', expires_at = '-infinity';
update log.cursors set seq = 0 where name = 'forget'; -- the keys may be older: erasures are done again
update log.builds set state = 'dropped' where state <> 'dropped';
SQL
echo "restored; now run: python -m services.<name> restore --from kafka"
