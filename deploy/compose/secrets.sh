#!/bin/sh
# Makes the secrets of compose.yml, once, as files of the folder `secrets` beside it. Keep them: without them the data
# cannot be read.
set -eu
cd "$(dirname "$0")"
hex() { od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }
# The folder is closed to others; the files are open, because containers read them as users of their own.
(umask 077 && mkdir secrets)
database_password=$(hex 24) store_key_id=GK$(hex 12) store_key=$(hex 32)
hex 40 >secrets/secret_key
printf %s "$database_password" >secrets/database_password
printf %s "postgres://registry:$database_password@database/registry" >secrets/database_url
printf %s "$store_key_id" >secrets/store_key_id
printf %s "$store_key" >secrets/store_key
cat >secrets/store.env <<LINES
GARAGE_RPC_SECRET=$(hex 32)
GARAGE_DEFAULT_ACCESS_KEY=$store_key_id
GARAGE_DEFAULT_SECRET_KEY=$store_key
LINES
chmod 444 secrets/*
