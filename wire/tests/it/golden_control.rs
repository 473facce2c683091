//! Control batches that Apache Kafka wrote, read; and ours, the same bytes.

use millstream_wire::batch::Batch;
use millstream_wire::control::{ControlRecord, EndTransaction, LeaderChange, Voter};
use millstream_wire::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

use crate::fixture::file;

fn read(bytes: &[u8]) -> ControlRecord {
    let batch = Batch::parse(bytes).unwrap();
    batch.verify_crc().unwrap();
    assert!(batch.header.is_control());
    let mut scratch = Vec::new();
    let record = batch.records(&mut scratch, 0).unwrap().next().unwrap().unwrap();
    ControlRecord::read(&record).unwrap()
}

#[test]
fn ends_of_transactions() {
    for (name, committed) in [("control-commit.bin", true), ("control-abort.bin", false)] {
        let golden = file(name);
        let marker = EndTransaction { committed, coordinator_epoch: 9 };
        assert_eq!(read(&golden), ControlRecord::EndTransaction(marker));
        assert_eq!(marker.batch(ProducerId(4000), ProducerEpoch(5), 55).unwrap(), golden);
    }
}

#[test]
fn a_leader_change() {
    let golden = file("control-leader-change.bin");
    let voter = |id| Voter { id, directory_id: None };
    let change =
        LeaderChange { leader_id: 1, voters: vec![voter(1), voter(2)], granting_voters: vec![voter(1)] };
    assert_eq!(read(&golden), ControlRecord::LeaderChange(change.clone()));
    assert_eq!(change.batch(Offset(40), LeaderEpoch(3), 55).unwrap(), golden);
}
