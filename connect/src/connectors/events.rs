//! Bytes that come in pieces, cut into lines or events of several lines.

use memchr::memchr_iter;
use regex::bytes::Regex;

/// What is known of the end of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ending {
    /// More may come any moment: a line without its end is kept back, and so is an event whose next one has not begun.
    Growing,
    /// Nothing came for a while: an event of whole lines is complete.
    Settled,
    /// Nothing will ever come: what is there is complete.
    Last,
}

/// Cuts the bytes of a file into events: lines, or lines and those that follow up to the next that begins an event.
#[derive(Debug, Clone)]
pub(super) struct Events {
    /// What the first line of an event matches; every line is an event without.
    pub(super) start: Option<Regex>,
    /// An event with more bytes goes out in pieces of at most so many.
    pub(super) max_bytes: usize,
}

impl Events {
    /// Hands over the complete events at the beginning of `data` for as long as `emit` wants more; returns how many bytes they took.
    pub(super) fn cut(&self, data: &[u8], ending: Ending, mut emit: impl FnMut(&[u8]) -> bool) -> usize {
        match &self.start {
            None => self.lines(data, ending, &mut emit),
            Some(start) => self.groups(start, data, ending, &mut emit),
        }
    }

    fn lines(&self, data: &[u8], ending: Ending, emit: &mut impl FnMut(&[u8]) -> bool) -> usize {
        let mut done = 0;
        for end in memchr_iter(b'\n', data) {
            let line = without_return(&data[done..end]);
            let goes_on = if line.len() <= self.max_bytes {
                done = end + 1;
                emit(line)
            } else {
                self.pieces(data, &mut done, end, emit)
            };
            if !goes_on {
                return done;
            }
        }
        self.rest(data, done, ending, emit)
    }

    /// What follows the last line that has an end.
    fn rest(
        &self,
        data: &[u8],
        mut done: usize,
        ending: Ending,
        emit: &mut impl FnMut(&[u8]) -> bool,
    ) -> usize {
        // The two bytes more are an end of line that may be yet to come.
        while data.len() - done > self.max_bytes + 2 {
            let piece = self.piece(&data[done..]);
            done += piece.len();
            if !emit(piece) {
                return done;
            }
        }
        if ending == Ending::Last && done < data.len() {
            self.pieces(data, &mut done, data.len(), emit);
        }
        done
    }

    /// A line that ends at `end`, in pieces where it is too long.
    fn pieces(
        &self,
        data: &[u8],
        done: &mut usize,
        end: usize,
        emit: &mut impl FnMut(&[u8]) -> bool,
    ) -> bool {
        loop {
            let line = without_return(&data[*done..end]);
            if line.len() <= self.max_bytes {
                *done = data.len().min(end + 1);
                return emit(line);
            }
            let piece = self.piece(line);
            *done += piece.len();
            if !emit(piece) {
                return false;
            }
        }
    }

