//! Where a connector listens.

/// Whether it is HOST:PORT, before anything runs; whether it can be had only the machine knows.
#[expect(clippy::ptr_arg, reason = "a check takes what the option is")]
pub(crate) fn is_host_and_port(said: &String) -> Result<(), String> {
    let address = said.trim().rsplit_once(':').filter(|(host, port)| {
        let is_host = !host.is_empty() && !host.contains(['/', ',', ' ']);
        is_host && port.parse::<u16>().is_ok()
    });
    address.map(drop).ok_or_else(|| {
        "must be HOST:PORT, as 127.0.0.1:8080 or 0.0.0.0:8080, and nothing before or behind it".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for right in ["127.0.0.1:0", "0.0.0.0:5514", "[::1]:80", "collector.example:514"] {
            assert_eq!(is_host_and_port(&right.to_owned()), Ok(()), "{right}");
        }
        for wrong in ["udp://127.0.0.1:1", "127.0.0.1", ":80", "a:1,b:2", "a:70000", "http://a:80/x", ""] {
            assert!(is_host_and_port(&wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
