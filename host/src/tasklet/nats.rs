//! Packets over NATS, by the crate `async-nats`. Its protocol: <https://docs.nats.io/reference/reference-protocols/nats-protocol>.
//!
//! Subjects are `ophidia.GROUP.all.FROM`, `ophidia.GROUP.any.FROM` and `ophidia.GROUP.to.NODE.FROM`: a server that lets each
//! user publish only to those that end in its own name answers for who has sent what.

use super::transport::{Listener, To, Transport};
use crate::error::{Error, Result};
use async_nats::{Client, ConnectOptions, Event, Message, ServerAddr, Subscriber};
use futures_core::Stream as _;
use parking_lot::{Condvar, Mutex};
use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Bytes that wait to be sent; more are lost.
const MOST_WAITING: usize = 96 << 20;

/// How long a server may take to answer at first.
const CONNECTS_WITHIN: Duration = Duration::from_secs(10);

/// Packets on their way to the server's socket, and those that were not looked at yet. More are lost.
const MOST_COMMANDS: usize = 64;
const MOST_UNREAD: usize = 4_096;

/// Longer than that no packet waits for the socket.
const SENDS_WITHIN: Duration = Duration::from_millis(500);

/// A server is asked so often whether it is there.
const PING: Duration = Duration::from_secs(5);

/// How a connection to [`Nats`] is made.
#[derive(Clone)]
pub struct NatsBuilder {
    urls: String,
    group: String,
    user: Option<(String, String)>,
    credentials: Option<PathBuf>,
    authorities: Option<PathBuf>,
    certificate: Option<(PathBuf, PathBuf)>,
    clear_text: bool,
}

impl std::fmt::Debug for NatsBuilder {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = out.debug_struct("NatsBuilder");
        out.field("urls", &without_secrets(&self.urls)).field("group", &self.group);
        out.finish_non_exhaustive()
    }
}

impl NatsBuilder {
    /// A user of the server, and the password; by default those of the first address, as `nats://USER:PASSWORD@HOST`.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.user = Some((name.into(), password.into()));
        self
    }

    /// A file of NATS credentials: a user's token and key.
    #[must_use]
    pub fn credentials(mut self, file: impl Into<PathBuf>) -> Self {
        self.credentials = Some(file.into());
        self
    }

    /// A file of certificates, in PEM, by which the server's own is checked, beside those of the system.
    #[must_use]
    pub fn authorities(mut self, file: impl Into<PathBuf>) -> Self {
        self.authorities = Some(file.into());
        self
    }

    /// A certificate and its key, in PEM, by which the server knows this client.
    #[must_use]
    pub fn certificate(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.certificate = Some((certificate.into(), key.into()));
        self
    }

    /// Whether messages may go in clear text to a server of another machine. Not by default: there it has to have TLS.
    #[must_use]
    pub fn clear_text(mut self, may: bool) -> Self {
        self.clear_text = may;
        self
    }

    /// Connects.
    ///
    /// # Errors
    ///
    /// [`Error::Host`] for addresses and names that are none, and with what the server says.
    pub async fn connect(self) -> Result<Nats> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if self.group.is_empty() || self.group.len() > 64 || !self.group.bytes().all(is_name) {
            return Err(Error::host(format!(
                "a group cannot be called {:.100?}: a name has 1 to 64 letters, digits, - and _",
                self.group
            )));
        }
        let (commands, inbox) = mpsc::unbounded_channel();
        let (started, start) = oneshot::channel();
        let shared = Arc::new(Shared::default());
        let (prefix, urls) = (format!("ophidia.{}", self.group), without_secrets(&self.urls));
        let inner = Worker { prefix: prefix.clone(), shared: Arc::clone(&shared), inbox, turn: 0 };
        let thread = std::thread::Builder::new().name("ophidia-nats".into());
        let failed = |error| Error::host(format!("no thread for NATS: {error}")).because(error);
        thread.spawn(move || inner.run(self, started)).map_err(failed)?;
        let ended =
            |_| Error::host(format!("no connection to NATS at {urls}: its thread has ended"));
        let most = start.await.map_err(ended)??;
        Ok(Nats { prefix, commands, shared, most })
    }

    fn servers(&self) -> Result<Vec<ServerAddr>> {
        let server = |url: &str| {
            url.trim().parse::<ServerAddr>().map_err(|error| {
                let url = without_secrets(url);
                Error::host(format!("{url:?} is no address of a NATS server: {error}"))
            })
        };
        self.urls.split(',').map(server).collect()
    }

    /// The options, but for what is told meanwhile.
    async fn options(&self, servers: &[ServerAddr]) -> Result<ConnectOptions> {
        let is_here = |server: &ServerAddr| {
            let host = server.host();
            let host = host.trim_start_matches('[').trim_end_matches(']');
            host == "localhost"
                || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        };
        let mut options = ConnectOptions::new()
            .name("ophidia")
            .connection_timeout(CONNECTS_WITHIN)
            .ping_interval(PING)
            .client_capacity(MOST_COMMANDS)
            .subscription_capacity(MOST_UNREAD)
            .reconnect_delay_callback(|attempts| {
                Duration::from_millis(50 * u64::try_from(attempts).unwrap_or(20).min(20))
            });
        if servers.iter().all(is_here) {
            // Others that these tell of may be elsewhere.
            options = options.ignore_discovered_servers();
        } else {
            options = options.require_tls(!self.clear_text);
        }
        let first = servers.first();
        let in_url = first.and_then(|first| Some((first.username()?, first.password())));
        options = match (&self.user, in_url) {
            (Some((user, password)), _) => {
                options.user_and_password(user.clone(), password.clone())
            }
            (None, Some((user, Some(password)))) => {
                options.user_and_password(user.to_owned(), password.to_owned())
            }
            (None, Some((token, None))) => options.token(token.to_owned()),
            (None, None) => options,
        };
        if let Some(file) = &self.credentials {
            options = options.credentials_file(file).await.map_err(|error| {
                Error::host(format!("credentials from {}: {error}", file.display())).because(error)
            })?;
        }
        if let Some(file) = &self.authorities {
            options = options.add_root_certificates(file.clone());
        }
        if let Some((certificate, key)) = &self.certificate {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        Ok(options)
    }
}

