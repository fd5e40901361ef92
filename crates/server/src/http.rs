//! The HTTP door: health for orchestrators, metrics for Prometheus. Nothing that needs a login.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use kura_session::Sessions;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::shutdown::Shutdown;
use crate::telemetry;

/// What the HTTP door shows.
pub(crate) struct Console {
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) shutdown: Arc<Shutdown>,
    pub(crate) ready: AtomicBool,
}

/// Serves until `ended`: while the server drains, it still tells that it does.
pub(crate) async fn serve(listener: TcpListener, console: Arc<Console>, ended: CancellationToken) {
    let router = Router::new()
        .route("/health", get(ready))
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(show_metrics))
        .with_state(console);
    let until = ended.cancelled_owned();
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(until).await {
        tracing::error!(%error, "the http listener ended");
    }
}

/// The process answers.
async fn live() -> &'static str {
    "live\n"
}

/// Statements are served.
async fn ready(State(console): State<Arc<Console>>) -> (StatusCode, &'static str) {
    if console.shutdown.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
    } else if console.ready.load(Ordering::Acquire) {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "starting\n")
    }
}

async fn show_metrics(State(console): State<Arc<Console>>) -> impl IntoResponse {
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    {
        metrics::gauge!(telemetry::SESSIONS).set(console.sessions.count() as f64);
        if let Some(bytes) = telemetry::resident_bytes() {
            metrics::gauge!(telemetry::RESIDENT_BYTES).set(bytes as f64);
        }
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], console.metrics.render())
}
