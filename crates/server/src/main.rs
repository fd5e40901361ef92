//! The program `kura`: command line in, exit code out. Everything it does is in the library.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use kura_server::terminal::Terminal;
use kura_server::{Cli, Command, Config, Server, Shutdown, set_password, telemetry};
use tokio::signal::unix::{SignalKind, signal};

/// Stack of the threads that run statements: plans are trees, walked by recursion.
const STACK_BYTES: usize = 8 << 20;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            Terminal::failure(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    let (Command::Serve(flags) | Command::Demo(flags) | Command::SetPassword(flags)) = &cli.command;
    let config = Config::load(flags)?;
    telemetry::log(&config.log_level, config.log_format)?;
    telemetry::log_panics();
    let terminal = Terminal::new(config.log_format);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("kura")
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build()
        .context("cannot start the threads")?;
    match &cli.command {
        Command::SetPassword(_) => Ok(runtime.block_on(set_password(&config, terminal))?),
        command => runtime.block_on(serve(&config, matches!(command, Command::Demo(_)), terminal)),
    }
}

/// Serves until SIGTERM or SIGINT; a second one ends running statements at once.
async fn serve(config: &Config, with_demo: bool, terminal: Terminal) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen to signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen to signals")?;
    let mut stop = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let server = tokio::select! {
        started = Box::pin(Server::start(config, with_demo, terminal)) => started?,
        () = stop() => return Ok(()),
    };
    let shutdown = server.shutdown();
    let ended = Box::pin(server.ended());
    tokio::select! {
        () = ended => {}
        () = requests(&shutdown, stop) => {}
    }
    Ok(())
}

/// Passes every signal on as a request to stop.
async fn requests(shutdown: &Shutdown, mut signalled: impl AsyncFnMut()) {
    loop {
        signalled().await;
        tracing::info!("signal received, stopping");
        shutdown.request();
    }
}
