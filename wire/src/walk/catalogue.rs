//! All messages, each compiled for a version when that is first walked.

use std::sync::{LazyLock, OnceLock};

use super::Data;
use super::program::Program;
use super::table::{self, Kind, Message};

pub(super) static TABLE: LazyLock<Table> = LazyLock::new(Table::load);

/// Every message, by kind and API key.
pub(super) struct Table {
    pub(super) requests: Vec<Option<Slot>>,
    pub(super) responses: Vec<Option<Slot>>,
    pub(super) data: Vec<Slot>,
}

/// A message and its versions, compiled when first walked.
pub(super) struct Slot {
    pub(super) message: Message,
    /// From the lowest version to the highest.
    programs: Box<[OnceLock<Program>]>,
}

impl Table {
    fn load() -> Self {
        #[expect(clippy::expect_used, reason = "the table is part of the binary and a test parses all of it")]
        let messages = table::messages().expect("the table of messages parses");
        let mut table = Self { requests: Vec::new(), responses: Vec::new(), data: Vec::new() };
        for message in messages {
            let slot = Slot::new(message);
            match message.kind {
                Kind::Request => place(&mut table.requests, slot),
                Kind::Response => place(&mut table.responses, slot),
                Kind::Data => table.data.push(slot),
            }
        }
        table
    }

    pub(super) fn request(&self, key: i16) -> Option<&Slot> {
        self.requests.get(usize::try_from(key).ok()?)?.as_ref()
    }

    pub(super) fn response(&self, key: i16) -> Option<&Slot> {
        self.responses.get(usize::try_from(key).ok()?)?.as_ref()
    }

    pub(super) fn data(&self, data: Data) -> Option<&Slot> {
        let name = match data {
            Data::ConsumerProtocolSubscription => "ConsumerProtocolSubscription",
            Data::ConsumerProtocolAssignment => "ConsumerProtocolAssignment",
        };
        self.data.iter().find(|slot| slot.message.name == name)
    }
}

/// Puts a slot at the index of its API key.
fn place(slots: &mut Vec<Option<Slot>>, slot: Slot) {
    let index = usize::from(slot.message.key.unsigned_abs());
    if slots.len() <= index {
        slots.resize_with(index + 1, || None);
    }
    slots[index] = Some(slot);
}

impl Slot {
    fn new(message: Message) -> Self {
        let programs = (message.lowest..=message.highest).map(|_| OnceLock::new()).collect();
        Self { message, programs }
    }

    pub(super) fn program(&self, version: i16) -> Option<&Program> {
        let index = usize::try_from(version.checked_sub(self.message.lowest)?).ok()?;
        #[expect(
            clippy::expect_used,
            reason = "the table is part of the binary and a test compiles all of it"
        )]
        let compile = || Program::compile(&self.message, version).expect("the table of messages compiles");
        Some(self.programs.get(index)?.get_or_init(compile))
    }
}
