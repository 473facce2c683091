use super::*;

#[test]
fn what_was_appended_is_read_below_the_high_watermark_only() {
    let broker = Broker::new();
    let partition = broker.partition(&LogConfig::default());
    assert_eq!(append(&partition, "a").base_offset, Offset(0));
    assert_eq!(append(&partition, "b").base_offset, Offset(1));
    assert_eq!(values(&partition, ReadUpTo::LogEnd), ["a", "b"]);
    assert_eq!(partition.high_watermark(), Offset(0), "sync: nothing was fsynced");
    assert!(values(&partition, ReadUpTo::HighWatermark).is_empty());
    partition.flush().unwrap();
    assert_eq!(partition.high_watermark(), Offset(2));
    assert_eq!(values(&partition, ReadUpTo::HighWatermark), ["a", "b"]);
}

#[test]
fn in_page_mode_the_high_watermark_is_the_log_end() {
    let broker = Broker::new();
    let partition = broker.partition(&LogConfig { durability: Durability::Page, ..LogConfig::default() });
    append(&partition, "a");
    assert_eq!(values(&partition, ReadUpTo::HighWatermark), ["a"]);
}

#[test]
fn flushed_records_survive_a_power_cut_and_others_do_not_reappear() {
    let broker = Broker::new();
    let partition = broker.partition(&LogConfig::default());
    append(&partition, "a");
    partition.flush().unwrap();
    append(&partition, "lost");
    let broker = broker.restart(Crash::Power);
    let partition = broker.partition(&LogConfig::default());
    assert_eq!(values(&partition, ReadUpTo::HighWatermark), ["a"]);
    assert_eq!(append(&partition, "b").base_offset, Offset(1));
}

#[test]
fn an_empty_partition_has_no_files() {
    let broker = Broker::new();
    let before = crate::storage::Storage::list(&broker.disk, "/data".as_ref()).unwrap();
    let partition = broker.partition(&LogConfig::default());
    assert!(partition.read(Offset(0), 1000, ReadUpTo::HighWatermark, true).unwrap().is_empty());
    assert_eq!(crate::storage::Storage::list(&broker.disk, "/data".as_ref()).unwrap(), before);
}

#[test]
fn a_retried_batch_is_answered_with_its_first_offset() {
    let broker = Broker::new();
    let partition = broker.partition(&LogConfig::default());
    let send = |sequence: i32| {
        let batch = produced(producer(5, 0, sequence), NOW, &[(None, Some("x")), (None, Some("y"))]);
        partition.append(batch, AppendOrigin::Client, NOW)
    };
    assert_eq!(send(0).unwrap().base_offset, Offset(0));
    assert_eq!(send(2).unwrap().base_offset, Offset(2));
    let again = send(0).unwrap();
    assert_eq!((again.base_offset, again.last_offset, again.duplicate), (Offset(0), Offset(1), true));
    assert!(matches!(send(9), Err(AppendError::OutOfOrderSequence { expected: 4, .. })));
    assert_eq!(partition.log_end_offset(), Offset(4));
}
