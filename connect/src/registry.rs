//! The connectors that a worker has.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use async_trait::async_trait;

use crate::about::About;
use crate::check::Finding;
use crate::connectors;
use crate::error::ConnectError;
use crate::options::{Definition, Fault, Given, Options};
use crate::sink::{Forget, Replay, Sink, SinkContext, SinkTask};
use crate::source::{Share, Source, SourceContext, SourceOffset, SourcePartition, SourceTask};

/// The connectors that a worker has: those built in, and what a program adds.
#[derive(Default)]
pub struct Registry {
    sources: Vec<Box<dyn AnySource>>,
    sinks: Vec<Box<dyn AnySink>>,
}

/// A source or a sink.
#[derive(Clone, Copy)]
pub enum Plugin<'a> {
    /// It reads records from somewhere.
    Source(&'a dyn AnySource),
    /// It writes records somewhere.
    Sink(&'a dyn AnySink),
}

impl Registry {
    /// None yet.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Those built in, a line each.
    #[must_use]
    pub fn built_in() -> Self {
        Self::empty()
            .source::<connectors::datagen::Datagen>()
            .source::<connectors::exec::ExecSource>()
            .source::<connectors::file_source::FileSource>()
            .source::<connectors::http::HttpPollSource>()
            .source::<connectors::http::WebhookSource>()
            .source::<connectors::postgres::PostgresSource>()
            .source::<connectors::prometheus::PrometheusSource>()
            .source::<connectors::prometheus::RemoteWriteSource>()
            .source::<connectors::stdio::StdinSource>()
            .source::<connectors::syslog::SyslogSource>()
            .sink::<connectors::elasticsearch::ElasticsearchSink>()
            .sink::<connectors::exec::ExecSink>()
            .sink::<connectors::file_sink::FileSink>()
            .sink::<connectors::http::HttpSink>()
            .sink::<connectors::postgres::PostgresSink>()
            .sink::<connectors::prometheus::RemoteWriteSink>()
            .sink::<connectors::stdio::StdoutSink>()
    }

    /// The same with a source more.
    #[must_use]
    pub fn source<S: Source>(mut self) -> Self {
        self.sources.push(Box::new(Typed::<S>(PhantomData)));
        self
    }

    /// The same with a sink more.
    #[must_use]
    pub fn sink<S: Sink>(mut self) -> Self {
        self.sinks.push(Box::new(Typed::<S>(PhantomData)));
        self
    }

    /// All of them, sources first.
    pub fn all(&self) -> impl Iterator<Item = Plugin<'_>> {
        let sources = self.sources.iter().map(|source| Plugin::Source(&**source));
        sources.chain(self.sinks.iter().map(|sink| Plugin::Sink(&**sink)))
    }

    /// The connector of a name, as `connector.class` has it.
    ///
    /// # Errors
    /// There is none; the fault names those whose names are alike.
    pub fn find(&self, class: &str) -> Result<Plugin<'_>, Fault> {
        self.all().find(|plugin| plugin.about().is_called(class)).ok_or_else(|| {
            let mut named: Vec<_> = self.all().map(|plugin| plugin.about().nearest(class)).collect();
            named.sort_by(|(a, _), (b, _)| b.total_cmp(a));
            let names: Vec<String> = named.into_iter().take(3).map(|(_, name)| name).collect();
            let why = format!("there is no such connector; the nearest are: {}", names.join(", "));
            Fault::invalid("connector.class", class, &why)
        })
    }
}

impl Plugin<'_> {
    /// What it is called.
    #[must_use]
    pub fn about(&self) -> &'static About {
        match self {
            Self::Source(source) => source.about(),
            Self::Sink(sink) => sink.about(),
        }
    }

    /// What can be said to it.
    #[must_use]
    pub fn definitions(&self) -> Vec<Definition> {
        match self {
            Self::Source(source) => source.definitions(),
            Self::Sink(sink) => sink.definitions(),
        }
    }

    /// What is wrong with a configuration.
    #[must_use]
    pub fn faults(&self, config: &BTreeMap<String, String>) -> Vec<Fault> {
        match self {
            Self::Source(source) => source.faults(config),
            Self::Sink(sink) => sink.faults(config),
        }
    }

    /// Looks at the other side.
    ///
    /// # Errors
    /// The configuration cannot be.
    pub async fn check(&self, config: &BTreeMap<String, String>) -> Result<Vec<Finding>, ConnectError> {
        match self {
            Self::Source(source) => source.check(config).await,
            Self::Sink(sink) => sink.check(config).await,
        }
    }
}

/// A [`Source`] whose options are text still.
#[async_trait]
pub trait AnySource: Send + Sync {
    /// What it is called.
    fn about(&self) -> &'static About;

    /// What can be said to it.
    fn definitions(&self) -> Vec<Definition>;

    /// What is wrong with a configuration.
    fn faults(&self, config: &BTreeMap<String, String>) -> Vec<Fault>;

    /// As [`Source::check`].
    async fn check(&self, config: &BTreeMap<String, String>) -> Result<Vec<Finding>, ConnectError>;

