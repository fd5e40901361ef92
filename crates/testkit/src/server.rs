//! A `kura` process on free ports with a data folder of its own: start, stop, kill, start again on the same data.
//!
//! The binary is the one beside the running test's profile folder; it is built first unless `KURA_BIN` names one.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use tempfile::TempDir;

use crate::wire::{Client, Dsn};
use crate::workspace;

/// The password of the superuser `kura` on every test server.
pub const PASSWORD: &str = "correct horse battery staple";

/// How long a server may take to become ready: a debug build loads the demo in this time on a busy machine.
const READY_TIMEOUT: Duration = Duration::from_secs(300);

/// How long a server may take to stop after SIGTERM.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// How to start a server.
#[derive(Clone, Debug)]
pub struct Options {
    demo: bool,
    generated_password: bool,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// `kura serve` without anything in it.
    pub fn new() -> Self {
        Self { demo: false, generated_password: false, arguments: Vec::new(), environment: Vec::new() }
    }

    /// `kura demo`: with the sample data.
    #[must_use]
    pub fn demo(mut self) -> Self {
        self.demo = true;
        self
    }

    /// Without `KURA_PASSWORD`: the server makes a password at its first start and prints it.
    #[must_use]
    pub fn generated_password(mut self) -> Self {
        self.generated_password = true;
        self
    }

    /// One more command line argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// A folder COPY may read and write.
    #[must_use]
    pub fn copy_root(self, folder: &Path) -> Self {
        self.argument("--copy-root").argument(folder.to_string_lossy())
    }

    /// One more environment variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the server and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be built, ends early or is not ready in time; the error shows the end of its log.
    pub fn start(self) -> Result<TestServer> {
        let folder = tempfile::Builder::new().prefix("kura-test-").tempdir()?;
        let mut server = TestServer { options: self, folder, running: None, starts: 0 };
        server.start_again()?;
        Ok(server)
    }
}

struct Running {
    child: Child,
    postgres: u16,
    http: Option<u16>,
}

/// A server process and its data; both are gone when it is dropped.
pub struct TestServer {
    options: Options,
    folder: TempDir,
    running: Option<Running>,
    starts: u32,
}

impl TestServer {
    /// Starts an empty server.
    ///
    /// # Errors
    /// As [`Options::start`].
    pub fn start() -> Result<Self> {
        Options::new().start()
    }

