//! A listening socket, the threads of its connections, and how they end.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::ops::Deref;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

/// Accepts connections and gives each a thread; ends them all when dropped.
pub(super) struct Listener {
    shared: Arc<Shared>,
    port: u16,
    /// The acceptor holds the other end and wakes when this one closes.
    waker: Option<UnixStream>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    socket: TcpListener,
    serve: Arc<Serve>,
    accepted: Mutex<Accepted>,
    stop: Arc<Stop>,
}

type Serve = dyn Fn(Stream, &Stop) + Send + Sync;

#[derive(Default)]
struct Accepted {
    count: usize,
    connections: Vec<Connection>,
    panicked: bool,
}

struct Connection {
    /// Weak, so that the socket closes as soon as its thread lets go of it.
    stream: Weak<TcpStream>,
    thread: JoinHandle<()>,
}

impl Listener {
    /// Listens on a free port; `serve` runs on a thread for each connection.
    pub(super) fn start(serve: impl Fn(Stream, &Stop) + Send + Sync + 'static) -> Self {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port is free");
        socket.set_nonblocking(true).expect("a listener can be made non-blocking");
        let port = socket.local_addr().expect("a bound socket has an address").port();
        let shared = Arc::new(Shared {
            socket,
            serve: Arc::new(serve),
            accepted: Mutex::default(),
            stop: Arc::default(),
        });
        let (waker, woken) = UnixStream::pair().expect("a pair of sockets can be made");
        let acceptor = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.accept_until(&woken))
        };
        Self { shared, port, waker: Some(waker), acceptor: Some(acceptor) }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// How many connections were made; those that wait in the kernel's queue are accepted first.
    pub(super) fn connections(&self) -> usize {
        self.shared.accept_waiting().count
    }

    /// How many of them are being served still.
    pub(super) fn open(&self) -> usize {
        let accepted = self.shared.accept_waiting();
        accepted.connections.iter().filter(|one| one.stream.strong_count() > 0).count()
    }
}

impl Shared {
    fn accept_until(&self, woken: &UnixStream) {
        loop {
            let mut ready =
                [PollFd::new(&self.socket, PollFlags::IN), PollFd::new(woken, PollFlags::IN)];
            // An interrupted poll leaves no events behind, and the next round polls again.
            let _ = poll(&mut ready, None);
            if !ready[1].revents().is_empty() {
                return;
            }
            drop(self.accept_waiting());
        }
    }

    /// Accepts what waits, and forgets connections that have ended.
    fn accept_waiting(&self) -> MutexGuard<'_, Accepted> {
        let mut accepted = locked(&self.accepted);
        loop {
            match self.socket.accept() {
                Ok((stream, _)) => accepted.take(self.serve(stream)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // The client has gone already.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => accepted.count += 1,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("a test's server cannot accept connections: {error}"),
            }
        }
        accepted.join_if(JoinHandle::is_finished);
        accepted
    }

    fn serve(&self, stream: TcpStream) -> Connection {
        // macOS hands the listener's mode down.
        stream.set_nonblocking(false).expect("a socket can be made blocking");
        let _ = stream.set_nodelay(true);
        let stream = Stream(Arc::new(stream));
        let weak = Arc::downgrade(&stream.0);
        let (serve, stop) = (Arc::clone(&self.serve), Arc::clone(&self.stop));
        let thread = thread::spawn(move || serve(stream, &stop));
        Connection { stream: weak, thread }
    }
}

impl Accepted {
    fn take(&mut self, connection: Connection) {
        self.count += 1;
        self.connections.push(connection);
    }

    fn join_if(&mut self, ended: impl Fn(&JoinHandle<()>) -> bool) {
        for connection in self.connections.extract_if(.., |one| ended(&one.thread)) {
            self.panicked |= connection.thread.join().is_err();
        }
    }
}

impl Drop for Listener {
    /// Ends the connections, waits for their threads, and passes a panic of theirs on.
    fn drop(&mut self) {
        self.shared.stop.set();
        self.waker = None;
        let acceptor = self.acceptor.take().map(JoinHandle::join);
        let mut accepted = locked(&self.shared.accepted);
        for stream in accepted.connections.iter().filter_map(|one| one.stream.upgrade()) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        accepted.join_if(|_| true);
        if !thread::panicking() {
            assert!(!accepted.panicked, "a handler of a test's server panicked, see above");
            assert!(!matches!(acceptor, Some(Err(_))), "a test's server panicked, see above");
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Listener").field("port", &self.port).finish_non_exhaustive()
    }
}

/// A connection for the thread that serves it.
#[derive(Debug)]
pub(super) struct Stream(Arc<TcpStream>);

impl Deref for Stream {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        &self.0
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Set once, when the server is dropped.
#[derive(Debug, Default)]
pub(super) struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    fn set(&self) {
        *locked(&self.stopped) = true;
        self.changed.notify_all();
    }

    /// Returns when the server stops.
    pub(super) fn wait(&self) {
        drop(self.changed.wait_while(locked(&self.stopped), |stopped| !*stopped));
    }

    /// Sleeps for `pause`; false when the server has stopped.
    pub(super) fn sleep(&self, pause: Duration) -> bool {
        let stopped = locked(&self.stopped);
        let waited = self.changed.wait_timeout_while(stopped, pause, |stopped| !*stopped);
        !*waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// The lock, whether or not a thread panicked while it held it.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
