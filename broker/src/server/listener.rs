//! The listening socket: admits connections and gives each a task.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::api::{Peer, Shared};
use crate::config::Endpoint;
use crate::server::admission::Place;
use crate::server::complaints::{Complaints, INTERVAL, Unsaid};
use crate::server::connection::{Closed, Connection};

/// How long to wait after an accept that failed for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections that may wait to be accepted.
const MAX_BACKLOG: i32 = 1024;

/// Opens the listening socket. It must be called in the runtime.
pub(crate) fn bind(endpoint: &Endpoint) -> io::Result<TcpListener> {
    let address = resolve(endpoint)?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A broker that is restarted must not wait for the old one's connections to time out.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    if address.ip().is_loopback() {
        send_without_pacing(&socket);
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(MAX_BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Gives the connections of a listener that no network reaches the plainest congestion control. Where the host's own
/// is one that paces, as BBR does, the kernel sets a timer before every 64 KiB it sends: to a reader on the same
/// machine that is more than half of the work. A connection that was begun under such a one would go on pacing, so
/// it is the listener that is changed, and connections inherit it.
#[cfg(target_os = "linux")]
fn send_without_pacing(listener: &Socket) {
    /// In every kernel, and allowed to everyone.
    const PLAINEST: &str = "reno";
    if let Err(error) = rustix::net::sockopt::set_tcp_congestion(listener, PLAINEST) {
        tracing::debug!("the listener keeps the host's congestion control: {error}");
    }
}

#[cfg(not(target_os = "linux"))]
fn send_without_pacing(_listener: &Socket) {}

fn resolve(endpoint: &Endpoint) -> io::Result<SocketAddr> {
    if endpoint.is_wildcard() && endpoint.host.is_empty() {
        return Ok(SocketAddr::from(([0, 0, 0, 0], endpoint.port)));
    }
    let mut addresses = (endpoint.host.as_str(), endpoint.port).to_socket_addrs()?;
    addresses.next().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the host has no address"))
}

/// Accepts connections until told to stop; when this returns, no connection is left.
pub(crate) async fn listen(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let admission = shared.admission.clone();
    let mut connections = JoinSet::new();
    let mut complaints = Complaints::default();
    let mut tick = tokio::time::interval(INTERVAL);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, remote)) => match admission.admit(remote.ip()) {
                    Ok(place) => admit(&mut connections, &shared, stream, remote, place, &stop),
                    Err(refused) => complain(&mut complaints, remote, "refused", &refused),
                },
                Err(error) => {
                    tracing::warn!("a connection was not accepted: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next(), if !connections.is_empty() => report(&shared, &mut complaints, ended),
            _ = tick.tick() => complaints.take_due(Instant::now()).iter().for_each(count),
            _ = stop.changed() => break,
        }
    }
    connections.shutdown().await;
}

fn admit(
    connections: &mut JoinSet<(SocketAddr, Closed)>,
    shared: &Arc<Shared>,
    stream: TcpStream,
    remote: SocketAddr,
    place: Place,
    stop: &watch::Receiver<bool>,
) {
    match prepare(&stream) {
        Ok(local) => {
            let connection = Connection::new(shared.clone(), Peer { remote, local });
            connections.spawn(serve(connection, stream, place, stop.clone()));
        }
        Err(error) => tracing::debug!("connection from {remote} went away: {error}"),
    }
}

fn prepare(stream: &TcpStream) -> io::Result<SocketAddr> {
    stream.set_nodelay(true)?;
    stream.local_addr()
}

async fn serve(
    connection: Connection,
    stream: TcpStream,
    place: Place,
    mut stop: watch::Receiver<bool>,
) -> (SocketAddr, Closed) {
    let remote = connection.remote();
    let closed = tokio::select! {
        closed = connection.run(stream) => closed,
        _ = stop.changed() => Closed::ByServer,
    };
    drop(place);
    (remote, closed)
}

fn report(
    shared: &Shared,
    complaints: &mut Complaints,
    ended: Result<(SocketAddr, Closed), tokio::task::JoinError>,
) {
    if let Ok((_, closed)) = &ended {
        shared.counters.ended(closed.ending());
    }
    match ended {
        Ok((remote, closed)) if closed.is_ordinary() => tracing::debug!("connection from {remote}: {closed}"),
        Ok((remote, closed)) => complain(complaints, remote, closed.kind(), &closed),
        Err(error) if error.is_panic() => tracing::error!("a connection's task panicked: {error}"),
        Err(_cancelled) => {}
    }
}

/// Says why a connection ended, unless it was said of this peer just now.
fn complain(complaints: &mut Complaints, remote: SocketAddr, kind: &'static str, why: &dyn fmt::Display) {
    if complaints.note(remote.ip(), kind, Instant::now()) {
        tracing::warn!("connection from {remote} {kind}: {why}");
    }
}

/// Says how often something happened that was not said each time.
fn count(unsaid: &Unsaid) {
    match unsaid {
        Unsaid { about: Some((peer, kind)), count } => {
            tracing::warn!("{count} more connections from {peer} {kind} since that was said last");
        }
        Unsaid { about: None, count } => {
            tracing::warn!("{count} connections from many other peers ended badly since that was said last");
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use rustix::net::sockopt::tcp_congestion;

    use super::*;

    /// The congestion control of a connection to a listener.
    async fn of_connections_to(host: &str) -> String {
        let listener = bind(&Endpoint { host: host.to_owned(), port: 0 }).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (client, accepted) = tokio::join!(TcpStream::connect(("127.0.0.1", port)), listener.accept());
        client.unwrap();
        tcp_congestion(&accepted.unwrap().0).unwrap()
    }

    #[tokio::test]
    async fn what_leaves_the_machine_is_paced_as_the_host_wants_and_what_stays_is_not() {
        let chosen_by_host = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control").unwrap();
        assert_eq!(of_connections_to("0.0.0.0").await, chosen_by_host.trim());
        assert_eq!(of_connections_to("127.0.0.1").await, "reno");
    }
}
