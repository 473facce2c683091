//! Datagrams that came and that the system had no room for. It says how many there were of a socket, in a table of all of them.

use std::fs;
use std::os::fd::AsFd;

/// Where Linux has the tables: of addresses of four bytes, and of sixteen.
const TABLES: [&str; 2] = ["/proc/net/udp", "/proc/net/udp6"];

/// Where in a line a socket's own number stands, and the last column.
const INODE: usize = 9;
const DROPS: usize = 12;

/// The datagrams that a socket lost.
#[derive(Debug)]
pub(super) struct Overflow {
    /// The number by which the system knows the socket.
    inode: u64,
    /// How many were told of.
    pub(super) told: u64,
}

impl Overflow {
    /// Nothing where the system does not say.
    pub(super) fn of(socket: impl AsFd) -> Option<Self> {
        let inode = rustix::fs::fstat(socket).ok()?.st_ino;
        Some(Self { inode, told: 0 })
    }

    /// How many were lost since this was asked last.
    pub(super) fn more(&mut self) -> u64 {
        let tables = TABLES.iter().filter_map(|path| fs::read_to_string(path).ok());
        let lost = tables.filter_map(|table| drops(&table, self.inode)).next().unwrap_or(self.told);
        let more = lost.saturating_sub(self.told);
        self.told += more;
        more
    }
}

fn drops(table: &str, inode: u64) -> Option<u64> {
    let lines = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let number = |line: &[&str], at: usize| line.get(at).and_then(|word| word.parse::<u64>().ok());
    lines.filter(|line| number(line, INODE) == Some(inode)).find_map(|line| number(&line, DROPS))
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn what_a_socket_has_no_room_for_is_counted_once() {
        if !fs::exists(TABLES[0]).unwrap() {
            println!("SKIPPED: datagrams that are lost because this system has no {}", TABLES[0]);
            return;
        }
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 4_096).unwrap();
        let mut overflow = Overflow::of(&socket).unwrap();
        assert_eq!(overflow.more(), 0);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..100 {
            sender.send_to(&[0; 1_000], socket.local_addr().unwrap()).unwrap();
        }
        socket.set_nonblocking(true).unwrap();
        let mut received = 0;
        while socket.recv(&mut [0; 1_000]).is_ok() {
            received += 1;
        }
        assert_eq!((overflow.more() + received, overflow.more()), (100, 0), "{received} received");
    }

    #[test]
    fn a_line_is_found_by_the_socket_s_number() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n  \
             1: 0100007F:158A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 41 2 0000000000000000 7\n  \
             2: 0100007F:158B 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 42 2 0000000000000000 9\n";
        assert_eq!([41, 42, 43].map(|inode| drops(table, inode)), [Some(7), Some(9), None]);
        assert_eq!(drops("", 41), None);
    }
}
