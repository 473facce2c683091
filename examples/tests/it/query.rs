//! What a live process answers.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::counts::Counts;

/// All entries of the store, by HTTP, page by page.
pub(crate) fn ask_for_all(address: &str) -> Counts {
    answers(address).unwrap()
}

/// The same; an error is what it says.
pub(crate) fn answers(address: &str) -> Result<Counts, serde_json::Value> {
    let mut counts = Counts::new();
    loop {
        let from = counts.last_key_value().map_or("", |(word, _)| word.as_str());
        let page = get(address, &format!("/stores/word-counts?limit=5000&from={from}"));
        let Some(entries) = page["entries"].as_array() else { return Err(page) };
        for entry in entries {
            counts.insert(entry["key"].as_str().unwrap().to_owned(), entry["value"].as_i64().unwrap());
        }
        if page["complete"] == true {
            return Ok(counts);
        }
    }
}

fn get(address: &str, path: &str) -> serde_json::Value {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).unwrap()
}
