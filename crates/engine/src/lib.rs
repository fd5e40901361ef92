//! Runs a bound statement within limits.