    /// As much as goes out at once, with no character cut in two where this is UTF-8.
    fn piece<'a>(&self, line: &'a [u8]) -> &'a [u8] {
        let is_inside = |at: &usize| line.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
        let lowest = self.max_bytes.saturating_sub(3).max(1);
        let end = (lowest..=self.max_bytes).rev().find(|at| !is_inside(at));
        &line[..end.unwrap_or(self.max_bytes).min(line.len())]
    }

    fn groups(
        &self,
        start: &Regex,
        data: &[u8],
        ending: Ending,
        emit: &mut impl FnMut(&[u8]) -> bool,
    ) -> usize {
        let mut done = 0;
        let mut line_begin = 0;
        for end in memchr_iter(b'\n', data) {
            let (line, group) = (&data[line_begin..end], &data[done..end]);
            let is_next = line_begin > done && (start.is_match(line) || group.len() > self.max_bytes);
            if is_next {
                let group = &data[done..line_begin - 1];
                done = line_begin;
                if !emit(without_return(group)) {
                    return done;
                }
            }
            if without_return(line).len() > self.max_bytes && !self.pieces(data, &mut done, end, emit) {
                return done;
            }
            line_begin = end + 1;
        }
        let is_over = data.len() - done > self.max_bytes + 2;
        let is_whole = match ending {
            Ending::Growing => false,
            Ending::Settled => true,
            // A last line without an end belongs to the event unless it begins one.
            Ending::Last => line_begin == data.len() || start.is_match(&data[line_begin..]),
        };
        if line_begin > done && (is_whole || is_over) {
            let group = &data[done..line_begin - 1];
            done = line_begin;
            if !emit(without_return(group)) {
                return done;
            }
        }
        self.rest(data, done, ending, emit)
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(events: &Events, data: &str, ending: Ending) -> (Vec<String>, usize) {
        let mut out = Vec::new();
        let done = events.cut(data.as_bytes(), ending, |event| {
            out.push(String::from_utf8(event.to_vec()).unwrap());
            true
        });
        (out, done)
    }

    fn lines(max_bytes: usize) -> Events {
        Events { start: None, max_bytes }
    }

    fn groups(max_bytes: usize) -> Events {
        Events { start: Some(Regex::new("^[0-9]").unwrap()), max_bytes }
    }

    #[test]
    fn a_line_without_its_end_is_kept_back_until_nothing_will_come() {
        assert_eq!(cut(&lines(99), "a\r\n\nbc", Ending::Growing), (vec!["a".into(), String::new()], 4));
        assert_eq!(cut(&lines(99), "bc", Ending::Settled), (vec![], 0));
        assert_eq!(cut(&lines(99), "bc", Ending::Last), (vec!["bc".into()], 2));
    }

    #[test]
    fn what_is_too_long_goes_out_in_pieces_that_cut_no_character() {
        let pieces = |text: &str, ending| cut(&lines(5), text, ending).0;
        assert_eq!(pieces("12345\n", Ending::Growing), ["12345"]);
        assert_eq!(pieces("1234567\nx\n", Ending::Growing), ["12345", "67", "x"]);
        assert_eq!(pieces("1234é67\n", Ending::Growing), ["1234", "é67"]);
        assert_eq!(pieces("12345678", Ending::Growing), ["12345"], "the rest may get its end yet");
        assert_eq!(pieces("12345\r", Ending::Growing), [""; 0], "its end may be yet to come");
        assert_eq!(pieces("12345678", Ending::Last), ["12345", "678"]);
    }

    #[test]
    fn an_event_ends_where_the_next_begins_or_when_nothing_came_for_a_while() {
        let text = "  of before\n1 a\n  at x\n  at y\n2 b\n  at";
        let first = vec!["  of before".into(), "1 a\n  at x\n  at y".into()];
        let (out, done) = cut(&groups(99), text, Ending::Growing);
        assert_eq!((&out, &text[done..]), (&first, "2 b\n  at"));
        assert_eq!(cut(&groups(99), &text[done..], Ending::Settled), (vec!["2 b".into()], 4));
        assert_eq!(cut(&groups(99), &text[done..], Ending::Last), (vec!["2 b\n  at".into()], 8));
        assert_eq!(cut(&groups(99), "2 b\n3 c", Ending::Last).0, ["2 b", "3 c"]);
    }

    #[test]
    fn an_event_that_is_too_long_is_cut_between_its_lines_if_it_can() {
        let text = "1 a\n xx\n yy\n123456789012\n z\n";
        assert_eq!(cut(&groups(8), text, Ending::Settled).0, ["1 a\n xx", " yy", "12345678", "9012", " z"]);
    }

    proptest! {
        /// However a text is cut into blocks, its events are the same.
        #[test]
        fn blocks_do_not_show(text in "([0-9 ][a-zé]{0,9}\r?\n?){0,12}", block in 12_usize..40, grouped: bool) {
            let (events, block) = if grouped { (groups(200), block + 200) } else { (lines(7), block) };
            let (whole, end) = cut(&events, &text, Ending::Last);
            prop_assert_eq!(end, text.len());
            let (mut out, mut at) = (Vec::new(), 0);
            loop {
                let block = &text.as_bytes()[at..text.len().min(at + block)];
                let ending = if at + block.len() == text.len() { Ending::Last } else { Ending::Growing };
                let done = events.cut(block, ending, |event| {
                    out.push(String::from_utf8(event.to_vec()).unwrap());
                    true
                });
                at += done;
                if at == text.len() { break; }
                prop_assert!(done > 0, "no progress at {} of {:?}", at, text);
            }
            prop_assert_eq!(out, whole);
        }
    }
}
