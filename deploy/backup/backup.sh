#!/usr/bin/env bash
# Back up one service: what happened into one folder, the keys of personal fields into another.
#
#   SALESLOOM_OWNER_URL=postgresql://… deploy/backup/backup.sh DATA_FOLDER KEYS_FOLDER
#
# Keep the two apart, with other people's access, and the keys for 30 days at the most: a key that was destroyed lives on
# in a backup of it. Read models are not in it: they are made again from the log. Files are written whole or not at all.
set -euo pipefail

[ $# -eq 2 ] || { echo "usage: SALESLOOM_OWNER_URL=… $0 DATA_FOLDER KEYS_FOLDER" >&2; exit 2; }
: "${SALESLOOM_OWNER_URL:?the address of the database as its owner}"
at=$(date -u +%Y%m%dT%H%M%SZ)

dump() {
    local folder=$1 file=$2
    shift 2
    mkdir -p "$folder"
    pg_dump --dbname="$SALESLOOM_OWNER_URL" --format=custom --file="$folder/.$file" "$@"
    mv "$folder/.$file" "$folder/$file"
    echo "$folder/$file"
}

umask 077
# The data first: every key of it is then in the keys, and some more do no harm.
dump "$1" "data-$at.dump" --schema=log --schema=public --exclude-table-data=log.subject_keys
dump "$2" "keys-$at.dump" --data-only --table=log.subject_keys
