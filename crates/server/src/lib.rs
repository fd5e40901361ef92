//! The process: configuration, listeners, PostgreSQL wire, HTTP, telemetry, shutdown.
//!
//! [`Server::start`] is the composition root, the one place that constructs the layers below. Protocol modules translate
//! between their messages and `session`; they decide nothing about rights, transactions or limits.

mod bootstrap;
pub mod config;
mod demo;
mod http;
mod listener;
mod postgres;
mod shutdown;
mod start;
mod tasks;
pub mod telemetry;
pub mod terminal;
mod tls;

pub use config::{Cli, Command, Config};
pub use demo::DemoError;
pub use shutdown::Shutdown;
pub use start::{Ports, Server, StartError, set_password};
pub use tls::TlsError;
