//! Where a message ends in a stream (RFC 6587): after as many bytes as are announced, or at the end of its line.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

use crate::options::Choice;

/// Digits of an announced length: what is longer is no length.
const DIGITS_MAX: usize = 9;

/// How the messages of a stream are divided.
#[derive(Choice, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// As each message begins: a digit announces a length, anything else a line.
    Auto,
    /// Each is announced with its length.
    OctetCounting,
    /// Each is a line.
    Newline,
}

/// One message as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) bytes: Bytes,
    /// Whether the rest of it was left out because it is too long.
    pub(super) is_cut: bool,
}

/// A stream that is not divided as announced: nothing that follows can be told apart.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("no length of a message: {0:?}")]
pub(super) struct NoLength(String);

/// Divides a stream into messages, however its bytes come. Holds no more than one message of the largest size, and what was pushed
/// last.
#[derive(Debug)]
pub(super) struct Frames {
    framing: Framing,
    bytes_max: usize,
    buffer: BytesMut,
    /// How far the buffer was searched for the end of a line.
    searched: usize,
    /// What is left out of the stream before the next message.
    skip: Skip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Skip {
    Nothing,
    Bytes(usize),
    Line,
}

impl Frames {
    pub(super) fn new(framing: Framing, bytes_max: usize) -> Self {
        Self { framing, bytes_max, buffer: BytesMut::new(), searched: 0, skip: Skip::Nothing }
    }

    /// More of the stream.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message; nothing where more of the stream is needed.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, NoLength> {
        loop {
            if !self.skip_over() {
                return Ok(None);
            }
            let Some(first) = self.buffer.first() else { return Ok(None) };
            let counted = match self.framing {
                Framing::Auto => first.is_ascii_digit() && self.may_be_counted(),
                Framing::OctetCounting => true,
                Framing::Newline => false,
            };
            match if counted { self.counted()? } else { self.line() } {
                // Lines may end with more than a line end, and some senders add one to what they count.
                Some(frame) if frame.bytes.is_empty() => {}
                found => return Ok(found),
            }
        }
    }

    /// What is left at the end of the stream: a line without its end is whole where the stream was `closed` in order; what is less
    /// than was announced, or was cut off, is marked so.
    pub(super) fn finish(mut self, closed: bool) -> Option<Frame> {
        // The message that this is the rest of was handed on.
        if self.skip != Skip::Nothing {
            return None;
        }
        let digits = self.digits();
        let is_counted = self.framing != Framing::Newline
            && (1..=DIGITS_MAX).contains(&digits)
            && self.buffer.get(digits) == Some(&b' ');
        if is_counted {
            self.buffer.advance(digits + 1);
        } else if self.framing == Framing::OctetCounting && digits == self.buffer.len() {
            // A length, or a part of one, of which nothing came.
            return None;
        }
        self.buffer.truncate(self.bytes_max);
        let bytes = trimmed(self.buffer.freeze());
        let is_cut = is_counted || !closed || self.framing == Framing::OctetCounting;
        (!bytes.trim_ascii().is_empty()).then_some(Frame { bytes, is_cut })
    }

    /// Leaves out what is to be skipped; `false` where more of it is to come.
    fn skip_over(&mut self) -> bool {
        match self.skip {
            Skip::Nothing => return true,
            Skip::Bytes(left) => {
                let now = left.min(self.buffer.len());
                self.buffer.advance(now);
                self.skip = if now == left { Skip::Nothing } else { Skip::Bytes(left - now) };
            }
            Skip::Line => match self.buffer.iter().position(|byte| *byte == b'\n') {
                Some(end) => {
                    self.buffer.advance(end + 1);
                    self.skip = Skip::Nothing;
                }
                None => self.buffer.clear(),
            },
        }
        self.skip == Skip::Nothing
    }

    /// Whether what is there begins as a length does, as far as it is there: a line may begin with a digit too.
    fn may_be_counted(&self) -> bool {
        let digits = self.digits();
        digits <= DIGITS_MAX && self.buffer.get(digits).is_none_or(|next| *next == b' ')
    }

