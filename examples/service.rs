//! A service that runs anybody's Python: `cargo run --release --example service`, then
//! `curl -H 'tenant: ada' --data 'print(6 * 7)' http://127.0.0.1:8000/run`.
//!
//! `POST /run` runs the body in an interpreter of its own, `POST /sessions/{key}` in one that is kept; the header `tenant`
//! says whose it is. The answer is what was printed. `GET /stats` is the pool's account.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use ophidia::{Error, Pool, PoolError, Runtime, Sandbox, Tenant};
use std::time::Duration;

/// The routes, over a pool of their own.
pub fn service(runtime: Runtime) -> ophidia::Result<Router> {
    let sandbox = Sandbox::builder().timeout(Duration::from_secs(2)).memory(96 << 20).build()?;
    let pool = Pool::builder(runtime)
        .sandbox(sandbox)
        .queue_time(Duration::from_secs(10))
        .tenants(Tenant::default().most(8).queued(100)) // under way and waiting, of each
        .build()?;
    let routes = Router::new()
        .route("/run", post(run))
        .route("/sessions/{key}", post(run))
        .route("/stats", get(async |State(pool): State<Pool>| format!("{:#?}\n", pool.stats())));
    Ok(routes.with_state(pool))
}

/// What the program has printed, or why it did not end well; a caller that hangs up cancels it.
async fn run(
    State(pool): State<Pool>,
    session: Option<Path<String>>,
    headers: HeaderMap,
    source: String,
) -> Result<String, (StatusCode, String)> {
    let tenant = headers.get("tenant").and_then(|name| name.to_str().ok()).unwrap_or("anybody");
    let mut request = pool.request().tenant(tenant);
    if let Some(Path(key)) = session {
        request = request.session(key);
    }
    let done = request.run(source).full().await.map_err(refused)?;
    done.result.map(|()| String::from_utf8_lossy(&done.stdout).into_owned()).map_err(refused)
}

fn refused(error: Error) -> (StatusCode, String) {
    let status = match &error {
        Error::Pool(PoolError::TenantQuota { .. }) => StatusCode::TOO_MANY_REQUESTS,
        Error::Pool(PoolError::QueueFull { .. }) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Pool(PoolError::QueueTimeout { .. }) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Python(_) | Error::Limit(_) | Error::Pool(_) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, format!("{error}\n"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
    Ok(axum::serve(listener, service(Runtime::ambient()?)?).await?)
}
