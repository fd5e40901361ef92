//! COPY against what PostgreSQL 15 answers to the same data.

use arrow::array::{Array, AsArray};
use arrow::compute::concat_batches;
use bytes::BytesMut;
use proptest::prelude::*;

use super::*;
use crate::{OutputSettings, PgType, SqlError};

type Rows = Vec<Vec<Option<String>>>;

fn options(csv: bool) -> CopyOptions {
    CopyOptions::new(if csv { CopyFormat::Csv } else { CopyFormat::Text })
}

fn decoder(names: &[&str], ty: PgType, options: CopyOptions) -> CopyDecoder {
    let columns = names.iter().map(|name| ((*name).to_owned(), ty)).collect();
    CopyDecoder::new(columns, "ct", options, OutputSettings::default())
}

/// Reads pieces and gives all rows as text.
fn read<'a>(mut decoder: CopyDecoder, pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Rows, SqlError> {
    let mut batches = Vec::new();
    for piece in pieces {
        decoder.push(piece)?;
        while let Some(batch) = decoder.take_batch(2)? {
            batches.push(batch);
        }
    }
    batches.extend(decoder.finish()?);
    let Some(first) = batches.first() else { return Ok(Vec::new()) };
    let batch = concat_batches(&first.schema(), &batches).expect("batches of one schema");
    assert_eq!(batch.num_rows() as u64, decoder.rows());
    let cell = |column: usize, row: usize| {
        let strings = batch.column(column).as_string_view();
        strings.is_valid(row).then(|| strings.value(row).to_owned())
    };
    Ok((0..batch.num_rows()).map(|row| (0..batch.num_columns()).map(|column| cell(column, row)).collect()).collect())
}

/// What the data gives in columns a and b of type text: rows as `a|b` with `~` for NULL, or the error and its context.
fn outcome(data: &[u8], options: CopyOptions) -> String {
    let whole = show(read(decoder(&["a", "b"], PgType::TEXT, options.clone()), [data]));
    let bytewise = show(read(decoder(&["a", "b"], PgType::TEXT, options), data.chunks(1)));
    assert_eq!(whole, bytewise, "{:?}", String::from_utf8_lossy(data));
    whole
}

fn show(result: Result<Rows, SqlError>) -> String {
    match result {
        Ok(rows) => {
            let cell = |cell: Option<String>| cell.unwrap_or_else(|| "~".to_owned());
            let line = |row: Vec<Option<String>>| row.into_iter().map(cell).collect::<Vec<_>>().join("|");
            rows.into_iter().map(line).collect::<Vec<_>>().join(" / ")
        }
        Err(error) => format!("{} {} @ {}", error.state.0, error.message, error.context.unwrap_or_default()),
    }
}

#[test]
fn text_format() {
    let check = |data: &str, expected: &str| assert_eq!(outcome(data.as_bytes(), options(false)), expected, "{data:?}");
    check("a\tb\n\\N\t\n", "a|b / ~|");
    check("a\tb\rc\td", "a|b / c|d");
    check("a\tb\r\nc\td\r\n", "a|b / c|d");
    check("a\tb\nc\td\\", "a|b / c|d");
    check("a\tb\\\nc\n", "a|b\nc");
    check("a\t\\x\\x41\\x4g\\101\\1018\\N\\q\n", "a|xA\u{4}gAA8Nq");
    check("a\t\\xe3\\x81\\x82\\b\\f\\n\\r\\t\\v\\\\\n", "a|あ\u{8}\u{c}\n\r\t\u{b}\\");
    check("\\.\nx\n", "");
    check("a\tb\n\\.\nbad\n", "a|b");
    check("", "");
}

