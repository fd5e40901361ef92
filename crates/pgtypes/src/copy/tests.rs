//! Expected values come from a PostgreSQL 15 server, as do those of `sql-tests/copy` and the tests of bad input.

use arrow::array::{ArrayRef, AsArray as _, Int32Array, StringViewArray};
use arrow::datatypes::Int32Type;
use arrow::record_batch::RecordBatch;
use bytes::BytesMut;

use super::{CopyColumns, CopyDecoder, CopyEncoder, CopyFormat, CopyOptions};
use crate::{OutputSettings, PgType};

fn columns() -> Vec<(String, PgType)> {
    vec![("id".to_owned(), PgType::INT4), ("name".to_owned(), PgType::TEXT)]
}

/// The rows of data cut into pieces of `size` bytes.
fn decode(options: &CopyOptions, data: &[u8], size: usize) -> Result<Vec<(Option<i32>, Option<String>)>, String> {
    let mut decoder = CopyDecoder::new(columns(), "t", options.clone(), OutputSettings::default());
    let mut batches: Vec<RecordBatch> = Vec::new();
    let failed = |error: crate::SqlError| format!("{} {} / {}", error.state.code(), error.message, error.context.unwrap_or_default());
    for piece in data.chunks(size) {
        decoder.push(piece).map_err(failed)?;
        while let Some(batch) = decoder.take_batch(2).map_err(failed)? {
            batches.push(batch);
        }
    }
    batches.extend(decoder.finish().map_err(failed)?);
    let rows = batches.iter().flat_map(|batch| {
        let (ids, names) = (batch.column(0).as_primitive::<Int32Type>(), batch.column(1).as_string_view());
        ids.iter().zip(names.iter()).map(|(id, name)| (id, name.map(str::to_owned))).collect::<Vec<_>>()
    });
    Ok(rows.collect())
}

/// The same however the data is cut.
fn rows(options: &CopyOptions, data: &[u8]) -> Vec<(Option<i32>, Option<String>)> {
    let whole = decode(options, data, data.len().max(1)).expect("rows");
    for size in 1..data.len().min(9) {
        assert_eq!(decode(options, data, size).expect("rows"), whole, "in pieces of {size}");
    }
    whole
}

fn row(id: i32, name: &str) -> (Option<i32>, Option<String>) {
    (Some(id), Some(name.to_owned()))
}

#[test]
fn text() {
    let options = CopyOptions::new(CopyFormat::Text);
    assert_eq!(rows(&options, b"1\ta\n\\N\t\\N\n3\tb"), [row(1, "a"), (None, None), row(3, "b")]);
    assert_eq!(rows(&options, b"1\ta\\tb\\nc\\\\d\\x41\\101\\q\n"), [row(1, "a\tb\nc\\dAAq")]);
    assert_eq!(rows(&options, b"1\tover\\\nlines\n"), [row(1, "over\nlines")]);
    assert_eq!(rows(&options, b"1\ta\r\n2\tb\r\n"), [row(1, "a"), row(2, "b")]);
    assert_eq!(rows(&options, b"1\ta\r2\tb\r"), [row(1, "a"), row(2, "b")]);
    assert_eq!(rows(&options, b"1\ta\n\\.\nnot looked at"), [row(1, "a")]);
    assert_eq!(rows(&options, b""), []);
}

#[test]
fn csv() {
    let options = CopyOptions::new(CopyFormat::Csv);
    let expected = [row(1, "a, \"b\"\nc"), (Some(2), None), row(3, ""), row(4, "\\."), row(5, "xyz")];
    assert_eq!(rows(&options, b"1,\"a, \"\"b\"\"\nc\"\n2,\n3,\"\"\n4,\\.\n5,x\"y\"z\n"), expected);
    let escaped = CopyOptions { escape: b'\\', ..options.clone() };
    assert_eq!(rows(&escaped, b"1,\"a\\\"b\\\\\"\n2,\"\\x\"\n"), [row(1, "a\"b\\"), row(2, "\\x")]);
    let header = CopyOptions { header: true, force_not_null: CopyColumns::All, ..options.clone() };
    assert_eq!(rows(&header, b"what,ever\n1,\n"), [row(1, "")]);
    let force = CopyOptions { force_null: CopyColumns::All, ..options };
    assert_eq!(rows(&force, b"1,\"\"\n"), [(Some(1), None)]);
}

#[test]
fn errors_say_where() {
    let text = CopyOptions::new(CopyFormat::Text);
    let csv = CopyOptions::new(CopyFormat::Csv);
    let error = |options: &CopyOptions, data: &[u8]| decode(options, data, 3).expect_err("an error");
    assert_eq!(error(&text, b"1\ta\nx\tb\n"), "22P02 invalid input syntax for type integer: \"x\" / COPY t, line 2, column id: \"x\"");
    assert_eq!(error(&text, b"1\ta\n1\n"), "22P04 missing data for column \"name\" / COPY t, line 2: \"1\"");
    assert_eq!(error(&text, b"1\ta\tb\n"), "22P04 extra data after last expected column / COPY t, line 1: \"1\ta\tb\"");
    assert_eq!(error(&text, b"1\ta\n2\tb\r\n"), "22P04 literal carriage return found in data / COPY t, line 2");
    assert_eq!(error(&text, b"1\ta\n\\.x"), "22P04 end-of-copy marker corrupt / COPY t, line 2");
    assert_eq!(error(&text, b"1\t\\xff\n"), "22021 invalid byte sequence for encoding \"UTF8\": 0xff / COPY t, line 1: \"1\t\\xff\"");
    assert_eq!(error(&csv, b"1,a\n2,\"b\n"), "22P04 unterminated CSV quoted field / COPY t, line 3: \"2,\"b\n\"");
    let long = format!("{}\ta\n", "9".repeat(200));
    let shown = format!("{}...", "9".repeat(100));
    assert!(error(&text, long.as_bytes()).ends_with(&format!("COPY t, line 1, column id: \"{shown}\"")));
}

#[test]
fn output() {
    let ids: ArrayRef = std::sync::Arc::new(Int32Array::from(vec![Some(1), None, Some(3), Some(4)]));
    let names = StringViewArray::from(vec![Some("a\tb\\c\n"), None, Some(""), Some("say \"x\", y")]);
    let batch = RecordBatch::try_from_iter([("id", ids), ("name", std::sync::Arc::new(names) as ArrayRef)]).expect("a batch");
    let encode = |options: CopyOptions| {
        let mut encoder = CopyEncoder::new(columns(), options, OutputSettings::default());
        let mut out = BytesMut::from(encoder.header().unwrap_or_default().as_slice());
        encoder.encode(&batch, &mut out).expect("lines");
        String::from_utf8(out.to_vec()).expect("text")
    };
    assert_eq!(encode(CopyOptions::new(CopyFormat::Text)), "1\ta\\tb\\\\c\\n\n\\N\t\\N\n3\t\n4\tsay \"x\", y\n");
    let csv = CopyOptions { header: true, ..CopyOptions::new(CopyFormat::Csv) };
    assert_eq!(encode(csv), "id,name\n1,\"a\tb\\c\n\"\n,\n3,\"\"\n4,\"say \"\"x\"\", y\"\n");
}
