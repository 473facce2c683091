//! Lines of what comes from another program, as they come.

use std::io::{self, Read};

use super::events::{Ending, Events};

/// Bytes that are read at once.
const BLOCK: usize = 64 << 10;

/// Hands over lines as they come, each as `line` makes it of its text, until nobody wants any more or there are none. One that is
/// longer than `max_bytes` comes in pieces; what is no UTF-8 is replaced.
///
/// # Errors
/// There is nothing to be read from.
pub(super) fn read_lines<T>(
    mut from: impl Read,
    max_bytes: usize,
    line: impl Fn(&str) -> T,
    mut take: impl FnMut(Vec<T>) -> bool,
) -> io::Result<()> {
    let events = Events { start: None, max_bytes };
    let (mut known, mut block) = (Vec::new(), vec![0; BLOCK]);
    loop {
        let read = match from.read(&mut block) {
            Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        known.extend_from_slice(&block[..read]);
        let ending = if read == 0 { Ending::Last } else { Ending::Growing };
        let mut lines = Vec::new();
        let done = events.cut(&known, ending, |bytes| {
            lines.push(line(&String::from_utf8_lossy(bytes)));
            true
        });
        known.drain(..done);
        if !lines.is_empty() && !take(lines) || read == 0 {
            return Ok(());
        }
    }
}
