-- Indexes on DuckLake's tables, which have but five primary keys. Other programs do not mind them. Most do not hold what has ended.
CREATE INDEX IF NOT EXISTS kura_live_schema ON ducklake_schema(schema_id) WHERE end_snapshot IS NULL;
CREATE INDEX IF NOT EXISTS kura_live_table ON ducklake_table(table_id) WHERE end_snapshot IS NULL;
CREATE INDEX IF NOT EXISTS kura_live_table_name ON ducklake_table(schema_id, table_name) WHERE end_snapshot IS NULL;
CREATE INDEX IF NOT EXISTS kura_live_view ON ducklake_view(view_id) WHERE end_snapshot IS NULL;
CREATE INDEX IF NOT EXISTS kura_live_view_name ON ducklake_view(schema_id, view_name) WHERE end_snapshot IS NULL;
CREATE INDEX IF NOT EXISTS kura_live_column ON ducklake_column(table_id) WHERE end_snapshot IS NULL;
CREATE INDEX IF NOT EXISTS kura_live_tag ON ducklake_tag(object_id) WHERE end_snapshot IS NULL;
CREATE INDEX IF NOT EXISTS kura_live_column_tag ON ducklake_column_tag(table_id) WHERE end_snapshot IS NULL;
CREATE INDEX IF NOT EXISTS kura_live_data_file ON ducklake_data_file(table_id, begin_snapshot) WHERE end_snapshot IS NULL;
CREATE INDEX IF NOT EXISTS kura_live_delete_file ON ducklake_delete_file(table_id, data_file_id) WHERE end_snapshot IS NULL;
CREATE INDEX IF NOT EXISTS kura_file_column_stats_by_file ON ducklake_file_column_stats(data_file_id);
CREATE INDEX IF NOT EXISTS kura_file_partition_value_by_file ON ducklake_file_partition_value(data_file_id);
CREATE INDEX IF NOT EXISTS kura_table_stats_by_table ON ducklake_table_stats(table_id);
CREATE INDEX IF NOT EXISTS kura_table_column_stats_by_table ON ducklake_table_column_stats(table_id);
CREATE INDEX IF NOT EXISTS kura_column_by_table ON ducklake_column(table_id, column_id);
