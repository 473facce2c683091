//! A broker on the given address: `cargo run --example serve -- DIR HOST:PORT [name=value ...]`.

use millstream_broker::{Broker, BrokerConfig};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("usage: serve DIR HOST:PORT [name=value ...]")?;
    let address = arguments.next().ok_or("usage: serve DIR HOST:PORT [name=value ...]")?;
    let mut config = BrokerConfig::new(directory).listen(address);
    for setting in arguments {
        let (name, value) = setting.split_once('=').ok_or("a setting is name=value")?;
        config = config.set(name, value)?;
    }
    let broker = Broker::start_blocking(config)?;
    std::io::stdin().read_line(&mut String::new())?;
    broker.close_blocking();
    Ok(())
}
