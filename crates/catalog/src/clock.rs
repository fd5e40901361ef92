//! Where time comes from, so that tests and the simulation can bring their own.

/// A source of the current time.
pub trait Clock: Send + Sync {
    /// Microseconds since 1970-01-01 00:00:00 UTC.
    fn now_micros(&self) -> i64;
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
    fn now_micros(&self) -> i64 {
        chrono::Utc::now().timestamp_micros()
    }
}
