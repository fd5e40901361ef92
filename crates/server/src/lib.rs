//! The process: configuration, listeners, PostgreSQL wire, HTTP, telemetry, shutdown.