#[test]
fn text_format_errors() {
    let check = |data: &[u8], expected: &str| assert_eq!(outcome(data, options(false)), expected);
    check(b"a\tb\n\\.", "22P04 end-of-copy marker corrupt @ COPY ct, line 2");
    check(b"a\tb\n\\.x\n", "22P04 end-of-copy marker corrupt @ COPY ct, line 2");
    check(b"a\tb\r\n\\.\n", "22P04 end-of-copy marker does not match previous newline style @ COPY ct, line 2");
    check(b"a\tb\n\\.\r\n", "22P04 end-of-copy marker does not match previous newline style @ COPY ct, line 2");
    check(b"a\tb\r\nc\td\n", "22P04 literal newline found in data @ COPY ct, line 2");
    check(b"a\tb\nc\td\r\n", "22P04 literal carriage return found in data @ COPY ct, line 2");
    check(b"x\ny\tz\n", "22P04 missing data for column \"b\" @ COPY ct, line 1: \"x\"");
    check(b"x\ty\tz\n", "22P04 extra data after last expected column @ COPY ct, line 1: \"x\ty\tz\"");
    check(b"\n", "22P04 missing data for column \"b\" @ COPY ct, line 1: \"\"");
    check(b"a\\.\n", "22P04 missing data for column \"b\" @ COPY ct, line 1: \"a\"");
    let nul = "22021 invalid byte sequence for encoding \"UTF8\": 0x00 @ COPY ct, line 1";
    check(b"a\tb\\0c\n", &format!("{nul}: \"a\tb\\0c\""));
    check(b"a\t\0\n", nul);
    let invalid = "22021 invalid byte sequence for encoding \"UTF8\"";
    check(b"a\t\\xe3\n", &format!("{invalid}: 0xe3 @ COPY ct, line 1: \"a\t\\xe3\""));
    check(b"a\tb\nc\td\xff\n", &format!("{invalid}: 0xff @ COPY ct, line 2"));
}

#[test]
fn csv_format() {
    let check = |data: &str, expected: &str| assert_eq!(outcome(data.as_bytes(), options(true)), expected, "{data:?}");
    check("a,\"b\nc\"d\n\"x\"\"y\",\\.\n", "a|b\ncd / x\"y|\\.");
    check("a,b\n\\.\nz,z\n", "a|b");
    check("\"\",\n", "|~");
    check("a,\"x\r\ny\"\r\nc,d\r\n", "a|x\r\ny / c|d");
    check("\\.\r\nq,q\n", "");
    check("\\.a,b\n", "\\.a|b");
    check("a,\"b,\"c\"\"\"d\"\n", "a|b,c\"d");
    check("a,b\n\\.", "22P04 missing data for column \"b\" @ COPY ct, line 2: \"\\.\"");
    check("a,\"b", "22P04 unterminated CSV quoted field @ COPY ct, line 1: \"a,\"b\"");
    check("a,\"b\nc", "22P04 unterminated CSV quoted field @ COPY ct, line 1: \"a,\"b\nc\"");
    check("a,\"b\"\"", "22P04 unterminated CSV quoted field @ COPY ct, line 1: \"a,\"b\"\"\"");
    check("a,b\rc,d\n", "22P04 unquoted newline found in data @ COPY ct, line 2");
    check("a,b\nc,d\r\n", "22P04 unquoted carriage return found in data @ COPY ct, line 2");
    check("a,\"x\r\ny\"\r\nc\r\n", "22P04 missing data for column \"b\" @ COPY ct, line 3: \"c\"");
    check("a,b\n\\.\r\n", "22P04 end-of-copy marker does not match previous newline style @ COPY ct, line 2");
    check("a,b\r\n\\.\n", "22P04 unquoted newline found in data @ COPY ct, line 2");
}

#[test]
fn csv_options() {
    let mut quoted = options(true);
    (quoted.quote, quoted.escape) = (b'\'', b'\\');
    assert_eq!(outcome(b"a,'x\\'y\\\\'\n'\\a',b\n", quoted), "a|x'y\\ / \\a|b");
    let mut forced = options(true);
    forced.null = "NA".to_owned();
    forced.force_null = CopyColumns::Named(vec!["b".to_owned()]);
    forced.force_not_null = CopyColumns::Named(vec!["a".to_owned()]);
    assert_eq!(outcome(b"a,\"NA\"\nNA,\"NA\"\n", forced), "a|~ / NA|~");
    let mut matched = options(true);
    (matched.header, matched.header_match) = (true, true);
    assert_eq!(outcome(b"a,b\n1,2\n", matched.clone()), "1|2");
    let mismatch = "22P04 column name mismatch in header line field 1: got";
    let expected = format!("{mismatch} \"A\", expected \"a\" @ COPY ct, line 1: \"A,b\"");
    assert_eq!(outcome(b"A,b\n1,2\n", matched.clone()), expected);
    let expected = format!("{mismatch} null value (\"\"), expected \"a\" @ COPY ct, line 1: \",b\"");
    assert_eq!(outcome(b",b\n", matched.clone()), expected);
    let expected = "22P04 wrong number of fields in header line: got 3, expected 2 @ COPY ct, line 1: \"a,b,c\"";
    assert_eq!(outcome(b"a,b,c\n", matched), expected);
}

