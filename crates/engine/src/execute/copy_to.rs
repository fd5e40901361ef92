//! COPY … TO the client or a file.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use kura_pgtypes::copy::{CopyEncoder, CopyFormat, CopyOptions};
use kura_pgtypes::{OutputSettings, PgType};
use kura_sql::OutputColumn;
use kura_sql::statement::{CopyEncoding, Query};
use kura_storage::external::{ByteWriter, FileAccess, write_parquet};

use crate::context::StatementContext;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::execute::query;
use crate::outcome::Outcome;
use crate::planner::Operators;
use crate::query_log::Record;
use crate::rows::RowStream;

mod json;

/// A COPY … TO STDOUT being read.
pub struct CopyOut {
    /// How many columns each row has.
    pub columns: usize,
    /// Quote and escape of csv, inside which a newline does not end a row; `None` when every newline ends one.
    pub quoting: Option<(u8, u8)>,
    /// The data in pieces of whole rows.
    pub stream: BoxStream<'static, Result<Bytes>>,
    /// Rows in the pieces so far, for the command tag.
    pub rows: Arc<AtomicU64>,
}

impl CopyOut {
    /// Keeps something until the data has ended.
    pub(crate) fn holding(mut self, held: Box<dyn Any + Send>) -> Self {
        self.stream = self.stream.inspect(move |_| _ = &held).boxed();
        self
    }
}

impl std::fmt::Debug for CopyOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CopyOut").field("columns", &self.columns).field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// COPY … TO STDOUT.
pub(crate) async fn to_client(
    engine: &Engine,
    query: Query,
    encoding: CopyEncoding,
    context: StatementContext,
    record: &mut Option<Record>,
) -> Result<Outcome> {
    let CopyEncoding::Delimited(options) = encoding else {
        return Err(Error::internal("COPY TO STDOUT in a format for files"));
    };
    let quoting = (options.format == CopyFormat::Csv).then_some((options.quote, options.escape));
    let encoder = CopyEncoder::new(described(&query.columns), options, context.info.settings.clone());
    let (columns, query_id) = (query.columns.len(), context.query_id);
    let rows = query::start(engine, query, context, record).await?;
    let count = Arc::new(AtomicU64::new(0));
    let stream = pieces(rows, encoder, Arc::clone(&count), query_id).boxed();
    Ok(Outcome::CopyOut(CopyOut { columns, quoting, stream, rows: count }))
}

/// The rows written down, the header first.
fn pieces(
    rows: RowStream,
    encoder: CopyEncoder,
    count: Arc<AtomicU64>,
    query_id: u64,
) -> impl futures::Stream<Item = Result<Bytes>> + Send {
    let header = encoder.header().map(|header| Ok(Bytes::from(header)));
    let body = stream::unfold(Some((rows, encoder)), move |state| {
        let count = Arc::clone(&count);
        async move {
            let (mut rows, mut encoder) = state?;
            let batch = match rows.next().await? {
                Ok(batch) => batch,
                Err(error) => return Some((Err(error), None)),
            };
            let mut piece = BytesMut::new();
            match encoder.encode(&batch, &mut piece) {
                Ok(()) => {
                    count.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
                    Some((Ok(piece.freeze()), Some((rows, encoder))))
                }
                Err(error) => Some((Err(Error::Sql(error).masked(query_id)), None)),
            }
        }
    });
    stream::iter(header).chain(body)
}

/// COPY … TO a file of the server.
pub(crate) async fn to_file(
    engine: &Engine,
    query: Query,
    encoding: CopyEncoding,
    path: String,
    context: &StatementContext,
) -> Result<Outcome> {
    let columns = described(&query.columns);
    let access = engine.file_access(context);
    let permit = engine.admit().await?;
    let operators = engine.operators(query, context.query_id).await?;
    let (settings, stop) = (context.info.settings.clone(), operators.stop());
    let written = engine.runtime().spawn(async move {
        let _permit = permit;
        let target = File { access, path };
        match encoding {
            CopyEncoding::Parquet => Ok(write_parquet(&target.access, &target.path, &columns, operators.start()?).await?),
            CopyEncoding::Delimited(options) => delimited(&target, operators, columns, options, settings).await,
            CopyEncoding::Json => lines(&target, operators, &columns, &settings).await,
        }
    });
    Ok(Outcome::command(format!("COPY {}", written.stopping(stop).await??)))
}

/// Where a file goes.
struct File {
    access: FileAccess,
    path: String,
}

async fn delimited(
    file: &File,
    operators: Operators,
    columns: Vec<(String, PgType)>,
    options: CopyOptions,
    settings: OutputSettings,
) -> Result<u64> {
    let mut encoder = CopyEncoder::new(columns, options, settings);
    let mut writer = ByteWriter::create(&file.access, &file.path).await?;
    if let Some(header) = encoder.header() {
        writer.write(&header).await?;
    }
    let (mut rows, mut count) = (operators.start()?, 0);
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        let mut piece = BytesMut::new();
        encoder.encode(&batch, &mut piece)?;
        writer.write(&piece).await?;
        count += batch.num_rows() as u64;
    }
    writer.finish().await?;
    Ok(count)
}

async fn lines(file: &File, operators: Operators, columns: &[(String, PgType)], settings: &OutputSettings) -> Result<u64> {
    let mut writer = ByteWriter::create(&file.access, &file.path).await?;
    let (mut rows, mut count) = (operators.start()?, 0);
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        writer.write(&json::lines(&batch, columns, settings)?).await?;
        count += batch.num_rows() as u64;
    }
    writer.finish().await?;
    Ok(count)
}

/// Names and types of a query's columns.
fn described(columns: &[OutputColumn]) -> Vec<(String, PgType)> {
    columns.iter().map(|column| (column.name.clone(), column.ty)).collect()
}
