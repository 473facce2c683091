//! One stream as several: each record goes to the first branch that wants it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::dsl::{Element, KStream, SharedGraph};
use crate::processor::{Context, Downstream, ProcessError, Record};
use crate::task::{Assembly, erase, pass};
use crate::topology::{Changes, NodeId, NodeKind};

type Predicate<K, V> = Arc<dyn Fn(&K, &V) -> bool + Send + Sync>;

impl<K: Element, V: Element> KStream<K, V> {
    /// Splits the stream into branches (Kafka's `split`). A record goes to the first branch whose predicate holds, else to the
    /// [`rest`](Split::rest) if there is one, else nowhere.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, i64> = Topic::new("in");
    /// const SMALL: Topic<String, i64> = Topic::new("small");
    /// const LARGE: Topic<String, i64> = Topic::new("large");
    ///
    /// let builder = StreamsBuilder::new();
    /// let split = builder.stream(IN).split();
    /// split.branch(|_, n| *n < 10).to(SMALL);
    /// split.rest().to(LARGE);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send("a", 1)?;
    /// driver.input(IN).send("b", 10)?;
    /// assert_eq!(driver.output(SMALL).drain(), [record("a", 1)]);
    /// assert_eq!(driver.output(LARGE).drain(), [record("b", 10)]);
    /// # Ok(()) }
    /// ```
    pub fn split(&self) -> Split<K, V> {
        let graph = &mut *self.graph.borrow_mut();
        let name = graph.generate("KSTREAM-BRANCH-");
        let branches = RefCell::default();
        let node =
            graph.add(name, NodeKind::Processor { factory: splitter::<K, V>(&branches) }, &[self.node]);
        graph.pass_serdes(self.node, node, Changes::Nothing);
        Split { graph: self.graph.clone(), node, rekeyed: self.rekeyed, branches }
    }
}

/// A stream that is being split: made by [`KStream::split`].
#[must_use = "a split drops every record until it has branches"]
pub struct Split<K, V> {
    graph: SharedGraph,
    node: NodeId,
    rekeyed: bool,
    /// In the order in which they are asked.
    branches: RefCell<Vec<Branch<K, V>>>,
}

struct Branch<K, V> {
    /// `None` takes every record.
    wants: Option<Predicate<K, V>>,
    child: NodeId,
}

impl<K: Element, V: Element> Split<K, V> {
    /// Names the node that splits; the branches made from then on are named after it.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// let split = builder.stream(Topic::<String, i64>::new("in")).split().named("by-size-");
    /// split.branch(|_, n| *n < 10).named("small").for_each(|_, _| {});
    /// split.rest().for_each(|_, _| {});
    /// let text = builder.build()?.describe().to_string();
    /// assert!(text.contains("Processor: by-size-small") && text.contains("Processor: by-size-0"));
    /// # Ok(()) }
    /// ```
    pub fn named(self, name: &str) -> Self {
        self.graph.borrow_mut().rename(self.node, name);
        self
    }

    /// The records that this predicate holds for, of those that no branch before has taken. A name given to the branch
    /// follows the name of the split, as in Kafka's `Branched.as`.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, i64> = Topic::new("in");
    /// const EVEN: Topic<String, i64> = Topic::new("even");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).split().branch(|_, n| n % 2 == 0).to(EVEN);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send("a", 1)?;
    /// driver.input(IN).send("a", 2)?;
    /// assert_eq!(driver.output(EVEN).drain(), [record("a", 2)]);
    /// # Ok(()) }
    /// ```
    pub fn branch(&self, wants: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> KStream<K, V> {
        let number = self.branches.borrow().len() + 1;
        self.add(Some(Arc::new(wants)), number)
    }

    /// The records that no branch has taken (Kafka's `defaultBranch`).
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, i64> = Topic::new("in");
    /// const ODD: Topic<String, i64> = Topic::new("odd");
    ///
    /// let builder = StreamsBuilder::new();
    /// let split = builder.stream(IN).split();
    /// split.branch(|_, n| n % 2 == 0).for_each(|_, _| {});
    /// split.rest().to(ODD);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send("a", 1)?;
    /// driver.input(IN).send("a", 2)?;
    /// assert_eq!(driver.output(ODD).drain(), [record("a", 1)]);
    /// # Ok(()) }
    /// ```
    pub fn rest(self) -> KStream<K, V> {
        self.add(None, 0)
    }

    fn add(&self, wants: Option<Predicate<K, V>>, number: usize) -> KStream<K, V> {
        let graph = &mut *self.graph.borrow_mut();
        // A branch takes a number, though its name is made of the split's.
        let _ = graph.generate("");
        let name = format!("{}{number}", graph.node(self.node).name);
        let child = graph.add(name, NodeKind::Processor { factory: pass::<K, V>() }, &[self.node]);
        graph.name_after_parent(child);
        graph.pass_serdes(self.node, child, Changes::Nothing);
        self.branches.borrow_mut().push(Branch { wants, child });
        graph.node_mut(self.node).kind = NodeKind::Processor { factory: splitter(&self.branches) };
        KStream::new(self.graph.clone(), child, self.rekeyed)
    }
}

impl<K, V> Clone for Branch<K, V> {
    fn clone(&self) -> Self {
        Self { wants: self.wants.clone(), child: self.child }
    }
}

/// Makes the node for the branches that there are so far.
fn splitter<K: Element, V: Element>(
    branches: &RefCell<Vec<Branch<K, V>>>,
) -> crate::topology::ProcessorFactory {
    let branches = branches.borrow().clone();
    Arc::new(move |assembly: &mut Assembly<'_>, node| {
        let below = |branch: &Branch<K, V>| (branch.wants.clone(), assembly.child(branch.child));
        erase(Splitter { node, branches: branches.iter().map(below).collect() })
    })
}

/// A branch's predicate and the node that is its stream.
type Way<K, V> = (Option<Predicate<K, V>>, Rc<dyn Downstream<K, V>>);

struct Splitter<K, V> {
    node: NodeId,
    branches: Vec<Way<K, V>>,
}

impl<K, V> Downstream<K, V> for Splitter<K, V> {
    fn process(&self, record: Record<K, V>, cx: &mut Context<'_>) -> Result<(), ProcessError> {
        cx.enter(self.node);
        let wanted =
            |(wants, _): &&Way<K, V>| wants.as_ref().is_none_or(|wants| wants(&record.key, &record.value));
        match self.branches.iter().find(wanted) {
            Some((_, below)) => below.process(record, cx),
            None => Ok(()),
        }
    }
}
