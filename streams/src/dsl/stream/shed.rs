//! Putting records aside when there are more than can be read.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::dsl::{Element, KStream, Topic, sink};
use crate::errors;
use crate::processing::{Attended, Punctuation};
use crate::processor::{Context, Downstream, Headers, Load, ProcessError, Record};
use crate::task::{Assembly, erase};
use crate::topology::{Changes, NodeId, NodeKind};
use crate::window::to_millis;

/// When a task has more than it can read: it is this far behind, or so many records wait. What it begins with at a bound it ends
/// at a share of it, half unless [`until`](Self::until) says otherwise, so that it does not go to and fro.
///
/// ```
/// use millstream::prelude::*;
///
/// const BUSY: Overload = Overload::behind(secs(60)).or_backlog(1_000_000).until(0.1);
/// # let _ = BUSY;
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use = "it says when and does nothing"]
pub struct Overload {
    behind_ms: Option<i64>,
    backlog: Option<u64>,
    until: f64,
}

impl Overload {
    const NEVER: Self = Self { behind_ms: None, backlog: None, until: 0.5 };

    /// The times of the records that a task reads are this far behind the clock while more of them wait. Records that are late
    /// when they come, of a log that is sent once a minute, look the same: take a bound beyond that.
    pub const fn behind(by: Duration) -> Self {
        Self::NEVER.or_behind(by)
    }

    /// So many records wait for a task, here and on the broker.
    pub const fn backlog(records: u64) -> Self {
        Self::NEVER.or_backlog(records)
    }

    /// Also when a task is this far behind.
    pub const fn or_behind(self, by: Duration) -> Self {
        Self { behind_ms: Some(to_millis(by)), ..self }
    }

    /// Also when so many records wait.
    pub const fn or_backlog(self, records: u64) -> Self {
        Self { backlog: Some(records), ..self }
    }

    /// Ends it when all that was given is below this share of its bound, 0 to 1.
    pub const fn until(self, share: f64) -> Self {
        Self { until: share.clamp(0.0, 1.0), ..self }
    }

    /// Whether it is so, for a task that sheds already or does not.
    fn is_met(&self, load: Load, sheds: bool) -> bool {
        let share = if sheds { self.until } else { 1.0 };
        let reached = |value: f64, bound: f64| value > 0.0 && value >= bound * share;
        // What there is has been read: however old it is, nothing waits.
        let behind_ms = if load.backlog == Some(0) { 0 } else { load.behind_ms };
        self.behind_ms.is_some_and(|bound| reached(behind_ms as f64, bound as f64))
            || self.backlog.is_some_and(|bound| reached(load.backlog.unwrap_or(0) as f64, bound as f64))
    }
}

impl<K: Element, V: Element> KStream<K, V> {
    /// Under overload puts aside the records for which `may_go` is true: they go to a topic instead of on, in their order, and the
    /// others go on alone. What is put aside is acknowledged before its offset is committed, as everything else is, so that it can
    /// be worked off later. While there is no overload every record goes on, and `may_go` is not asked.
    ///
    /// Behind the record's own headers stand those of a dead letter ([`errors::EXCEPTION`](crate::errors::EXCEPTION) and the
    /// others): `millstream::Shed`, how far the task was behind, and topic, partition and offset where the record was read.
    /// [`TaskMetrics::shed`](crate::metrics::TaskMetrics::shed) counts them.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const LOG: Topic<Option<String>, String> = Topic::new("log");
    /// const LATER: Topic<Option<String>, String> = Topic::new("later");
    /// const OUT: Topic<Option<String>, String> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// let busy = Overload::behind(secs(60)).or_backlog(100_000);
    /// builder.stream(LOG).shed(busy, |_, line| line.starts_with("DEBUG"), LATER).to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.set_backlog(200_000);
    /// driver.input(LOG).send_value("DEBUG one")?;
    /// driver.input(LOG).send_value("ERROR two")?;
    /// driver.set_backlog(10_000);
    /// driver.input(LOG).send_value("DEBUG three")?;
    /// let later = driver.output(LATER).drain();
    /// assert_eq!(later[0].value, "DEBUG one");
    /// assert_eq!(driver.output(OUT).drain().len(), 2);
    /// # Ok(()) }
    /// ```
    pub fn shed(
        &self,
        when: Overload,
        may_go: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
        to: Topic<K, V>,
    ) -> Self {
        let may_go = Arc::new(may_go);
        let factory = Arc::new(move |assembly: &mut Assembly<'_>, id| {
            // The sink is made right after the node, so before whatever else stands below it.
            let aside = assembly.children(id).first().copied();
            let node = Rc::new(Shed {
                node: id,
                name: assembly.name(id).to_owned(),
                when,
                sheds: Cell::new(false),
                may_go: Arc::clone(&may_go),
                aside: aside.map(|aside| assembly.child::<K, V>(aside)),
                below: assembly.downstream_without(id, aside),
            });
            assembly.attends(id, Rc::clone(&node) as Rc<dyn Attended>);
            erase::<K, V>(node)
        });
        let graph = &mut *self.graph.borrow_mut();
        let name = graph.generate("KSTREAM-SHED-");
        let node = graph.add(name, NodeKind::Processor { factory }, &[self.node]);
        graph.pass_serdes(self.node, node, Changes::Nothing);
        let name = graph.generate("KSTREAM-SINK-");
        sink::add(graph, name, &[node], to.topic_name(), to.key, to.value);
        Self::new(self.graph.clone(), node, self.rekeyed)
    }
}

