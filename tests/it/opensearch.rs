//! The search server that the Elasticsearch sink is tested on answers as the sink expects it to.

use anyhow::{Context, Result};
use millstream_tests::opensearch::OpenSearch;

#[test]
fn a_node_starts_and_says_which_it_is() -> Result<()> {
    let Some(node) = OpenSearch::start(&[])? else { return Ok(()) };
    let version = node.get("/")?["version"].clone();
    assert_eq!(version["distribution"], "opensearch");
    let number = version["number"].as_str().context("no version")?;
    assert_eq!(number.starts_with("2."), node.is_real(), "{number}");
    assert!(node.get("/none/_doc/1").is_err(), "404 is no answer");
    Ok(())
}
