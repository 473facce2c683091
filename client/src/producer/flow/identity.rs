//! Who the producer is to the broker.

use millstream_wire::ids::{ProducerEpoch, ProducerId};

/// A producer id with its epoch; under each the sequences of every partition begin at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) id: ProducerId,
    pub(crate) epoch: ProducerEpoch,
}

/// The identities of one producer, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    current: Option<Identity>,
}

impl Identities {
    /// The one that new sequences begin under; none until the broker gave one.
    pub(crate) fn current(&self) -> Option<Identity> {
        self.current
    }

    /// The broker gave a new one.
    pub(crate) fn given(&mut self, identity: Identity) {
        self.current = Some(identity);
    }

    /// Begins a new epoch, if `used` is still the current one. An idempotent producer counts epochs up itself
    /// (`TransactionManager.bumpIdempotentProducerEpoch`) and asks for a new id only when they are used up.
    pub(crate) fn bump_from(&mut self, used: Identity) {
        if self.current == Some(used) {
            let next = used.epoch.0.checked_add(1).filter(|epoch| *epoch < i16::MAX);
            self.current = next.map(|epoch| Identity { id: used.id, epoch: ProducerEpoch(epoch) });
        }
    }
}
