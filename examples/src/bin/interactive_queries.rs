//! `cargo run --bin interactive_queries -- HOST:PORT LISTEN`: how often a song was played. Start it three times, on three ports, and
//! ask any of them: `curl localhost:8081/songs/yesterday`.

#![expect(clippy::print_stdout, reason = "a program for people to look at")]

use millstream_examples::interactive_queries::start;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let bootstrap = args.next().unwrap_or_else(|| "localhost:9092".to_owned());
    let listen = args.next().unwrap_or_else(|| "127.0.0.1:8081".to_owned());
    let state = std::env::temp_dir().join(format!("songs-{}", listen.replace(':', "-")));
    let (app, address) = start(&bootstrap, &listen, &state).await?;
    println!("GET http://{address}/songs/SONG");
    Ok(app.run_until(tokio::signal::ctrl_c()).await?)
}
