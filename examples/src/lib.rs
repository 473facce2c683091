//! Programs to copy, and the parts of them that tests and benchmarks share.

pub mod click_count;
pub mod dedup;
pub mod enrich;
pub mod http;
pub mod interactive_queries;
pub mod monitoring_etl;
pub mod order_totals;
pub mod orders_to_inventory;
pub mod own_connector;
pub mod page_views;
pub mod word_count;
