//! Offsets by time and by epoch, waiting, and the log start.

use std::future::Future;
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

use super::*;

fn page() -> LogConfig {
    LogConfig {
        durability: Durability::Page,
        segment_bytes: 500,
        index_interval_bytes: 150,
        ..LogConfig::default()
    }
}

fn compressed(timestamps: &[i64]) -> Bytes {
    let mut writer = BatchWriter::new(Compression::Zstd, None);
    for timestamp in timestamps {
        writer.append(*timestamp, Some(b"key"), Some(b"value"), NO_HEADERS);
    }
    writer.finish().unwrap()
}

#[test]
fn the_first_record_at_or_after_a_time_is_found() {
    let broker = Broker::new();
    let partition = broker.partition(&page());
    // Times go up and down; the model is the list itself.
    let times: Vec<i64> = (0..60).map(|at| NOW + (at * 37) % 50 + at).collect();
    for batch in times.chunks(3) {
        partition.append(compressed(batch), AppendOrigin::Client, NOW).unwrap();
    }
    let check = |partition: &Arc<Partition>, start: usize| {
        for wanted in NOW - 2..NOW + 120 {
            let expected = times.iter().enumerate().skip(start).find(|(_, time)| **time >= wanted);
            let found = partition.offset_for_timestamp(wanted).unwrap();
            let found = found.map(|found| (found.offset.0 as usize, found.timestamp));
            assert_eq!(found, expected.map(|(offset, time)| (offset, *time)), "{}", wanted - NOW);
        }
        let newest = *times.iter().max().unwrap();
        let first = times.iter().position(|time| *time == newest).unwrap();
        let found = partition.max_timestamp_offset().unwrap().unwrap();
        assert_eq!((found.offset.0 as usize, found.timestamp), (first, newest));
    };
    check(&partition, 0);
    partition.delete_records_before(Offset(7)).unwrap();
    check(&partition, 7);
    broker.logs.close().unwrap();
    let broker = broker.restart(Crash::Power);
    check(&broker.partition(&page()), 7);
    let broker = broker.restart(Crash::Process);
    check(&broker.partition(&page()), 7);
}

#[test]
fn a_time_that_only_unsynced_records_have_is_not_found() {
    let broker = Broker::new();
    let partition = broker.partition(&LogConfig::default());
    append(&partition, "synced");
    partition.flush().unwrap();
    partition.append(batch_of(NOW + 9, &[(None, Some("x"))]), AppendOrigin::Client, NOW).unwrap();
    assert_eq!(partition.offset_for_timestamp(NOW + 1).unwrap(), None);
    assert_eq!(partition.max_timestamp_offset().unwrap().unwrap().offset, Offset(0));
}

#[test]
fn the_epoch_rises_at_an_unclean_start_only() {
    let broker = Broker::new();
    let partition = broker.partition(&page());
    let first = partition.leader_epoch();
    append(&partition, "a");
    broker.logs.close().unwrap();
    let broker = broker.restart(Crash::Power);
    let partition = broker.partition(&page());
    assert_eq!(partition.leader_epoch(), first);
    append(&partition, "b");
    partition.flush().unwrap();
    let broker = broker.restart(Crash::Power);
    let partition = broker.partition(&page());
    let second = partition.leader_epoch();
    assert!(second > first);
    append(&partition, "c");
    assert_eq!(partition.end_offset_for_epoch(first), Some((first, Offset(2))));
    assert_eq!(partition.end_offset_for_epoch(second), Some((second, Offset(3))));
    let bytes = partition.read(Offset(2), 1000, ReadUpTo::LogEnd, true).unwrap().bytes().unwrap();
    assert_eq!(Batches::new(&bytes).next().unwrap().unwrap().header.leader_epoch, second);
}

