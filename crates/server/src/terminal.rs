//! What the person at the terminal is told: progress, the ready line with the psql command to paste, failures.
//!
//! Goes to standard output (failures to standard error) and is no log; with a JSON log it goes to the log instead, so
//! that machines read one format.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use crate::bootstrap::{Password, SUPERUSER};
use crate::config::LogFormat;

/// The terminal of the person who started the server.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    log: bool,
}

impl Terminal {
    /// As fits the form of the log.
    #[must_use]
    pub fn new(format: LogFormat) -> Self {
        Self { log: format == LogFormat::Json }
    }

    /// One line. A terminal that is gone is no reason to stop.
    pub fn line(&self, text: &str) {
        if self.log {
            if !text.is_empty() {
                tracing::info!("{}", text.trim());
            }
            return;
        }
        let mut out = std::io::stdout().lock();
        drop(writeln!(out, "{text}").and_then(|()| out.flush()));
    }

    /// A password and nothing else: on standard output whatever the log is, for it must not stay in a log.
    fn secret(&self, text: &str) {
        Self { log: false }.line(text);
    }

    pub(crate) fn ready(&self, ready: &Ready<'_>) {
        self.line("");
        self.line(&format!("Kura {} is ready. Connect with:", env!("CARGO_PKG_VERSION")));
        self.line("");
        match ready.password {
            Password::Generated(password) => {
                self.secret(&format!("    {}", psql(ready.postgres, Some(password.reveal()))));
                self.line("");
                self.line("The password was generated and is not shown again; `kura set-password` makes a new one.");
            }
            Password::Given | Password::Kept | Password::Differs => {
                self.line(&format!("    {}", psql(ready.postgres, None)));
                self.line("");
                self.line(match ready.password {
                    Password::Given => "The password is the one in KURA_PASSWORD.",
                    _ => "The password is the one of the first start; `kura set-password` makes a new one.",
                });
            }
        }
        if ready.demo {
            self.line("Try: SELECT name, count(*) FROM demo.flights JOIN demo.airlines USING (carrier) GROUP BY name ORDER BY 2 DESC;");
        }
        self.line(&format!("Health and metrics: http://{}/health/ready, /metrics. Stop with Ctrl-C.", reachable(ready.http)));
        self.line("");
    }

    pub(crate) fn password_set(&self, password: &Password) {
        match password {
            Password::Generated(password) => {
                self.secret(&format!("The password of {SUPERUSER} is now: {}", password.reveal()));
            }
            Password::Given | Password::Kept | Password::Differs => {
                self.line(&format!("The password of {SUPERUSER} is now the one in KURA_PASSWORD."));
            }
        }
    }

    /// The program cannot go on: the error and what caused it, on standard error.
    pub fn failure(error: &dyn std::error::Error) {
        let mut text = format!("kura: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        drop(writeln!(std::io::stderr().lock(), "{text}"));
    }
}

/// What the ready line says.
pub(crate) struct Ready<'a> {
    pub(crate) postgres: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) password: &'a Password,
    pub(crate) demo: bool,
}

/// The command to paste; without the password psql asks for it.
fn psql(address: SocketAddr, password: Option<&str>) -> String {
    let address = reachable(address);
    let password = password.map_or_else(String::new, |password| format!(":{password}"));
    format!("psql \"postgresql://{SUPERUSER}{password}@{address}/{}\"", kura_session::DATABASE)
}

/// An address to connect to for one to listen on: "every interface" is no destination.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_can_be_pasted() {
        let every = "0.0.0.0:5433".parse().expect("an address");
        assert_eq!(psql(every, None), "psql \"postgresql://kura@127.0.0.1:5433/kura\"");
        let six = "[::]:5432".parse().expect("an address");
        assert_eq!(psql(six, Some("abc")), "psql \"postgresql://kura:abc@[::1]:5432/kura\"");
    }
}
