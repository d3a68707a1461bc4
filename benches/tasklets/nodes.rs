//! Two nodes over a NATS server on loopback.

use super::{PROGRAMS, Two, sandbox};
use anyhow::{Context as _, Result, ensure};
use ophidia::{Group, Nats, Node, Pool, Runtime, Value};
use ophidia_benches::{figure, median};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Ends with the bench.
struct Server(Child, u16);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn server() -> Result<Server> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../.ci/nats-server");
    let found = Command::new(script).output()?;
    ensure!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let child = Command::new(String::from_utf8(found.stdout)?.trim_end())
        .args(["-a", "127.0.0.1", "-p", &port.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let server = Server(child, port);
    for _ in 0..500 {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(server);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    anyhow::bail!("nats-server does not listen")
}

/// A group of one domain, as a node.
async fn node(runtime: &Runtime, server: &Server, name: &str) -> Result<(Group, Node)> {
    let pool = Pool::builder(runtime.clone()).sandbox(sandbox()?).workers(1).build()?;
    let group = Group::builder(&pool).domains(1).code(PROGRAMS).build()?;
    let url = format!("nats://127.0.0.1:{}", server.1);
    let nats = Nats::builder(url, "bench").connect().await?;
    let node = Node::builder(name).join(&group, nats).await?;
    Ok((group, node))
}

pub(super) async fn figures(runtime: &Runtime) -> Result<()> {
    let server = match server() {
        Ok(server) => server,
        Err(error) => {
            super::note(&format!("no nodes over NATS: {error}"));
            return Ok(());
        }
    };
    let (there, _other) = node(runtime, &server, "node-b").await?;
    let (group, own) = node(runtime, &server, "node-a").await?;
    ensure!(own.number_of("node-b").is_some(), "the two have not met");
    let [one, other] = [group.domains(), there.domains()].map(|domains| domains[0]);
    let mut two = Two { mailbox: group.mailbox(), group, domains: [one, other] };
    two.one_way(10_000).await?;
    let mut rates = Vec::new();
    for _ in 0..3 {
        rates.push(two.one_way(200_000).await?);
    }
    figure("messages_nats_per_s", median(rates), "1/s");
    figure("calls_nats_per_s", two.calls(100, 500).await?, "1/s");
    let me = Value::Pid(two.mailbox.pid());
    let server = Value::Pid(two.group.spawn_on(other, "Echo", ()).await?);
    two.group.spawn_on(one, "call_times", (server, 5_000, me)).await?;
    let Value::Tuple(times) = two.mailbox.receive().await else { anyhow::bail!("no times") };
    let [Value::Float(half), Value::Float(most)] = times[..] else { anyhow::bail!("no times") };
    figure("call_nats_us", half * 1e6, "us");
    figure("call_nats_p99_ms", most * 1e3, "ms");
    figure("array_10mb_nats_ms", two.array().await? * 1e3, "ms");
    let peers = own.peers();
    let messages = peers.first().context("a peer")?.messages;
    ensure!(messages.refused + messages.lost == 0, "{messages:?}");
    Ok(())
}
