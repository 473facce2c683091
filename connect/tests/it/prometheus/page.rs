//! A target that always says the same.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;

use anyhow::Result;

/// What is said: all that an exposition in the text format may have.
pub(crate) const PAGE: &str = r#"# HELP requests_total Requests, by path \\ with an escape\n.
# TYPE requests_total counter
requests_total{method="post",code="200"} 1027
requests_total { method = "post" , code="400" ,}   3
# A remark.
paths{path="C:\\DIR\\FILE.TXT",error="Cannot find:\n\"FILE.TXT\"",empty="",unknown="a\qb"} 1.458255915e9

divided_by_a_tab	12.47
# TYPE something_weird untyped
something_weird{problem="division by zero"} +Inf
negative -Inf
nothing NaN
small 1e-320
hidden:rule{job="own",instance="own"} -0.5
# TYPE duration_seconds histogram
duration_seconds_bucket{le="0.05"} 24054
duration_seconds_bucket{le="+Inf"} 144320
duration_seconds_sum 53423
duration_seconds_count 144320
utf8{city="Zürich, 東京 🌍"} 1
"#;

/// Serves [`PAGE`] for as long as the test runs.
pub(crate) fn serve() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n";
            // Whoever asked may have gone.
            let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{PAGE}", PAGE.len());
        }
    });
    Ok(address)
}
