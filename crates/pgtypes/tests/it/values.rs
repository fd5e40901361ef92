//! Values as a PostgreSQL 15 server writes them, and round trips of generated ones.

use arrow::array::{Array, ArrayRef};
use arrow::record_batch::RecordBatch;
use bytes::BytesMut;
use kura_pgtypes::encode::{self, RowEncoder};
use kura_pgtypes::{Format, OutputSettings, PgType, SqlError, decode};
use proptest::prelude::*;

/// Type, input, output in text, output in binary as hex. Printed by PostgreSQL 15.20 with `TimeZone` UTC.
#[rustfmt::skip]
const GOLDEN: &[(&str, &str, &str, &str)] = &[
    ("bool", "t", "t", "01"),
    ("bool", "false", "f", "00"),
    ("bool", "yes", "t", "01"),
    ("int2", "-32768", "-32768", "8000"),
    ("int2", " 42 ", "42", "002a"),
    ("int4", "2147483647", "2147483647", "7fffffff"),
    ("int4", "-7", "-7", "fffffff9"),
    ("int8", "-9223372036854775808", "-9223372036854775808", "8000000000000000"),
    ("int8", "0", "0", "0000000000000000"),
    ("float4", "1.1", "1.1", "3f8ccccd"),
    ("float4", "-0", "-0", "80000000"),
    ("float4", "1e38", "1e+38", "7e967699"),
    ("float4", "1e-45", "1e-45", "00000001"),
    ("float4", "NaN", "NaN", "7fc00000"),
    ("float4", "-Infinity", "-Infinity", "ff800000"),
    ("float4", "16777217", "1.6777216e+07", "4b800000"),
    ("float8", "0.1", "0.1", "3fb999999999999a"),
    ("float8", "1e15", "1e+15", "430c6bf526340000"),
    ("float8", "1e16", "1e+16", "4341c37937e08000"),
    ("float8", "1e-5", "1e-05", "3ee4f8b588e368f1"),
    ("float8", "123456789012345680", "1.2345678901234568e+17", "437b69b4ba630f35"),
    ("float8", "-Infinity", "-Infinity", "fff0000000000000"),
    ("float8", "NaN", "NaN", "7ff8000000000000"),
    ("float8", "5e-324", "5e-324", "0000000000000001"),
    ("float8", "1.7976931348623157e308", "1.7976931348623157e+308", "7fefffffffffffff"),
    ("numeric(10,2)", "12345678.99", "12345678.99", "000300010000000204d2162e26ac"),
    ("numeric(10,2)", "-0.005", "-0.01", "0001ffff400000020064"),
    ("numeric(10,2)", "0", "0.00", "0000000000000002"),
    ("numeric(10,2)", "1e3", "1000.00", "000100000000000203e8"),
    ("numeric(10,2)", "0.10", "0.10", "0001ffff0000000203e8"),
    ("numeric(38,9)", "12345678901234567890123456789.123456789", "12345678901234567890123456789.123456789", "000b000700000009000109291a85007b11d722c509291a8504d2162e2328"),
    ("numeric(38,9)", "-0.000000001", "-0.000000001", "0001fffd4000000903e8"),
    ("numeric(38,9)", "10000", "10000.000000000", "00010001000000090001"),
    ("numeric(38,9)", "100000000", "100000000.000000000", "00010002000000090001"),
    ("numeric(5,5)", "0.00001", "0.00001", "0001fffe0000000503e8"),
    ("numeric(20,0)", "100010000", "100010000", "000200020000000000010001"),
    ("numeric(20,0)", "18446744073709551615", "18446744073709551615", "000500040000000007341a5802e103bb064f"),
    ("text", "héllo ", "héllo ", "68c3a96c6c6f20"),
    ("text", r#"a\b"#, r#"a\b"#, "615c62"),
    ("varchar(3)", "abc  ", "abc", "616263"),
    ("char(4)", "ab", "ab  ", "61622020"),
    ("name", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878"),
    (r#""char""#, "xy", "x", "78"),
    ("bytea", r#"\x00ff"#, r#"\x00ff"#, "00ff"),
    ("bytea", r#"a\\b\001"#, r#"\x615c6201"#, "615c6201"),
    ("date", "2024-02-29", "2024-02-29", "00002279"),
    ("date", "0044-03-15 BC", "0044-03-15 BC", "fff49d7b"),
    ("date", "infinity", "infinity", "7fffffff"),
    ("date", "5874897-12-31", "5874897-12-31", "7fda970c"),
    ("date", "Jan 8, 1999", "1999-01-08", "fffffe9a"),
    ("date", "20240131", "2024-01-31", "0000225c"),
    ("date", "1999.008", "1999-01-08", "fffffe9a"),
    ("time", "04:05:06.789", "04:05:06.789", "000000036c97ca88"),
    ("time", "24:00", "24:00:00", "000000141dd76000"),
    ("time", "04:05 PM", "16:05:00", "0000000d7b1be300"),
    ("time", "040506", "04:05:06", "000000036c8bc080"),
    ("time(2)", "04:05:06.789", "04:05:06.79", "000000036c97ce70"),
    ("timestamp", "2024-02-29 23:59:59.999999", "2024-02-29 23:59:59.999999", "0002b58cd363bfff"),
    ("timestamp", "-infinity", "-infinity", "8000000000000000"),
    ("timestamp", "0001-01-01 00:00:00 BC", "0001-01-01 00:00:00 BC", "ff1fc63d1bb12000"),
    ("timestamp", "294246-12-31 23:59:59.999999", "294246-12-31 23:59:59.999999", "7ffca2465aa35fff"),
    ("timestamp", "2024-01-01T00:00:00Z", "2024-01-01 00:00:00", "0002b0d5d4e94000"),
    ("timestamp", "1999-01-08 04:05:06 PST", "1999-01-08 04:05:06", "ffffe3e1b15b8080"),
    ("timestamp(0)", "2024-02-29 23:59:59.5", "2024-03-01 00:00:00", "0002b58cd363c000"),
    ("timestamptz", "2024-02-29 23:59:59.5+09", "2024-02-29 14:59:59.5+00", "0002b585482b5ae0"),
    ("timestamptz", "2024-07-01 12:00 America/New_York", "2024-07-01 16:00:00+00", "0002bf307541c000"),
    ("timestamptz", "infinity", "infinity", "7fffffffffffffff"),
    ("timestamptz", "1900-01-01 00:00:00+00:19:32", "1899-12-31 23:40:28+00", "fff4c9ee36303300"),
    ("timestamptz", "epoch", "1970-01-01 00:00:00+00", "fffca2fec4c82000"),
    ("interval", "1 year -2 mons 3 days 04:05:06.7", "10 mons 3 days 04:05:06.7", "000000036c966ee0000000030000000a"),
    ("interval", "P1Y2M3DT4H5M6S", "1 year 2 mons 3 days 04:05:06", "000000036c8bc080000000030000000e"),
    ("interval", "-1 day", "-1 days", "0000000000000000ffffffff00000000"),
    ("interval", "1.5 months", "1 mon 15 days", "00000000000000000000000f00000001"),
    ("interval", "-00:00:00.000001", "-00:00:00.000001", "ffffffffffffffff0000000000000000"),
    ("interval", "0", "00:00:00", "00000000000000000000000000000000"),
    ("interval", "2 weeks ago", "-14 days", "0000000000000000fffffff200000000"),
    ("interval", "1-2", "1 year 2 mons", "0000000000000000000000000000000e"),
    ("uuid", "{A0EEBC99-9C0B4EF8-BB6D6BB9BD380A11}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc999c0b4ef8bb6d6bb9bd380a11"),
    ("json", r#"{ "a" : 1, "a":2 }"#, r#"{ "a" : 1, "a":2 }"#, "7b20226122203a20312c202261223a32207d"),
    ("jsonb", r#"{ "b" : 1, "a":2.50, "a": [1 , null,"\u00e9"] }"#, r#"{"a": [1, null, "é"], "b": 1}"#, "017b2261223a205b312c206e756c6c2c2022c3a9225d2c202262223a20317d"),
    ("jsonb", "1e2", "100", "01313030"),
    ("oid", "4294967295", "4294967295", "ffffffff"),
    ("regtype", "int4", "integer", "00000017"),
    ("regtype", "timestamptz", "timestamp with time zone", "000004a0"),
    ("regtype", "_text", "text[]", "000003f1"),
    ("regtype", "character", "character", "00000412"),
    ("regtype", "\"char\"", "\"char\"", "00000012"),
    ("regtype", "0", "-", "00000000"),
    ("regclass", "0", "-", "00000000"),
    ("regclass", "-", "-", "00000000"),
    ("regnamespace[]", "{0,11}", "{-,11}", "000000010000000000000ff900000002000000010000000400000000000000040000000b"),
    ("regtype", "99999", "99999", "0001869f"),
    ("regtype[]", r#"{int4,"double precision",NULL}"#, r#"{integer,"double precision",NULL}"#, "00000001000000010000089e0000000300000001000000040000001700000004000002bdffffffff"),
    ("int4[]", "{1,NULL,3}", "{1,NULL,3}", "00000001000000010000001700000003000000010000000400000001ffffffff0000000400000003"),
    ("int4[]", "{}", "{}", "000000000000000000000017"),
    ("text[]", r#"{a,"b c",NULL,"NULL","","q\"\\"}"#, r#"{a,"b c",NULL,"NULL","","q\"\\"}"#, "0000000100000001000000190000000600000001000000016100000003622063ffffffff000000044e554c4c000000000000000371225c"),
    ("timestamp[]", "{2024-01-01 00:00:00}", r#"{"2024-01-01 00:00:00"}"#, "00000001000000000000045a0000000100000001000000080002b0d5d4e94000"),
    ("numeric(4,1)[]", "{1.25,-3}", "{1.3,-3.0}", "0000000100000000000006a400000002000000010000000c000200000000000100010bb80000000a00010000400000010003"),
    ("bool[]", "{t,f}", "{t,f}", "000000010000000000000010000000020000000100000001010000000100"),
];

fn ty(name: &str) -> PgType {
    let (base, array) = name.strip_suffix("[]").map_or((name, false), |base| (base, true));
    let (base, modifiers) = base.strip_suffix(')').and_then(|base| base.split_once('(')).unwrap_or((base, ""));
    let numbers = modifiers.split(',').filter_map(|text| text.parse::<u8>().ok()).collect::<Vec<_>>();
    let scalar = match (base, numbers.as_slice()) {
        ("numeric", [precision, scale]) => PgType::numeric(*precision, i8::try_from(*scale).expect("a scale")),
        ("varchar", [length]) => PgType::varchar(u32::from(*length)),
        ("char", [length]) => PgType::bpchar(u32::from(*length)),
        ("\"char\"", []) => PgType::CHAR,
        (name, [precision]) => PgType::parse_name(name).expect("a type").with_typmod(i32::from(*precision)),
        (name, _) => PgType::parse_name(name).expect("a type"),
    };
    if array { scalar.array_of() } else { scalar }
}

fn text(array: &dyn Array, ty: PgType) -> String {
    let mut out = Vec::new();
    encode::write_text(array, 0, ty, &OutputSettings::default(), &mut out).expect("text");
    String::from_utf8(out).expect("UTF-8")
}

fn binary(array: &dyn Array, ty: PgType) -> Vec<u8> {
    let mut out = Vec::new();
    encode::write_binary(array, 0, ty, &OutputSettings::default(), &mut out).expect("binary");
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read(ty: PgType, format: Format, value: &[u8]) -> Result<ArrayRef, SqlError> {
    decode::parameter(ty, format, Some(value), &OutputSettings::default())
}

#[test]
fn values_are_written_as_postgresql_writes_them() {
    let mut wrong = Vec::new();
    for (name, input, expected, expected_binary) in GOLDEN {
        let ty = ty(name);
        let array = match read(ty, Format::Text, input.as_bytes()) {
            Ok(array) => array,
            Err(error) => {
                wrong.push(format!("{name} {input}: {error}"));
                continue;
            }
        };
        let (shown, bytes) = (text(&array, ty), binary(&array, ty));
        if shown != *expected || hex(&bytes) != *expected_binary {
            wrong.push(format!("{name} {input}: {shown} {}", hex(&bytes)));
        }
        match read(ty, Format::Binary, &bytes) {
            Ok(again) if again.to_data() == array.to_data() => {}
            Ok(again) => wrong.push(format!("{name} {input}: binary reads as {}", text(&again, ty))),
            Err(error) => wrong.push(format!("{name} {input}: binary: {error}")),
        }
        let again = read(ty, Format::Text, expected.as_bytes()).map(|again| text(&again, ty));
        if again.as_deref() != Ok(*expected) {
            wrong.push(format!("{name} {input}: text reads as {again:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rows_are_messages() {
    let columns = [(PgType::INT4, Format::Text), (PgType::INT4, Format::Binary), (PgType::TEXT, Format::Text)];
    let settings = OutputSettings::default();
    let arrays = columns.iter().map(|(ty, _)| {
        let mut builder = decode::ColumnBuilder::new(*ty, &settings);
        builder.append_text("7").expect("a value");
        builder.append_null();
        builder.finish()
    });
    let named = arrays.enumerate().map(|(index, array)| (format!("c{index}"), array, true)).collect::<Vec<_>>();
    let batch = RecordBatch::try_from_iter_with_nullable(named).expect("a batch");
    let encoder = RowEncoder::new(columns.to_vec(), settings);
    let mut out = BytesMut::new();
    encoder.encode(&batch, 0..2, &mut out).expect("encoded");
    let first = b"D\0\0\0\x18\0\x03\0\0\0\x017\0\0\0\x04\0\0\0\x07\0\0\0\x017";
    let second = b"D\0\0\0\x12\0\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
    assert_eq!(&out[..], [&first[..], &second[..]].concat());
    assert_eq!(encoder.encode(&batch, 1..3, &mut out).expect_err("too far").state.0, "XX000");
}

/// Any bytes as a value of a type of fixed width, read in binary, must come back through both forms.
fn survives(ty: PgType, bytes: &[u8]) -> Result<(), TestCaseError> {
    // Not every pattern is a value; what is refused is refused with an error, not a panic.
    let Ok(array) = read(ty, Format::Binary, bytes) else { return Ok(()) };
    let shown = text(&array, ty);
    let again = read(ty, Format::Text, shown.as_bytes());
    let again = again.map_err(|error| TestCaseError::fail(format!("{} {shown}: {error}", ty.display())))?;
    prop_assert_eq!(text(&again, ty), shown);
    let written = binary(&array, ty);
    let reread = read(ty, Format::Binary, &written).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(binary(&reread, ty), written.clone());
    prop_assert_eq!(binary(&again, ty), written);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn numbers_and_times_survive(value: i64, high: i64, small in -200_000_i32..200_000, months in -2000_i32..2000) {
        survives(PgType::INT8, &value.to_be_bytes())?;
        survives(PgType::INT4, &(value as i32).to_be_bytes())?;
        survives(PgType::INT2, &(value as i16).to_be_bytes())?;
        survives(PgType::OID, &(value as u32).to_be_bytes())?;
        for ty in [PgType::TIMESTAMP, PgType::TIMESTAMPTZ] {
            survives(ty, &value.to_be_bytes())?;
            survives(ty, &(value / 64).to_be_bytes())?;
        }
        survives(PgType::TIME, &(value.rem_euclid(86_400_000_001)).to_be_bytes())?;
        survives(PgType::DATE, &small.to_be_bytes())?;
        survives(PgType::DATE, &(value as i32).to_be_bytes())?;
        survives(PgType::UUID, &(i128::from(value) * i128::from(high)).to_be_bytes())?;
        let micros = value / 4_000;
        let interval = [&micros.to_be_bytes()[..], &small.to_be_bytes(), &months.to_be_bytes()].concat();
        survives(PgType::INTERVAL, &interval)?;
    }

    #[test]
    fn floats_survive(double: u64, single: u32) {
        // NaN has many patterns and one text.
        prop_assume!(!f64::from_bits(double).is_nan() && !f32::from_bits(single).is_nan());
        survives(PgType::FLOAT8, &double.to_be_bytes())?;
        survives(PgType::FLOAT4, &single.to_be_bytes())?;
    }

    #[test]
    fn numerics_survive(digits in "-?[1-9][0-9]{0,19}", fraction in "[0-9]{6}") {
        let ty = PgType::numeric(38, 6);
        let value = format!("{digits}.{fraction}");
        let array = read(ty, Format::Text, value.as_bytes()).expect("a numeric");
        prop_assert_eq!(text(&array, ty), value);
        survives(ty, &binary(&array, ty))?;
    }

    #[test]
    fn strings_and_arrays_survive(values in prop::collection::vec(prop::option::of("\\PC{0,6}|[\"\\\\{}, \t]{0,4}|null"), 0..5)) {
        let settings = OutputSettings::default();
        let mut builder = decode::ColumnBuilder::new(PgType::TEXT, &settings);
        for value in &values {
            match value {
                Some(value) => builder.append_text(value).expect("a text"),
                None => builder.append_null(),
            }
        }
        let elements = builder.finish();
        let list = arrow::array::ListArray::new(
            std::sync::Arc::new(arrow::datatypes::Field::new_list_field(elements.data_type().clone(), true)),
            arrow::buffer::OffsetBuffer::from_lengths([elements.len()]),
            elements,
            None,
        );
        survives(PgType::TEXT.array_of(), &binary(&list, PgType::TEXT.array_of()))?;
    }

    #[test]
    fn bytes_survive(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        survives(PgType::BYTEA, &bytes)?;
    }

    #[test]
    fn any_input_is_answered(bytes in prop::collection::vec(any::<u8>(), 0..24), words in "[-+0-9:. a-zA-Z/{}\",\\[\\]]{0,20}") {
        for ty in GOLDEN.iter().map(|(name, ..)| ty(name)) {
            let _either = read(ty, Format::Binary, &bytes).is_ok();
            let _either = read(ty, Format::Text, words.as_bytes()).is_ok();
        }
    }
}