#[test]
fn values_and_limits() {
    let integers = |data: &str| {
        let mut decoder = decoder(&["a", "b"], PgType::INT4, options(false));
        decoder.push(data.as_bytes())?;
        decoder.finish()
    };
    let error = integers("1\t2\n3\tx\n").expect_err("x is no integer");
    assert_eq!(error.message, "invalid input syntax for type integer: \"x\"");
    assert_eq!(error.context.as_deref(), Some("COPY ct, line 2, column b: \"x\""));
    let long = "y".repeat(101);
    let error = integers(&format!("1\t{long}\n")).expect_err("no integer");
    assert_eq!(error.context, Some(format!("COPY ct, line 1, column b: \"{}...\"", &long[..100])));
    assert_eq!(integers("1\t2\n").expect("rows").map(|batch| batch.num_rows()), Some(1));

    for pieces in [vec!["abcdefghij"], vec!["abcde", "fghij", "k\n"], vec!["a\tb\nabcdefghi\n"]] {
        let limited = decoder(&["a", "b"], PgType::TEXT, options(false)).with_line_bytes_max(8);
        let error = read(limited, pieces.iter().map(|piece| piece.as_bytes())).expect_err("too long");
        assert_eq!(error.state.0, "54000");
    }
}

#[test]
fn no_columns_and_one() {
    let mut empty = decoder(&[], PgType::TEXT, options(false));
    empty.push(b"\n\n").expect("data");
    assert_eq!(empty.finish().expect("two rows").map(|batch| batch.num_rows()), Some(2));
    let mut empty = decoder(&[], PgType::TEXT, options(false));
    empty.push(b"x\n").expect("data");
    assert_eq!(empty.finish().expect_err("a field").message, "extra data after last expected column");
    let one = |data: &str, csv: bool| show(read(decoder(&["a"], PgType::TEXT, options(csv)), [data.as_bytes()]));
    assert_eq!(one("\nx\n", false), " / x");
    assert_eq!(one("\nx\n", true), "~ / x");
}

/// Writes rows and gives the data.
fn write(rows: &Rows, options: CopyOptions) -> String {
    let columns = (0..rows[0].len()).map(|index| (format!("c{index}"), PgType::TEXT)).collect::<Vec<_>>();
    let arrays = (0..columns.len()).map(|column| {
        let strings = rows.iter().map(|row| row[column].as_deref()).collect::<arrow::array::StringArray>();
        (format!("c{column}"), std::sync::Arc::new(strings) as arrow::array::ArrayRef)
    });
    let batch = arrow::record_batch::RecordBatch::try_from_iter_with_nullable(arrays.map(|(name, array)| (name, array, true)));
    let mut encoder = CopyEncoder::new(columns, options, OutputSettings::default());
    let mut out = BytesMut::from(encoder.header().unwrap_or_default().as_slice());
    encoder.encode(&batch.expect("a batch"), &mut out).expect("encoded");
    String::from_utf8(out.to_vec()).expect("text")
}

