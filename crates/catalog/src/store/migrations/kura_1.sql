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

-- Indexes on DuckLake's tables, which have but five primary keys. Other programs do not mind them. What has ended is not in them.
CREATE INDEX kura_live_schema ON ducklake_schema(schema_id) WHERE end_snapshot IS NULL;
CREATE INDEX kura_live_table ON ducklake_table(table_id) WHERE end_snapshot IS NULL;
CREATE INDEX kura_live_table_name ON ducklake_table(schema_id, table_name) WHERE end_snapshot IS NULL;
CREATE INDEX kura_live_view ON ducklake_view(view_id) WHERE end_snapshot IS NULL;
CREATE INDEX kura_live_view_name ON ducklake_view(schema_id, view_name) WHERE end_snapshot IS NULL;
CREATE INDEX kura_live_column ON ducklake_column(table_id) WHERE end_snapshot IS NULL;
CREATE INDEX kura_live_tag ON ducklake_tag(object_id) WHERE end_snapshot IS NULL;
CREATE INDEX kura_live_column_tag ON ducklake_column_tag(table_id) WHERE end_snapshot IS NULL;
CREATE INDEX kura_live_data_file ON ducklake_data_file(table_id, begin_snapshot) WHERE end_snapshot IS NULL;
CREATE INDEX kura_live_delete_file ON ducklake_delete_file(table_id, data_file_id) WHERE end_snapshot IS NULL;
CREATE INDEX kura_file_column_stats_by_file ON ducklake_file_column_stats(data_file_id);
CREATE INDEX kura_file_partition_value_by_file ON ducklake_file_partition_value(data_file_id);
CREATE INDEX kura_table_stats_by_table ON ducklake_table_stats(table_id);
CREATE INDEX kura_table_column_stats_by_table ON ducklake_table_column_stats(table_id);
