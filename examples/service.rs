//! A service that runs anybody's Python: `cargo run --release --example service`, then
//! `curl -H 'tenant: ada' --data 'print(6 * 7)' http://127.0.0.1:8000/run`.
//!
//! `POST /run` runs the body in an interpreter of its own, `POST /sessions/{key}` in one that is kept; the header `tenant`
//! says whose it is. The answer is what was printed. `GET /stats` is the pool's account.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use ophidia::{Error, Pending, Pool, PoolError, Runtime, Sandbox, Tenant};
use serde_json::{Value, json};
use std::time::Duration;

type Answer = Result<String, (StatusCode, String)>;

/// The routes, over a pool of their own.
pub fn service(runtime: Runtime) -> ophidia::Result<Router> {
    let sandbox = Sandbox::builder().timeout(Duration::from_secs(2)).memory(96 << 20).build()?;
    let pool = Pool::builder(runtime)
        .sandbox(sandbox)
        .queue(1_000)
        .queue_time(Duration::from_secs(10))
        .tenants(Tenant::default().most(8).queued(100))
        .session_idle(Duration::from_secs(600))
        .build()?;
    let routes = Router::new()
        .route("/run", post(run))
        .route("/sessions/{key}", post(run_in_session))
        .route("/stats", get(stats));
    Ok(routes.with_state(pool))
}

async fn run(State(pool): State<Pool>, headers: HeaderMap, source: String) -> Answer {
    answer(pool.request().tenant(tenant(&headers)).run(source)).await
}

async fn run_in_session(
    State(pool): State<Pool>,
    Path(key): Path<String>,
    headers: HeaderMap,
    source: String,
) -> Answer {
    let session = pool.session_of(tenant(&headers), &key).map_err(refused)?;
    answer(session.run(source)).await
}

async fn stats(State(pool): State<Pool>) -> Json<Value> {
    let now = pool.stats();
    Json(
        json!({ "queued": now.queued, "running": now.running, "accepted": now.accepted, "refused": now.refused }),
    )
}

/// What the program has printed, or why it did not end well; a caller that hangs up cancels it.
async fn answer(pending: Pending<()>) -> Answer {
    let done = pending.full().await.map_err(refused)?;
    done.result.map_err(refused)?;
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

fn refused(error: Error) -> (StatusCode, String) {
    let status = match &error {
        Error::Pool(PoolError::TenantQuota { .. } | PoolError::QueueFull { .. }) => {
            StatusCode::TOO_MANY_REQUESTS
        }
        Error::Pool(PoolError::QueueTimeout { .. }) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Python(_) | Error::Limit(_) | Error::Pool(_) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, format!("{error}\n"))
}

fn tenant(headers: &HeaderMap) -> &str {
    headers.get("tenant").and_then(|name| name.to_str().ok()).unwrap_or("anybody")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
    Ok(axum::serve(listener, service(Runtime::ambient()?)?).await?)
}