    /// As [`Source::split`].
    async fn split(&self, config: &BTreeMap<String, String>, max: usize) -> Result<Vec<Share>, ConnectError>;

    /// As [`Source::check_position`], for all that are set at once; `stored` is what the connector has now.
    fn check_positions(
        &self,
        config: &BTreeMap<String, String>,
        set: &[(SourcePartition, Option<SourceOffset>)],
        stored: Vec<(SourcePartition, SourceOffset)>,
    ) -> Result<(), ConnectError>;

    /// As [`Source::open`].
    async fn open(
        &self,
        config: &BTreeMap<String, String>,
        context: SourceContext,
    ) -> Result<Box<dyn SourceTask>, ConnectError>;
}

/// A [`Sink`] whose options are text still.
#[async_trait]
pub trait AnySink: Send + Sync {
    /// What it is called.
    fn about(&self) -> &'static About;

    /// As [`Sink::REPLAY`].
    fn replay(&self) -> Replay;

    /// What can be said to it.
    fn definitions(&self) -> Vec<Definition>;

    /// What is wrong with a configuration.
    fn faults(&self, config: &BTreeMap<String, String>) -> Vec<Fault>;

    /// As [`Sink::check`].
    async fn check(&self, config: &BTreeMap<String, String>) -> Result<Vec<Finding>, ConnectError>;

    /// As [`Sink::forget_offsets`].
    async fn forget_offsets(
        &self,
        config: &BTreeMap<String, String>,
        connector: &str,
        of: &Forget,
    ) -> Result<(), ConnectError>;

    /// As [`Sink::open`].
    async fn open(
        &self,
        config: &BTreeMap<String, String>,
        context: SinkContext,
    ) -> Result<Box<dyn SinkTask>, ConnectError>;
}

struct Typed<T>(PhantomData<fn() -> T>);

fn read<O: Options>(config: &BTreeMap<String, String>) -> Result<O, ConnectError> {
    O::read(&Given::new(config)).map_err(ConnectError::Options)
}

fn faults<O: Options>(config: &BTreeMap<String, String>) -> Vec<Fault> {
    O::read(&Given::new(config)).err().unwrap_or_default()
}

#[async_trait]
impl<S: Source> AnySource for Typed<S> {
    fn about(&self) -> &'static About {
        &S::ABOUT
    }

    fn definitions(&self) -> Vec<Definition> {
        S::Options::definitions()
    }

    fn faults(&self, config: &BTreeMap<String, String>) -> Vec<Fault> {
        faults::<S::Options>(config)
    }

    async fn check(&self, config: &BTreeMap<String, String>) -> Result<Vec<Finding>, ConnectError> {
        Ok(S::check(&read(config)?).await)
    }

    async fn split(&self, config: &BTreeMap<String, String>, max: usize) -> Result<Vec<Share>, ConnectError> {
        S::split(&read(config)?, max).await
    }

    fn check_positions(
        &self,
        config: &BTreeMap<String, String>,
        set: &[(SourcePartition, Option<SourceOffset>)],
        stored: Vec<(SourcePartition, SourceOffset)>,
    ) -> Result<(), ConnectError> {
        let options = read(config)?;
        if !S::KEEPS_POSITIONS && set.iter().any(|(_, offset)| offset.is_some()) {
            let why = "Offsets cannot be set: this source keeps none, and begins each time with what comes then. What is stored can \
                       be deleted: \"offset\": null";
            return Err(ConnectError::Refused(why.to_owned()));
        }
        let stored = SourceContext { positions: stored, ..SourceContext::default() };
        set.iter().filter_map(|(partition, offset)| Some((partition, offset.as_ref()?))).try_for_each(
            |(partition, offset)| {
                let checked = S::check_position(&options, partition, offset, stored.position(partition));
                checked.map_err(ConnectError::Refused)
            },
        )
    }

    async fn open(
        &self,
        config: &BTreeMap<String, String>,
        context: SourceContext,
    ) -> Result<Box<dyn SourceTask>, ConnectError> {
        S::open(read(config)?, context).await
    }
}

#[async_trait]
impl<S: Sink> AnySink for Typed<S> {
    fn about(&self) -> &'static About {
        &S::ABOUT
    }

    fn replay(&self) -> Replay {
        S::REPLAY
    }

    fn definitions(&self) -> Vec<Definition> {
        S::Options::definitions()
    }

    fn faults(&self, config: &BTreeMap<String, String>) -> Vec<Fault> {
        faults::<S::Options>(config)
    }

    async fn check(&self, config: &BTreeMap<String, String>) -> Result<Vec<Finding>, ConnectError> {
        Ok(S::check(&read(config)?).await)
    }

    async fn forget_offsets(
        &self,
        config: &BTreeMap<String, String>,
        connector: &str,
        of: &Forget,
    ) -> Result<(), ConnectError> {
        S::forget_offsets(&read(config)?, connector, of).await
    }

    async fn open(
        &self,
        config: &BTreeMap<String, String>,
        context: SinkContext,
    ) -> Result<Box<dyn SinkTask>, ConnectError> {
        S::open(read(config)?, context).await
    }
}
