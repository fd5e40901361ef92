//! Partitioning of a table: which columns, through which transforms. Computes no partition value.

use std::fmt;

/// How a table's files are partitioned now. Older files may carry another partition or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Identity in the catalog; negative while its transaction has not committed.
    pub id: i64,
    /// The keys, in order.
    pub columns: Vec<PartitionColumn>,
}

/// One partition key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionColumn {
    /// Column of the table.
    pub column_id: i64,
    /// What is done to its value.
    pub transform: Transform,
}

/// A partition transform of `DuckLake`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transform {
    /// The value itself.
    Identity,
    /// Calendar year.
    Year,
    /// Month of the year, 1 to 12.
    Month,
    /// Day of the month.
    Day,
    /// Hour of the day.
    Hour,
    /// Hash of the value modulo this number of buckets.
    Bucket(u32),
}

impl Transform {
    /// Reads the catalog's spelling.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "identity" => Some(Self::Identity),
            "year" => Some(Self::Year),
            "month" => Some(Self::Month),
            "day" => Some(Self::Day),
            "hour" => Some(Self::Hour),
            _ => {
                let count = text.strip_prefix("bucket(")?.strip_suffix(')')?;
                count.trim().parse().ok().map(Self::Bucket)
            }
        }
    }
}

impl fmt::Display for Transform {
    /// The catalog's spelling.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity => f.write_str("identity"),
            Self::Year => f.write_str("year"),
            Self::Month => f.write_str("month"),
            Self::Day => f.write_str("day"),
            Self::Hour => f.write_str("hour"),
            Self::Bucket(count) => write!(f, "bucket({count})"),
        }
    }
}