/// Addresses without the users and passwords in them.
fn without_secrets(urls: &str) -> String {
    let one = |url: &str| match (url.split_once("//"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}//{host}"),
        (None, Some((_, host))) => host.to_owned(),
        _ => url.to_owned(),
    };
    urls.split(',').map(one).collect::<Vec<_>>().join(",")
}

/// A connection to a NATS server, or to several of one cluster, for one [`Node`](crate::Node).
///
/// It connects again by itself. Where the server is on this machine, messages may go in clear text; elsewhere it has to have
/// TLS, unless [`NatsBuilder::clear_text`] allows for less.
#[derive(Debug)]
pub struct Nats {
    prefix: String,
    commands: mpsc::UnboundedSender<Command>,
    shared: Arc<Shared>,
    most: usize,
}

impl Nats {
    /// Starts to configure a connection to servers, `nats://` or `tls://`, separated by commas, for the nodes of a group.
    #[must_use]
    pub fn builder(urls: impl Into<String>, group: impl Into<String>) -> NatsBuilder {
        NatsBuilder {
            urls: urls.into(),
            group: group.into(),
            user: None,
            credentials: None,
            authorities: None,
            certificate: None,
            clear_text: false,
        }
    }
}

impl Transport for Nats {
    fn listen(&self, name: &str, takes_any: bool, listener: Arc<dyn Listener>) -> Result<()> {
        let listen = Command::Listen { name: name.to_owned(), takes_any, listener };
        self.commands.send(listen).map_err(|_| Error::host("the connection to NATS is closed"))
    }

    fn send(&self, to: To<'_>, packet: Vec<u8>) {
        // What waits for a server that is away would be old when it comes.
        let waiting = self.shared.waiting.load(Ordering::Relaxed);
        if !self.shared.connected.load(Ordering::Relaxed) || waiting > MOST_WAITING {
            return;
        }
        let subject = match to {
            To::All => format!("{}.all", self.prefix),
            To::Any => format!("{}.any", self.prefix),
            To::Node(name) => format!("{}.to.{name}", self.prefix),
        };
        self.shared.waiting.fetch_add(packet.len(), Ordering::Relaxed);
        let _ = self.commands.send(Command::Send { subject, packet });
    }

    fn most_bytes(&self) -> usize {
        self.most
    }

    fn close(&self) {
        let _ = self.commands.send(Command::Close);
    }

    fn closed(&self, within: Duration) {
        let until = Instant::now() + within;
        let mut ended = self.shared.ended.lock();
        while !*ended && !self.shared.changed.wait_until(&mut ended, until).timed_out() {}
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.close();
    }
}

#[derive(Debug, Default)]
struct Shared {
    connected: AtomicBool,
    /// Bytes of packets that are to be sent.
    waiting: AtomicUsize,
    /// The thread has ended.
    ended: Mutex<bool>,
    changed: Condvar,
}

enum Command {
    Listen { name: String, takes_any: bool, listener: Arc<dyn Listener> },
    Send { subject: String, packet: Vec<u8> },
    Close,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listen { name, .. } => write!(out, "Listen({name})"),
            Self::Send { subject, packet } => write!(out, "Send({subject}, {})", packet.len()),
            Self::Close => write!(out, "Close"),
        }
    }
}

/// What happens next.
enum Next {
    Command(Option<Command>),
    Message(Message),
    Event(Event),
}

/// The thread that speaks with the server.
struct Worker {
    prefix: String,
    shared: Arc<Shared>,
    inbox: mpsc::UnboundedReceiver<Command>,
    /// Which subscription is next.
    turn: usize,
}

