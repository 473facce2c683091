//! Writing a stream for people to read.

use std::fmt::Debug;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::dsl::{Element, KStream};
use crate::processor::{Context, Downstream, ProcessError, Record};
use crate::task::{Assembly, erase};
use crate::topology::{NodeId, NodeKind};

impl<K: Element, V: Element> KStream<K, V> {
    /// Writes each record as a line, `[label]: key, value`, to stdout or to a writer (Kafka's `print`). After a crash records
    /// are written again. What cannot be written is lost: a closed terminal stops no application.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::io::{Read, pipe};
    ///
    /// const IN: Topic<String, i64> = Topic::new("in");
    ///
    /// let (mut shown, writer) = pipe()?;
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).print(Printed::to(writer));
    /// builder.stream(IN).map_values(|n| n + 1).print(Printed::stdout().label("next"));
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send("a", 3)?;
    /// drop((driver, builder));
    /// let mut text = String::new();
    /// shown.read_to_string(&mut text)?;
    /// assert_eq!(text, "[KSTREAM-SOURCE-0000000000]: \"a\", 3\n");
    /// # Ok(()) }
    /// ```
    pub fn print(&self, printed: Printed<K, V>) {
        let Printed { writer, label, show, name } = printed;
        let graph = &mut *self.graph.borrow_mut();
        let generated = graph.generate("KSTREAM-PRINTER-");
        let factory = Arc::new(move |assembly: &mut Assembly<'_>, node| {
            let label = label.clone().unwrap_or_else(|| assembly.name_above(node).to_owned());
            erase(Printer { node, writer: Arc::clone(&writer), label, show: Arc::clone(&show) })
        });
        let node = graph.add(generated, NodeKind::Processor { factory }, &[self.node]);
        if let Some(name) = name {
            graph.rename(node, &name);
        }
    }
}

type Show<K, V> = Arc<dyn Fn(&K, &V) -> String + Send + Sync>;

type Shared = Arc<Mutex<dyn Write + Send>>;

/// Where and how [`KStream::print`] writes.
#[must_use = "it says how to print and does not do it"]
pub struct Printed<K, V> {
    /// Tasks on several threads share it; a line is written whole.
    writer: Shared,
    /// `None`: the name of the node that is printed.
    label: Option<String>,
    show: Show<K, V>,
    name: Option<String>,
}

impl<K: Debug, V: Debug> Printed<K, V> {
    /// To stdout.
    pub fn stdout() -> Self {
        Self::to(io::stdout())
    }

    /// To a writer, which tasks on several threads share. It is flushed after each line.
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        let show = Arc::new(|key: &K, value: &V| format!("{key:?}, {value:?}"));
        Self { writer: Arc::new(Mutex::new(writer)), label: None, show, name: None }
    }
}

impl<K, V> Printed<K, V> {
    /// What stands in brackets, instead of the name of the node that is printed (Kafka's `withLabel`).
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// What stands after the label, instead of key and value as `Debug` shows them (Kafka's `withKeyValueMapper`).
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// let prices = builder.stream(Topic::<String, i64>::new("prices"));
    /// prices.print(Printed::stdout().with(|item, cents| format!("{item} costs {cents} ct")));
    /// ```
    pub fn with(mut self, show: impl Fn(&K, &V) -> String + Send + Sync + 'static) -> Self {
        self.show = Arc::new(show);
        self
    }

    /// Names the node (Kafka's `withName`).
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

struct Printer<K, V> {
    node: NodeId,
    writer: Shared,
    label: String,
    show: Show<K, V>,
}

impl<K, V> Downstream<K, V> for Printer<K, V> {
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        let line = format!("[{}]: {}\n", self.label, (self.show)(&record.key, &record.value));
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writer.write_all(line.as_bytes()).and_then(|()| writer.flush());
        Ok(())
    }
}
