//! What becomes of records that fail.
//!
//! A record fails when its bytes are not of its topic's types, when a closure panics on it, when a processor returns an error,
//! or when a topic does not take what was made of it. Without a word from the program its task stops there, the record is not
//! committed, and the error names topic, partition, offset and node. A *policy* says otherwise: a closure that is shown what
//! [failed](Failed) and answers with an [`Action`].
//!
//! ```
//! # use millstream::prelude::*;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! const ORDERS: Topic<String, i64> = Topic::new("orders");
//! const SHARES: Topic<String, i64> = Topic::new("shares");
//! const DEAD: Topic<String, String> = Topic::new("dead-orders");
//!
//! let builder = StreamsBuilder::new();
//! builder.stream(ORDERS).map_values(|people| 100 / people).to(SHARES);
//!
//! // As `Streams::builder(topology).on_error(...).dead_letters("dead-orders")` of an application.
//! let topology = builder.build()?;
//! let mut driver = TestDriver::builder(&topology)
//!     .on_error(|failed| if failed.is_decode() { Action::DeadLetter } else { Action::Skip })
//!     .dead_letters("dead-orders")
//!     .build()?;
//! driver.input(ORDERS).send("a", 0)?;
//! driver.input(Topic::<String, String>::new("orders")).send("b", "four")?;
//! driver.input(ORDERS).send("c", 4)?;
//!
//! assert_eq!(driver.output(SHARES).drain(), [record("c", 25)]);
//! assert_eq!(driver.output(DEAD).next_record().map(|dead| dead.value), Some("four".to_owned()));
//! # Ok(()) }
//! ```
//!
//! # Who decides
//!
//! The node at which the record failed, if it was given a policy: `on_error` of a [stream](crate::KStream::on_error), a
//! [table](crate::KTable::on_error), a [sink](crate::dsl::Sink::on_error), a [source](crate::dsl::Consumed::on_error). Else the
//! application: [`on_error`](crate::runtime::AppBuilder::on_error), or Kafka's `deserialization.exception.handler`,
//! `processing.exception.handler` and `production.exception.handler` for one [`Stage`] each. They take the names of Kafka's
//! classes, with or without their package, and the words `fail`, `skip`, `dead-letter` and `retry`. As in Kafka,
//! `LogAndContinue…` sends dead letters if there is a topic for them.
//!
//! Nobody is asked where going on would do harm: when a store cannot be read or written, or an update does not reach its
//! changelog. Those stop the task, always. (Kafka's processing handler is shown failures of stores too.)
//!
//! # Where the task goes on
//!
//! Behind the node that failed, as in Kafka Streams (KIP-1033): what the nodes above have done stays done, what they have still
//! to do is done. If one of three words of a line fails further down, the two others pass; if one of two branches fails, the
//! other has its record. An aggregate whose closure failed is what it was before. What a *processor* has put into its stores or
//! forwarded before it failed stays, and so do its own fields: a processor that is to survive a panic leaves them in order.
//!
//! Updates of a table wait in its cache, so what is below it may fail long after the record. Such an update is a record like
//! others to a policy, with the offset of the last record that it stands for; the bytes in its dead letter are those of the
//! table's entry. (Kafka keeps the record's bytes beside the entry for this.) A punctuation that fails ends; it is called again
//! when it is due.
//!
//! # Retries
//!
//! [`Action::Retry`] reads the record again from its source, with [pauses](Retries) in between that hold up its task alone: its
//! thread goes on with others, and stays in the group. What the first attempt did before it failed is done again, as after a
//! crash. After [ten attempts](Retries::up_to) it means [`Action::Fail`]; a policy that looks at [`Failed::attempt`] can do
//! better. What is not being read, a punctuation or a flush, cannot be read again: there too it means `Fail`.
//!
//! # What a topic refuses
//!
//! A record without bytes fails at its sink, while the record that it was made of is at hand. A broker's refusal comes later, for
//! a whole batch in which the records of many others lie: then a policy sees the record that was to be written, as
//! [`Failed::value`], and neither task nor offset; that is also what its dead letter has. The producer has already tried for
//! `delivery.timeout.ms`, so [`Action::Retry`] means `Fail`; [`Failed::is_retriable`] says whether the cluster was the problem.
//! Without a policy a cluster that was away stops nobody: the thread begins anew at its last commit.
//! Repartition topics are topics like others, changelogs are not: what they refuse stops the application.
//!
//! An [outlet](crate::outlet) too refuses a record long after it came, but knows which one: a policy sees it as it was to be written,
//! with its task and, unless it waited in a cache, its place. The outlet has tried for as long as it may, so here too
//! [`Action::Retry`] means `Fail`.
//!
//! # Dead letters
//!
//! A dead letter is the record as it was read: key, value, headers, and behind those the six headers of Kafka
//! (KIP-1034), [`EXCEPTION`] to [`OFFSET`], all of them text; at the time that it had at the node. It is sent by the producer that sends everything else, so it is
//! acknowledged before the offset of its record is committed. A punctuation has no record: key and value are null, the topic too,
//! partition and offset are -1.
//!
//! The topic is the program's to make; the start fails if it is not there, rather than the first bad record. Unlike Kafka
//! Streams a task that is told to [`Fail`](Action::Fail) sends no dead letter: it will read the record again.
//!
//! A node whose letters are to go elsewhere says [`Action::DeadLetterTo`].
//!
//! # Tables
//!
//! The table of a topic that is rebuilt from that topic ([`Optimization`](crate::topology::Optimization)) takes its bytes as they
//! are, as in Kafka Streams. A record that was skipped because it does not decode is in such a store after a restore, and stops
//! the task when its key is next read: where that may happen, leave the table its changelog.
//!
//! Global tables write no topic. A record that fails there is skipped where it was to be a dead letter, and not tried again.
//!
//! # Counts
//!
//! [`Metrics::errors`](crate::runtime::Metrics::errors) has a [row](NodeErrors) for each node of each task at which something
//! has failed.

mod action;
mod counters;
pub(crate) mod dead_letter;
mod failed;
mod origin;
mod policies;
mod settle;

pub use action::{Action, Stage};
pub(crate) use counters::ErrorCounters;
pub use counters::NodeErrors;
pub use dead_letter::{EXCEPTION, MESSAGE, OFFSET, PARTITION, STACKTRACE, TOPIC};
pub(crate) use failed::Bytes;
pub use failed::Failed;
pub(crate) use origin::{LendEntry, Origin};
pub use policies::Retries;
pub(crate) use policies::{Policies, Policy};
pub(crate) use settle::{Settled, TaskErrors, guard};