impl Worker {
    fn run(mut self, builder: NatsBuilder, started: oneshot::Sender<Result<usize>>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                let _ = started.send(Err(Error::host(format!("no thread for NATS: {error}"))));
                return;
            }
        };
        runtime.block_on(async {
            let (told, mut events) = mpsc::unbounded_channel();
            match Self::connect(&builder, told).await {
                Ok(client) => {
                    self.shared.connected.store(true, Ordering::Relaxed);
                    let _ = started.send(Ok(client.server_info().max_payload));
                    self.serve(&client, &mut events).await;
                }
                Err(error) => drop(started.send(Err(error))),
            }
        });
        *self.shared.ended.lock() = true;
        self.shared.changed.notify_all();
    }

    async fn connect(builder: &NatsBuilder, told: mpsc::UnboundedSender<Event>) -> Result<Client> {
        let servers = builder.servers()?;
        let options = builder.options(&servers).await?;
        let options = options.event_callback(move |event| {
            let _ = told.send(event);
            std::future::ready(())
        });
        options.connect(servers).await.map_err(|error| {
            let mut said = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(inner) = cause {
                said = format!("{said}: {inner}");
                cause = inner.source();
            }
            let urls = without_secrets(&builder.urls);
            Error::host(format!("no connection to NATS at {urls}: {said}"))
        })
    }

    async fn serve(&mut self, client: &Client, events: &mut mpsc::UnboundedReceiver<Event>) {
        let mut subscribed: Vec<Subscriber> = Vec::new();
        let mut listening: Option<(String, Arc<dyn Listener>)> = None;
        loop {
            let next = poll_fn(|context| self.next(context, &mut subscribed, events)).await;
            match next {
                Next::Command(None | Some(Command::Close)) => break,
                Next::Command(Some(Command::Listen { name, takes_any, listener })) => {
                    match self.subscribe(client, &name, takes_any).await {
                        Ok(all) => subscribed = all,
                        Err(error) => listener.trouble(&error),
                    }
                    listening = Some((name, listener));
                }
                Next::Command(Some(Command::Send { subject, packet })) => {
                    self.shared.waiting.fetch_sub(packet.len(), Ordering::Relaxed);
                    let connected = self.shared.connected.load(Ordering::Relaxed);
                    if let Some((name, listener)) = listening.as_ref().filter(|_| connected) {
                        let sent = client.publish(format!("{subject}.{name}"), packet.into());
                        if let Ok(Err(error)) = tokio::time::timeout(SENDS_WITHIN, sent).await {
                            listener.trouble(&error.to_string());
                        }
                    }
                }
                Next::Message(message) => {
                    if let Some((_, listener)) = &listening
                        && let Some((_, from)) = message.subject.as_str().rsplit_once('.')
                    {
                        listener.hear(from, &message.payload);
                    }
                }
                Next::Event(event) => {
                    self.note(&event, listening.as_ref().map(|(_, listener)| &**listener));
                }
            }
        }
        drop(listening);
        // What was sent still goes, if it can.
        let _ = tokio::time::timeout(Duration::from_secs(1), client.flush()).await;
    }

    /// Whatever is first: what the server says, what comes, and what is to go.
    fn next(
        &mut self,
        context: &mut Context<'_>,
        subscribed: &mut [Subscriber],
        events: &mut mpsc::UnboundedReceiver<Event>,
    ) -> Poll<Next> {
        if let Poll::Ready(Some(event)) = events.poll_recv(context) {
            return Poll::Ready(Next::Event(event));
        }
        // Commands first: they are few, and each message that comes may make one.
        if let Poll::Ready(command) = self.inbox.poll_recv(context) {
            return Poll::Ready(Next::Command(command));
        }
        // Each in its turn: one that is never empty keeps none of the others back.
        let count = subscribed.len();
        for step in 0..count {
            let at = (self.turn + step) % count;
            if let Some(one) = subscribed.get_mut(at)
                && let Poll::Ready(Some(message)) = Pin::new(one).poll_next(context)
            {
                self.turn = at + 1;
                return Poll::Ready(Next::Message(message));
            }
        }
        Poll::Pending
    }

    async fn subscribe(
        &self,
        client: &Client,
        name: &str,
        takes_any: bool,
    ) -> std::result::Result<Vec<Subscriber>, String> {
        let prefix = &self.prefix;
        let own = client.subscribe(format!("{prefix}.to.{name}.*"));
        let mut all = vec![own.await.map_err(|error| error.to_string())?];
        let others = client.subscribe(format!("{prefix}.all.*"));
        all.push(others.await.map_err(|error| error.to_string())?);
        if takes_any {
            let any = client.queue_subscribe(format!("{prefix}.any.*"), "any".into());
            all.push(any.await.map_err(|error| error.to_string())?);
        }
        Ok(all)
    }

    fn note(&self, event: &Event, listener: Option<&dyn Listener>) {
        let is_connected = match event {
            Event::Connected => true,
            Event::Disconnected => false,
            Event::SlowConsumer(_) | Event::ServerError(_) | Event::ClientError(_) => {
                if let Some(listener) = listener {
                    listener.trouble(&event.to_string());
                }
                return;
            }
            _ => return,
        };
        let was = self.shared.connected.swap(is_connected, Ordering::Relaxed);
        if let Some(listener) = listener.filter(|_| was != is_connected) {
            listener.connected(is_connected);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_told() {
        for (url, shown) in [
            ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222"),
            ("tls://user:pass@word@host:1,nats://token@other", "tls://host:1,nats://other"),
            ("user:password@host", "host"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
