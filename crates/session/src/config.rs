//! Limits of sessions.

/// Limits of all sessions and of each.
#[derive(Clone, Debug)]
pub struct Config {
    /// Sessions at the same time.
    pub connections_max: usize,
    /// How many of them only superusers get.
    pub connections_reserved: usize,
    /// Prepared statements in one session.
    pub prepared_max: usize,
    /// Bytes of the texts of one session's prepared statements.
    pub prepared_bytes_max: usize,
    /// Portals in one session.
    pub portals_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { connections_max: 100, connections_reserved: 3, prepared_max: 5_000, prepared_bytes_max: 256 << 20, portals_max: 500 }
    }
}
