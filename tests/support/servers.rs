//! Servers on the loopback interface for tests of the network: HTTP, HTTPS, plain TCP, PostgreSQL.
//!
//! Each listens on a free port of 127.0.0.1, runs on threads of its own (PostgreSQL is a process) and
//! has stopped when its drop returns. `connections` counts every connection that a client saw
//! established before the call, so that 0 proves that a denied one was never made.

mod authority;
mod http;
mod listener;
mod message;
mod postgres;
mod tcp;
mod wire;

pub use authority::{Authority, Tls};
pub use http::Http;
pub use message::{Body, Request, Response};
pub use postgres::Postgres;
pub use tcp::{Closing, Echo, Silent, Sink, Source};