    fn digits(&self) -> usize {
        self.buffer.iter().take_while(|byte| byte.is_ascii_digit()).count()
    }

    /// A message behind its length and a blank.
    fn counted(&mut self) -> Result<Option<Frame>, NoLength> {
        // A line end behind what was counted.
        if self.buffer.first() == Some(&b'\n') {
            self.buffer.advance(1);
            return Ok(Some(Frame { bytes: Bytes::new(), is_cut: false }));
        }
        let digits = self.digits();
        let told =
            || NoLength(String::from_utf8_lossy(&self.buffer[..self.buffer.len().min(20)]).into_owned());
        match self.buffer.get(digits) {
            None if digits <= DIGITS_MAX => return Ok(None),
            Some(b' ') if (1..=DIGITS_MAX).contains(&digits) => {}
            _ => return Err(told()),
        }
        let length = std::str::from_utf8(&self.buffer[..digits]).ok().and_then(|digits| digits.parse().ok());
        let length: usize = length.ok_or_else(told)?;
        let taken = length.min(self.bytes_max);
        if self.buffer.len() < digits + 1 + taken {
            return Ok(None);
        }
        self.buffer.advance(digits + 1);
        let bytes = trimmed(self.buffer.split_to(taken).freeze());
        if length > taken {
            self.skip = Skip::Bytes(length - taken);
        }
        Ok(Some(Frame { bytes, is_cut: length > taken }))
    }

    /// A message up to its line end.
    fn line(&mut self) -> Option<Frame> {
        let reach = self.buffer.len().min(self.bytes_max + 1);
        let end = self.buffer[self.searched..reach].iter().position(|byte| *byte == b'\n');
        if let Some(end) = end {
            let bytes = trimmed(self.buffer.split_to(self.searched + end).freeze());
            self.buffer.advance(1);
            self.searched = 0;
            return Some(Frame { bytes, is_cut: false });
        }
        self.searched = reach;
        if reach <= self.bytes_max {
            return None;
        }
        self.searched = 0;
        self.skip = Skip::Line;
        Some(Frame { bytes: self.buffer.split_to(self.bytes_max).freeze(), is_cut: true })
    }
}