    /// Starts the server on its data folder, after [`Self::stop`] or [`Self::kill`].
    ///
    /// # Errors
    /// As [`Options::start`].
    pub fn start_again(&mut self) -> Result<()> {
        let (mut child, ports_file) = self.spawn()?;
        let deadline = Instant::now() + READY_TIMEOUT;
        let ports = loop {
            if let Some(ports) = read_ports(&ports_file) {
                break ports;
            }
            if let Some(status) = child.try_wait()? {
                bail!("the server ended with {status} before it was ready\n{}", self.log_tail());
            }
            if Instant::now() > deadline {
                child.kill()?;
                child.wait()?;
                bail!("the server was not ready after {READY_TIMEOUT:?}\n{}", self.log_tail());
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        self.running = Some(Running { child, postgres: ports.0, http: ports.1 });
        Ok(())
    }

    /// Starts the server and kills it after `delay`, ready or not.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_and_kill(&mut self, delay: Duration) -> Result<()> {
        let (mut child, _) = self.spawn()?;
        std::thread::sleep(delay);
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    fn spawn(&mut self) -> Result<(Child, PathBuf)> {
        ensure!(self.running.is_none(), "the server runs already");
        self.starts += 1;
        let ports_file = self.folder.path().join(format!("ports-{}.json", self.starts));
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_path())?;
        let mut command = command()?;
        command
            .arg(if self.options.demo { "demo" } else { "serve" })
            .arg("--data-dir")
            .arg(self.data_dir())
            .args(["--postgres-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"])
            .arg("--ports-file")
            .arg(&ports_file)
            .args(&self.options.arguments)
            .current_dir(self.folder.path())
            .envs(self.options.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        if !self.options.generated_password {
            command.env("KURA_PASSWORD", PASSWORD);
        }
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        Ok((child, ports_file))
    }

    /// Asks the server to end (SIGTERM) and waits for it.
    ///
    /// # Errors
    /// When it does not end in time or ends with a failure.
    pub fn stop(&mut self) -> Result<()> {
        self.terminate()?;
        self.wait()
    }

    /// Asks the server to end (SIGTERM).
    ///
    /// # Errors
    /// When it does not run.
    pub fn terminate(&self) -> Result<()> {
        let pid = self.running.as_ref().context("the server does not run")?.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status()?;
        ensure!(sent.success(), "kill -TERM {pid} failed");
        Ok(())
    }

    /// Waits until the server has ended, after [`Self::terminate`].
    ///
    /// # Errors
    /// When it does not end in time or ends with a failure.
    pub fn wait(&mut self) -> Result<()> {
        let mut running = self.running.take().context("the server does not run")?;
        let deadline = Instant::now() + STOP_TIMEOUT;
        loop {
            if let Some(status) = running.child.try_wait()? {
                ensure!(status.success(), "the server ended with {status}\n{}", self.log_tail());
                return Ok(());
            }
            if Instant::now() > deadline {
                running.child.kill()?;
                running.child.wait()?;
                bail!("the server did not end {STOP_TIMEOUT:?} after SIGTERM\n{}", self.log_tail());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills the server as `kill -9` does, and waits until it is gone.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self) -> Result<()> {
        let mut running = self.running.take().context("the server does not run")?;
        running.child.kill()?;
        running.child.wait()?;
        Ok(())
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        self.running.as_mut().is_some_and(|running| matches!(running.child.try_wait(), Ok(None)))
    }

    /// The address to connect to, as the superuser.
    ///
    /// # Panics
    /// When the server does not run.
    pub fn dsn(&self) -> Dsn {
        Dsn {
            user: "kura".to_owned(),
            password: Some(PASSWORD.to_owned()),
            host: "127.0.0.1".to_owned(),
            port: self.running().postgres,
            database: "kura".to_owned(),
        }
    }

    /// A new session.
    ///
    /// # Errors
    /// When the login fails; the error shows the end of the server's log.
    pub fn client(&self) -> Result<Client> {
        Client::connect(&self.dsn()).map_err(|error| anyhow!(error).context(self.log_tail()))
    }

    /// The HTTP port, when the server has one.
    ///
    /// # Panics
    /// When the server does not run.
    pub fn http_port(&self) -> Option<u16> {
        self.running().http
    }

    /// The process id.
    ///
    /// # Panics
    /// When the server does not run.
    pub fn pid(&self) -> u32 {
        self.running().child.id()
    }

    /// Resident memory of the process in bytes, now (Linux).
    ///
    /// # Errors
    /// When the process is gone.
    pub fn resident_bytes(&self) -> Result<u64> {
        self.status_bytes("VmRSS:")
    }

    /// The most resident memory the process ever had, in bytes (Linux).
    ///
    /// # Errors
    /// When the process is gone.
    pub fn resident_bytes_peak(&self) -> Result<u64> {
        self.status_bytes("VmHWM:")
    }

    fn status_bytes(&self, field: &str) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kilobytes: u64 = line
            .and_then(|line| line.trim().strip_suffix(" kB"))
            .and_then(|number| number.trim().parse().ok())
            .with_context(|| format!("/proc/{}/status has no {field}", self.pid()))?;
        Ok(kilobytes * 1024)
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("the server runs")
    }

    /// The folder for this server's files; tests may put files of their own beside `data`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The `--data-dir`.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The `DuckLake` catalog file.
    pub fn catalog_path(&self) -> PathBuf {
        self.data_dir().join("catalog.sqlite")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    /// Everything the server printed so far, over all starts.
    pub fn log(&self) -> String {
        std::fs::read(self.log_path()).map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The last lines the server printed.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = &lines[lines.len().saturating_sub(20)..];
        format!("--- the server's last lines\n{}\n---", tail.join("\n"))
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if self.running.is_some() {
            drop(self.kill());
        }
    }
}

/// The ports of `postgres` and `http`, once the file is complete.
fn read_ports(path: &Path) -> Option<(u16, Option<u16>)> {
    let text = std::fs::read(path).ok()?;
    let ports: serde_json::Value = serde_json::from_slice(&text).ok()?;
    let port = |door: &str| ports.get(door)?.as_u64()?.try_into().ok();
    Some((port("postgres")?, port("http")))
}

/// The binary under test, to start with other arguments than [`Options`] gives it. Nothing of the tests' own settings reaches it.
///
/// # Errors
/// When it cannot be built.
pub fn command() -> Result<Command> {
    let mut command = Command::new(binary()?);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KURA_") {
            command.env_remove(name);
        }
    }
    Ok(command)
}

/// Whether the binary under test is an optimised build: times are only asserted for those.
pub fn is_optimised() -> bool {
    binary().is_ok_and(|path| path.parent().is_some_and(|profile| profile.ends_with("release")))
}

/// The binary under test, built once per test process.
fn binary() -> Result<&'static Path> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match BINARY.get_or_init(|| find_binary().map_err(|error| format!("{error:#}"))) {
        Ok(path) => Ok(path),
        Err(error) => bail!("{error}"),
    }
}

fn find_binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("KURA_BIN") {
        return Ok(path.into());
    }
    // target/<profile>/deps/<test>: the profile's folder has the binaries.
    let test = std::env::current_exe()?;
    let folder = test.ancestors().nth(2).context("a test lies in target/<profile>/deps")?;
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(workspace::root()).args(["build", "--quiet", "-p", "kura-server", "--bin", "kura"]);
    if folder.file_name().is_some_and(|profile| profile == "release") {
        build.arg("--release");
    }
    let status = build.status().context("cannot run cargo to build the server")?;
    ensure!(status.success(), "the server does not build");
    Ok(folder.join("kura"))
}
