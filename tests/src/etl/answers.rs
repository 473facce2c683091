use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Stack;
use crate::daemon::{encoded, get};

/// Requests of each service, and those of them that failed.
pub type Counts = BTreeMap<String, (u64, u64)>;

/// How far back the series are looked at: longer than the log.
const SERIES_SINCE: &str = "120h";

/// One question, answered by all who should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// Who answers, in the order of the table.
    pub by: Vec<(&'static str, Counts)>,
}

impl Answers {
    /// Asks everybody.
    pub fn ask(stack: &Stack) -> Result<Self> {
        let by = vec![
            ("live state", live(stack).context("asking the live state")?),
            ("VictoriaMetrics", series(stack).context("asking VictoriaMetrics")?),
            ("OpenSearch", documents(stack).context("asking OpenSearch")?),
            ("Postgres", rows(stack).context("asking Postgres")?),
            ("recount", recount(stack).context("recounting the log")?),
        ];
        Ok(Self { by })
    }

    /// How many documents there are.
    ///
    /// # Errors
    /// There is no index yet, or nobody to ask.
    pub fn documents(stack: &Stack) -> Result<u64> {
        get(stack.opensearch(), "/requests/_refresh")?;
        number(&json(&get(stack.opensearch(), "/requests/_count")?)?["count"])
    }

    /// What one of them says.
    pub fn of(&self, who: &str) -> Option<&Counts> {
        self.by.iter().find(|(name, _)| *name == who).map(|(_, counts)| counts)
    }

    /// Whether all say the same.
    pub fn agree(&self) -> bool {
        self.by.windows(2).all(|pair| pair[0].1 == pair[1].1)
    }

    /// A line a service, a column for whoever answers.
    pub fn table(&self) -> String {
        let mut table = format!("{:<12}", "service");
        self.by.iter().for_each(|(who, _)| table += &format!("{who:>18}"));
        let services: std::collections::BTreeSet<&String> =
            self.by.iter().flat_map(|(_, counts)| counts.keys()).collect();
        for service in services {
            table += &format!("\n{service:<12}");
            for (_, counts) in &self.by {
                let shown = counts
                    .get(service)
                    .map_or_else(|| "-".to_owned(), |(all, failed)| format!("{all} ({failed})"));
                table += &format!("{shown:>18}");
            }
        }
        table += &format!("\n{:<12}", "all");
        for (_, counts) in &self.by {
            let (all, failed) =
                counts.values().fold((0, 0), |(all, failed), count| (all + count.0, failed + count.1));
            table += &format!("{:>18}", format!("{all} ({failed})"));
        }
        table
    }
}

fn recount(stack: &Stack) -> Result<Counts> {
    Ok(serde_json::from_value(stack.recount(&[])?)?)
}

fn json(text: &str) -> Result<Value> {
    serde_json::from_str(text).with_context(|| text.to_owned())
}

fn number(value: &Value) -> Result<u64> {
    value
        .as_u64()
        .or_else(|| value.as_f64().map(|number| number as u64))
        .with_context(|| format!("no number: {value}"))
}

/// What the running topology knows.
pub fn live(stack: &Stack) -> Result<Counts> {
    let told = json(&get(stack.app(), "/stores/health?limit=1000")?)?;
    let entries = told["entries"].as_array().context("no entries")?;
    let count = |entry: &Value| {
        let service = entry["key"].as_str().context("no service")?.to_owned();
        Ok((service, (number(&entry["value"]["requests"])?, number(&entry["value"]["failed"])?)))
    };
    entries.iter().map(count).collect()
}

fn series(stack: &Stack) -> Result<Counts> {
    let all = sum_of_series(stack, "")?;
    let failed = sum_of_series(stack, "status=~\"5..\"")?;
    Ok(all
        .into_iter()
        .map(|(service, all)| {
            let failed = failed.get(&service).copied().unwrap_or(0);
            (service, (all, failed))
        })
        .collect())
}

fn sum_of_series(stack: &Stack, matching: &str) -> Result<BTreeMap<String, u64>> {
    let query =
        format!("sum by (service) (sum_over_time(requests_per_minute{{{matching}}}[{SERIES_SINCE}]))");
    let told = json(&get(stack.victoria(), &format!("/api/v1/query?query={}", encoded(&query)))?)?;
    let result = told["data"]["result"].as_array().context("no result")?;
    let sum = |series: &Value| {
        let service = series["metric"]["service"].as_str().context("no service")?.to_owned();
        let value = series["value"][1].as_str().context("no value")?;
        Ok((service, value.parse::<f64>()? as u64))
    };
    result.iter().map(sum).collect()
}

fn documents(stack: &Stack) -> Result<Counts> {
    const SEARCH: &str = r#"{"size":0,"aggs":{"services":{"terms":{"field":"service.keyword","size":1000},"aggs":{"failed":{"filter":{"range":{"status":{"gte":500}}}}}}}}"#;
    get(stack.opensearch(), "/requests/_refresh")?;
    let path = format!("/requests/_search?source_content_type=application/json&source={}", encoded(SEARCH));
    let told = json(&get(stack.opensearch(), &path)?)?;
    let buckets = told["aggregations"]["services"]["buckets"].as_array().context("no buckets")?;
    let count = |bucket: &Value| {
        let service = bucket["key"].as_str().context("no service")?.to_owned();
        Ok((service, (number(&bucket["doc_count"])?, number(&bucket["failed"]["doc_count"])?)))
    };
    buckets.iter().map(count).collect()
}

fn rows(stack: &Stack) -> Result<Counts> {
    let query = "SELECT service, sum(requests), coalesce(sum(requests) FILTER (WHERE status >= 500), 0) FROM requests_per_minute GROUP BY service";
    let count = |row: String| {
        let mut cells = row.split('|').map(str::to_owned);
        let mut next = || cells.next().context("a cell is missing");
        Ok((next()?, (next()?.parse()?, next()?.parse()?)))
    };
    stack.sql(query)?.into_iter().map(count).collect()
}