/// Without what ends a message on the wire and is no part of it.
pub(super) fn trimmed(mut bytes: Bytes) -> Bytes {
    while let Some(b'\n' | b'\r' | 0) = bytes.last() {
        bytes.truncate(bytes.len() - 1);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All messages of a stream that comes in pieces of `piece` bytes; the last is `cut` where it is marked so.
    fn divided(framing: Framing, stream: &[u8], piece: usize) -> Result<Vec<String>, NoLength> {
        let mut frames = Frames::new(framing, 10);
        let mut out = Vec::new();
        let shown = |frame: Frame| {
            format!("{}{}", String::from_utf8_lossy(&frame.bytes), if frame.is_cut { " CUT" } else { "" })
        };
        for piece in stream.chunks(piece) {
            frames.push(piece);
            while let Some(frame) = frames.next()? {
                out.push(shown(frame));
            }
        }
        out.extend(frames.finish(true).map(shown));
        Ok(out)
    }

    #[test]
    fn messages_are_told_apart_however_they_come() {
        for piece in [1, 2, 3, 100] {
            let of = |framing, stream: &[u8]| divided(framing, stream, piece).unwrap();
            assert_eq!(of(Framing::Auto, b"5 <1>ab<2>cd\n3 <3>\n\n<4>e"), ["<1>ab", "<2>cd", "<3>", "<4>e"]);
            assert_eq!(of(Framing::Newline, b"5 <1>ab\r\n\nx\0\n"), ["5 <1>ab", "x"]);
            assert_eq!(of(Framing::OctetCounting, b"4 a\nb\n2 cd\n3 e"), ["a\nb", "cd", "e CUT"]);
            assert_eq!(of(Framing::Auto, b"<1>a\n12 <2>b"), ["<1>a", "<2>b CUT"], "ten bytes are missing");
            assert_eq!(of(Framing::Auto, b"12 "), Vec::<String>::new());
            assert_eq!(of(Framing::Auto, b"12"), ["12"], "what begins as a length may be a line");
        }
    }

    #[test]
    fn what_is_too_long_is_cut_and_the_next_is_whole() {
        for piece in [1, 7, 100] {
            let of = |stream: &[u8]| divided(Framing::Auto, stream, piece).unwrap();
            assert_eq!(of(b"<0123456789abcdef\n<next\n"), ["<012345678 CUT", "<next"]);
            assert_eq!(of(b"17 <0123456789abcdef5 <next"), ["<012345678 CUT", "<next"]);
            assert_eq!(of(b"<012345678\n"), ["<012345678"]);
        }
    }

    #[test]
    fn what_is_cut_off_says_so() {
        let rest = |framing, stream: &[u8]| {
            let mut frames = Frames::new(framing, 10);
            frames.push(stream);
            let is_broken = frames.next().is_err();
            (is_broken, frames.finish(false).map(|frame| (frame.bytes, frame.is_cut)))
        };
        let cut = |text: &'static str| Some((Bytes::from_static(text.as_bytes()), true));
        assert_eq!(rest(Framing::Auto, b"<1>ab"), (false, cut("<1>ab")));
        assert_eq!(rest(Framing::Newline, b"5 <1>"), (false, cut("5 <1>")));
        assert_eq!(rest(Framing::OctetCounting, b" "), (true, None), "a blank is nobody's message");
        assert_eq!(rest(Framing::OctetCounting, b"<1>a line\n<2>another"), (true, cut("<1>a line")));
        assert_eq!(
            rest(Framing::Auto, b"<0123456789abcdef"),
            (false, None),
            "it was handed on, as far as it goes"
        );
    }

    #[test]
    fn what_is_no_length_is_told() {
        for stream in [b"12".as_slice(), b"1234567890 a", b"12x", b"999999999999"] {
            let found = divided(Framing::OctetCounting, stream, 100);
            assert_eq!(found.is_err(), stream.len() > 2, "{found:?}");
        }
        assert!(divided(Framing::OctetCounting, b"<1>a line\n", 100).is_err());
    }

    #[test]
    fn a_line_that_begins_with_a_number_is_a_line_where_no_length_is_announced() {
        for piece in [1, 2, 100] {
            let of = |stream: &[u8]| divided(Framing::Auto, stream, piece).unwrap();
            assert_eq!(of(b"12x\n3 <1>2026-11\n<2>a\n34x"), ["12x", "<1>", "2026-11", "<2>a", "34x"]);
            assert_eq!(of(b"1234567890 a\n<2>b\n"), ["1234567890 CUT", "<2>b"]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn pieces_change_nothing(
            stream in proptest::collection::vec(proptest::sample::select(b"0129 \n<ab".to_vec()), 0..80),
            piece in 1_usize..10,
        ) {
            for framing in [Framing::Auto, Framing::Newline, Framing::OctetCounting] {
                // The text of an error shows as much as had come.
                let whole = divided(framing, &stream, 100).map_err(drop);
                prop_assert_eq!(divided(framing, &stream, piece).map_err(drop), whole);
            }
        }

        #[test]
        fn lines_and_counted_messages_come_out_as_they_went_in(messages in proptest::collection::vec("<[a-z ]{0,7}[a-z]", 0..20), piece in 1_usize..30) {
            let lines: String = messages.iter().map(|message| format!("{message}\n")).collect();
            let counted: String = messages.iter().map(|message| format!("{} {message}", message.len())).collect();
            prop_assert_eq!(&divided(Framing::Auto, lines.as_bytes(), piece).unwrap(), &messages);
            prop_assert_eq!(&divided(Framing::Auto, counted.as_bytes(), piece).unwrap(), &messages);
        }
    }
}
