-- What DuckLake has no place for. Version 1; the version is the key 'version' of kura_meta.
-- kura_meta: 'version', and 'next_oid', the first OID not reserved yet.
CREATE TABLE kura_meta("key" TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE kura_role(oid BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE, superuser BIGINT NOT NULL, login BIGINT NOT NULL, verifier TEXT);
-- kind: 'schema', 'table' or 'view'. An object keeps its OID over renames; rows of dropped objects stay, so that no OID is used twice.
CREATE TABLE kura_oid(oid BIGINT PRIMARY KEY, kind TEXT NOT NULL, object_id BIGINT NOT NULL UNIQUE);
-- The PostgreSQL type of columns whose DuckLake type does not say it all.
CREATE TABLE kura_column_type(table_id BIGINT NOT NULL, column_id BIGINT NOT NULL, type_oid BIGINT NOT NULL, typmod BIGINT NOT NULL, PRIMARY KEY (table_id, column_id)) WITHOUT ROWID;
-- columns: JSON array of {"name", "oid", "typmod"}; search_path: JSON array of names.
CREATE TABLE kura_view(view_id BIGINT PRIMARY KEY, "columns" TEXT NOT NULL, search_path TEXT NOT NULL, owner BIGINT NOT NULL);
CREATE TABLE kura_owner(object_id BIGINT PRIMARY KEY, owner BIGINT NOT NULL);
-- Commits of this program, the newest ones: which snapshots are ours, and whether a commit with a lost answer happened.
CREATE TABLE kura_commit(commit_id TEXT PRIMARY KEY, snapshot_id BIGINT NOT NULL UNIQUE) WITHOUT ROWID;