#[test]
fn writing() {
    let row = |cells: &[&str]| cells.iter().map(|cell| (*cell != "~").then(|| (*cell).to_owned())).collect::<Vec<_>>();
    let rows = vec![row(&["a\tb\\c\n\r\u{8}\u{b}\u{c}\u{1}", "~"]), row(&["", "\\N"])];
    assert_eq!(write(&rows, options(false)), "a\\tb\\\\c\\n\\r\\b\\v\\f\u{1}\t\\N\n\t\\\\N\n");
    let mut piped = options(false);
    (piped.delimiter, piped.header) = (b'|', true);
    assert_eq!(write(&vec![row(&["a|b", "\t"])], piped), "c0|c1\na\\|b|\\t\n");
    let rows = vec![row(&["a,b", "say \"hi\"\n"]), row(&["", "~"]), row(&["\\.", " x"])];
    assert_eq!(write(&rows, options(true)), "\"a,b\",\"say \"\"hi\"\"\n\"\n\"\",\n\\., x\n");
    assert_eq!(write(&vec![row(&["\\."])], options(true)), "\"\\.\"\n");
    let mut forced = options(true);
    forced.force_quote = CopyColumns::All;
    (forced.quote, forced.escape) = (b'\'', b'\\');
    assert_eq!(write(&vec![row(&["a'\\", "~"])], forced), "'a\\'\\\\',\n");
}

proptest! {
    /// However data is cut, the same comes out.
    #[test]
    fn cuts_change_nothing(
        data in "[a,b\\\\\"\t\r\n.N1\u{e9}]{0,60}",
        cuts in prop::collection::vec(0_usize..60, 0..8),
        csv: bool,
        backslash: bool,
    ) {
        let mut options = options(csv);
        if backslash {
            options.escape = b'\\';
        }
        let data = data.as_bytes();
        let mut cuts = cuts.into_iter().map(|cut| cut.min(data.len())).chain([0, data.len()]).collect::<Vec<_>>();
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &data[pair[0]..pair[1]]);
        let whole = show(read(decoder(&["a", "b"], PgType::TEXT, options.clone()), [data]));
        prop_assert_eq!(show(read(decoder(&["a", "b"], PgType::TEXT, options), pieces)), whole);
    }

    /// What is written is read again as it was.
    #[test]
    fn round_trip(
        rows in prop::collection::vec(prop::collection::vec(prop::option::of("[ -~\t\r\n\u{1}\u{b}\u{e9}]{0,12}"), 2), 1..6),
        csv: bool,
        backslash: bool,
    ) {
        let mut options = options(csv);
        if backslash {
            options.escape = b'\\';
        }
        let data = write(&rows, options.clone());
        let again = read(decoder(&["c0", "c1"], PgType::TEXT, options), data.as_bytes().chunks(7));
        prop_assert_eq!(again.map_err(|error| error.to_string()), Ok(rows));
    }
}

#[test]
fn not_null_is_told_with_the_row_of_the_table() {
    let column = |name: &str, not_null: bool, value: ColumnValue| TableColumn { name: name.to_owned(), not_null, value };
    let row = vec![
        column("b", false, ColumnValue::Field(1)),
        column("c", true, ColumnValue::Constant(Some("9".to_owned()))),
        column("a", true, ColumnValue::Field(0)),
    ];
    let read_into = |data: &[u8], row: Vec<TableColumn>| {
        read(decoder(&["a", "b"], PgType::INT4, options(true)).for_rows_of(row), [data])
            .map_err(|error| (error.message, error.detail, error.context))
    };
    let (message, detail, context) = read_into(b"1,\n,007\n", row.clone()).expect_err("a is NULL in line 2");
    assert_eq!(message, "null value in column \"a\" of relation \"ct\" violates not-null constraint");
    assert_eq!(detail.as_deref(), Some("Failing row contains (7, 9, null)."));
    assert_eq!(context.as_deref(), Some("COPY ct, line 2: \",007\""));
    // What cannot be read is told first, wherever it stands in the line.
    let (message, ..) = read_into(b",x\n", row.clone()).expect_err("x is no number");
    assert_eq!(message, "invalid input syntax for type integer: \"x\"");
    // A column that gets NULL in every row refuses the first one.
    let mut constant = row;
    constant[1].value = ColumnValue::Constant(None);
    let (message, ..) = read_into(b"1,2\nx,2\n", constant).expect_err("c is NULL in line 1");
    assert_eq!(message, "null value in column \"c\" of relation \"ct\" violates not-null constraint");
}