struct Shed<K, V, F> {
    node: NodeId,
    name: String,
    when: Overload,
    sheds: Cell<bool>,
    may_go: Arc<F>,
    /// The sink; always there.
    aside: Option<Rc<dyn Downstream<K, V>>>,
    below: Rc<dyn Downstream<K, V>>,
}

impl<K, V, F> Shed<K, V, F> {
    fn look(&self, load: Load, cx: &Context<'_>) -> bool {
        let (before, now) = (self.sheds.get(), self.when.is_met(load, self.sheds.get()));
        if before != now {
            let (task, node, what) = (cx.state.task, &self.name, if now { "begins" } else { "ends" });
            tracing::warn!(%task, node, behind_ms = load.behind_ms, backlog = load.backlog, "shedding {what}");
            self.sheds.set(now);
        }
        now
    }

    fn headers(&self, mut headers: Headers, load: Load, cx: &Context<'_>) -> Headers {
        let waiting = load.backlog.map_or_else(String::new, |records| format!(", {records} records wait"));
        let message = format!("put aside under overload: {} ms behind{waiting}", load.behind_ms);
        let place = cx.place();
        let (topic, partition, offset) = match place {
            Some((topic, partition, offset)) => (Some(topic), partition, offset),
            None => (None, -1, -1),
        };
        let trace = format!("task {}, node {}: {message}", cx.state.task, self.name);
        for (name, text) in [
            (errors::EXCEPTION, Some("millstream::Shed".to_owned())),
            (errors::MESSAGE, Some(message)),
            (errors::STACKTRACE, Some(trace)),
            (errors::TOPIC, topic),
            (errors::PARTITION, Some(partition.to_string())),
            (errors::OFFSET, Some(offset.to_string())),
        ] {
            headers.push(name, text.map(String::into_bytes));
        }
        headers
    }
}

impl<K, V, F: Fn(&K, &V) -> bool> Downstream<K, V> for Rc<Shed<K, V, F>> {
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        let load = cx.load();
        match &self.aside {
            Some(aside) if self.look(load, cx) && (self.may_go)(&record.key, &record.value) => {
                let headers = self.headers(record.headers, load, cx);
                aside.process(Record { headers, ..record }, cx)?;
                cx.state.shed += 1;
                Ok(())
            }
            _ => self.below.process(record, cx),
        }
    }
}

/// Has the task be told of its load; else nobody looks.
impl<K, V, F> Attended for Shed<K, V, F> {
    fn init(&self, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.state.watches_load = true;
        Ok(())
    }

    fn punctuate(&self, _at: Punctuation, _cx: &mut Context<'_>) -> Result<(), ProcessError> {
        Ok(())
    }

    fn close(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::secs;

    fn load(behind_s: i64, backlog: impl Into<Option<u64>>) -> Load {
        Load { behind_ms: behind_s * 1_000, backlog: backlog.into() }
    }

    #[test]
    fn what_begins_at_a_bound_ends_at_a_share_of_it() {
        let overload = Overload::behind(secs(60)).or_backlog(1_000).until(0.2);
        for (met, now, sheds) in [
            (false, load(59, 999), false),
            (true, load(60, 1), false),
            (true, load(0, 1_000), false),
            (true, load(12, 1), true),
            (true, load(0, 200), true),
            (false, load(11, 199), true),
            (false, load(3_600, 0), true),
            (true, load(60, None), false),
        ] {
            assert_eq!(overload.is_met(now, sheds), met, "{now:?}, {sheds}");
        }
        assert!(!Overload::backlog(5).is_met(load(3_600, 4), false));
        assert!(!Overload::behind(secs(60)).until(0.0).is_met(load(0, 9), true), "it ends at last");
    }
}
