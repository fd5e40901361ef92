//! COPY … FROM files of the server. A `*` in the path stands for any characters; files are read in the order of their names.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::common::runtime::SpawnedTask;
use futures::{StreamExt, TryStreamExt};
use kura_pgtypes::PgType;
use kura_sql::statement::CopyEncoding;
use kura_storage::external::{FileAccess, read_bytes, read_parquet};

use crate::context::StatementContext;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::execute::copy_from::{Complete, InputRows, Target, convert, delimited, json, one_after_another};
use crate::execute::insert::{load, publish};
use crate::outcome::Outcome;

/// COPY … FROM a file.
pub(crate) async fn from_file(
    engine: &Engine,
    target: Target,
    encoding: CopyEncoding,
    path: String,
    context: &StatementContext,
) -> Result<Outcome> {
    let table = Arc::clone(&target.table);
    let columns = target.input_columns();
    let files = Files { access: engine.file_access(context), path };
    let permit = engine.admit().await?;
    let complete = target.complete(engine, context).await?;
    let inner = Inner { table: Arc::clone(&table), context: context.clone() };
    let loaded = load(engine, &table, permit, async move {
        let input = inner.read(files, columns, encoding, &complete).await?;
        Ok(complete.rows(input))
    });
    let rows = publish(engine, &table, loaded.await??, context).await?;
    Ok(Outcome::command(format!("COPY {rows}")))
}

/// Files as the user named them, and which he may name.
struct Files {
    access: FileAccess,
    path: String,
}

impl Files {
    /// Every one of them.
    async fn each(&self) -> Result<Vec<PathBuf>> {
        let (access, path) = (self.access.clone(), self.path.clone());
        let resolved = SpawnedTask::spawn_blocking(move || access.resolve_all(&path)).join().await;
        Ok(resolved.map_err(|error| Error::internal(format!("a file task ended: {error}")))??)
    }
}

struct Inner {
    table: Arc<kura_catalog::Table>,
    context: StatementContext,
}

impl Inner {
    /// Opens the files and gives their rows.
    async fn read(self, files: Files, columns: Vec<(String, PgType)>, encoding: CopyEncoding, complete: &Complete) -> Result<InputRows> {
        if let CopyEncoding::Parquet = encoding {
            let rows = read_parquet(&files.access, &files.path).await?;
            return convert::converted(rows, &columns, &files.path, &self.context.info);
        }
        let mut parts = Vec::new();
        for file in files.each().await? {
            let path = file.display().to_string();
            let bytes = read_bytes(&files.access, &path).await?.map_err(Error::from).boxed();
            parts.push(match &encoding {
                CopyEncoding::Delimited(options) => {
                    let decoder = delimited::decoder(columns.clone(), complete, options.clone())?;
                    delimited::decoded(bytes, decoder)
                }
                CopyEncoding::Json => json::decoded(bytes, &columns, &self.table.name, &self.context.info.settings),
                CopyEncoding::Parquet => return Err(Error::internal("a Parquet file read as text")),
            });
        }
        Ok(one_after_another(parts))
    }
}