#[test]
fn records_below_the_log_start_are_gone_for_good() {
    let broker = Broker::new();
    let partition = broker.partition(&page());
    for value in ["a", "b", "c"] {
        append(&partition, value);
    }
    assert_eq!(partition.delete_records_before(Offset(2)).unwrap(), Offset(2));
    assert_eq!(partition.delete_records_before(Offset(1)).unwrap(), Offset(2), "it never goes back");
    assert!(matches!(partition.delete_records_before(Offset(4)), Err(ReadError::OffsetOutOfRange { .. })));
    assert!(matches!(
        partition.read(Offset(1), 100, ReadUpTo::LogEnd, true),
        Err(ReadError::OffsetOutOfRange { start: Offset(2), end: Offset(3), .. })
    ));
    let broker = broker.restart(Crash::Power);
    assert_eq!(values(&broker.partition(&page()), ReadUpTo::LogEnd), ["c"]);
    let partition = broker.partition(&page());
    assert_eq!(partition.delete_records_before(Offset(-1)).unwrap(), Offset(3), "-1 is the high watermark");
}

fn is_ready(future: impl Future<Output = Result<(), AppendError>>) -> bool {
    let mut future = std::pin::pin!(future);
    matches!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(())))
}

#[test]
fn waiting_ends_when_the_high_watermark_has_passed() {
    let broker = Broker::new();
    let partition = broker.partition(&LogConfig::default());
    let waiter = Arc::new(Notify::new());
    partition.notify_on_advance(&waiter);
    let last = append(&partition, "a").last_offset;
    assert!(!is_ready(partition.wait_for(last)));
    assert!(
        !is_ready(async {
            waiter.notified().await;
            Ok(())
        }),
        "nothing was synced yet"
    );
    partition.flush().unwrap();
    assert!(is_ready(partition.wait_for(last)));
    assert!(is_ready(async {
        waiter.notified().await;
        Ok(())
    }));
    partition.notify_on_advance(&waiter);
    append(&partition, "b");
    broker.disk.break_sync(Some("topic-0"));
    assert!(partition.flush().is_err());
    assert!(
        is_ready(async {
            waiter.notified().await;
            Ok(())
        }),
        "going offline is news too"
    );
}

#[test]
fn a_read_ends_with_a_whole_batch_within_its_bound() {
    let broker = Broker::new();
    let partition = broker.partition(&LogConfig { segment_bytes: 1 << 20, ..page() });
    for value in 0..20 {
        append(&partition, &format!("value {value}"));
    }
    let one = partition.read(Offset(0), 0, ReadUpTo::LogEnd, true).unwrap().len();
    assert!(partition.read(Offset(0), one - 1, ReadUpTo::LogEnd, false).unwrap().is_empty());
    for max_bytes in [1, one, 2 * one, 5 * one, 100 * one] {
        let slice = partition.read(Offset(3), max_bytes, ReadUpTo::LogEnd, true).unwrap();
        let bytes = slice.bytes().unwrap();
        let batches = Batches::new(&bytes).count();
        assert!(batches == 1 || bytes.len() <= max_bytes);
        let lost_to_the_index = 150 + one;
        assert!(
            bytes.len() + lost_to_the_index >= max_bytes.min(17 * one),
            "{batches} batches of {max_bytes}"
        );
    }
}

#[test]
fn a_disk_that_hangs_while_a_time_is_looked_for_holds_up_no_append() {
    let broker = Broker::new();
    let partition = broker.partition(&page());
    for at in 0..30 {
        partition.append(compressed(&[NOW + at]), AppendOrigin::Client, NOW).unwrap();
    }
    partition.max_timestamp_offset().unwrap();
    broker.disk.hold_read(Some("/data"));
    let searched = Arc::clone(&partition);
    let search = std::thread::spawn(move || searched.offset_for_timestamp(NOW + 10).unwrap().unwrap().offset);
    while broker.disk.hung_reads() == 0 {
        std::thread::yield_now();
    }
    let (done, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let appended = partition.append(compressed(&[NOW + 30]), AppendOrigin::Client, NOW);
        let _ = done.send(appended.unwrap().base_offset);
    });
    // Without a limit the fault would be a test that does not end.
    let appended = told.recv_timeout(std::time::Duration::from_secs(60));
    broker.disk.hold_read(None);
    assert_eq!(appended, Ok(Offset(30)));
    assert_eq!(search.join().unwrap(), Offset(10));
}
