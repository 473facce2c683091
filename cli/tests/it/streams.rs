//! `millstream streams skew`, before instances that say what the test wants.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::program::{bare, text};

/// An instance that answers every request with what `answer` makes of its own address.
struct Instance(String);

impl Instance {
    fn start(answer: impl Fn(&str) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let me = address.clone();
        thread::spawn(move || listener.incoming().flatten().for_each(|stream| reply(stream, &answer(&me))));
        Self(address)
    }
}

fn reply(mut stream: TcpStream, answer: &str) {
    let mut request = [0; 4_096];
    let read = stream.read(&mut request).unwrap();
    let (status, answer) =
        if request[..read].starts_with(b"GET /skew ") { ("200 OK", answer) } else { ("404 Not Found", "") };
    let length = answer.len();
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}")
        .unwrap();
}

fn partition(task: &str, number: i32, records: u64, lag: (u64, f64), keys: &str) -> String {
    let (lag, seconds) = lag;
    let bytes = records * 100;
    format!(
        r#"{{"task":"{task}","topic":"t","partition":{number},"records":{records},"bytes":{bytes},"lag":{lag},"lag_seconds":{seconds},"last_timestamp":7,"top_keys":[{keys}]}}"#
    )
}

/// Two instances, one of which has the hot key and is behind, and a third that has gone.
fn application() -> (Instance, Instance, String) {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let calm = Instance::start(|me| {
        let partitions = partition("1_1", 1, 1_500, (0, 0.0), r#"{"key":"/about","share":0.1}"#);
        format!(
            r#"{{"instance":"{me}","instances":[],"pace":{{"lag_seconds":0.0,"records_per_second":20.4,"peers":null,"behind":false}},
            "topics":[{{"topic":"hits","imbalance":1.0,"partitions":[{partitions}]}}]}}"#
        )
    });
    let named = format!(r#""{}","{gone}""#, calm.0);
    let hot = Instance::start(move |me| {
        let keys = r#"{"key":"/index.html","share":0.71},{"key":"/a","share":0.05}"#;
        let partitions =
            [partition("1_0", 0, 18_000, (1_234, 95.0), keys), partition("1_2", 2, 600, (0, 0.0), "")];
        let partitions = partitions.join(",");
        format!(
            r#"{{"instance":"{me}","instances":["{me}",{named}],
            "pace":{{"lag_seconds":95.0,"records_per_second":1503.6,"peers":{{"instances":1,"lag_seconds":0.0,"records_per_second":20.4}},"behind":true}},
            "topics":[{{"topic":"hits","imbalance":1.9,"partitions":[{partitions}]}}]}}"#
        )
    });
    (hot, calm, gone)
}

/// The addresses differ from run to run, and so may the widths of their column.
fn anonymous(shown: &str, names: [(&str, &str); 3]) -> String {
    let renamed = names.iter().fold(shown.to_owned(), |text, (address, name)| text.replace(address, name));
    let lines = renamed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn all_instances_are_asked_and_what_is_hot_is_marked() {
    let (hot, calm, gone) = application();
    let output = bare(&["streams", "skew", "--url", &format!("http://{}/", hot.0)]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut names = [(&*hot.0, "HOT"), (&*calm.0, "CALM"), (&*gone, "GONE")];
    let shown = anonymous(&text(&output.stdout), names);
    let (partitions, instances) = shown.split_once("\n\n").unwrap();
    assert_eq!(
        partitions,
        "\
hits: the busiest partition has 2.7 times the mean
PARTITION RECORDS SHARE BYTES LAG BEHIND INSTANCE TOP KEYS
!* 0 18,000 90 % 1.7 MiB 1,234 2 min HOT /index.html 71 %, /a 5 %
1 1,500 7 % 146.5 KiB 0 0.0 s CALM /about 10 %
2 600 3 % 58.6 KiB 0 0.0 s HOT"
    );
    // Instances stand in the order of their addresses.
    names.sort();
    for (_, name) in names {
        let line = instances.lines().find(|line| line.split(' ').any(|word| word == name)).unwrap();
        let expected = match name {
            "HOT" => "< HOT 2 1,504 2 min 0.0 s",
            "CALM" => "CALM 1 20 0.0 s -",
            _ => "? GONE - - - - ",
        };
        assert!(line.starts_with(expected), "{line}");
    }
    for line in [
        "! partitions with twice the mean of their topic or more: 1",
        "* partitions of which one key has half or more: combine it before the shuffle (pre_aggregate), or divide the key: 1",
        "< instances far behind the others: 1",
        "? instances that do not answer: their partitions are missing above: 1",
    ] {
        assert!(instances.lines().any(|said| said == line), "{line} in\n{instances}");
    }
}

#[test]
fn scripts_get_the_same_as_json() {
    let (hot, calm, _) = application();
    let url = |instance: &Instance| format!("http://{}", instance.0);
    let args = ["streams", "skew", "--only", "--json", "--url", &url(&hot), "--url", &calm.0];
    let output = bare(&args).output().unwrap();
    let told: serde_json::Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    let topic = &told["topics"][0];
    assert!((2.68..2.70).contains(&topic["imbalance"].as_f64().unwrap()), "{topic}");
    let first = &topic["partitions"][0];
    assert_eq!(
        (&first["hot"], &first["hot_key"], &first["task"]),
        (&true.into(), &true.into(), &"1_0".into())
    );
    assert_eq!(
        (&first["instance"], &first["top_keys"][0]["key"]),
        (&hot.0.clone().into(), &"/index.html".into())
    );
    assert_eq!(told["instances"].as_array().unwrap().len(), 2);
}

#[test]
fn whoever_is_no_instance_is_named_with_what_to_give() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let output = bare(&["streams", "skew", "--url", &gone]).output().unwrap();
    let complaint = text(&output.stderr);
    assert!(
        !output.status.success() && complaint.contains(&format!("{gone} does not answer")),
        "{complaint}"
    );
    let other = Instance::start(|_| "{}".to_owned());
    let output = bare(&["streams", "skew", "--url", &format!("{}/elsewhere", other.0)]).output().unwrap();
    let complaint = text(&output.stderr);
    assert!(complaint.contains("404") && complaint.contains("query_listen"), "{complaint}");
    let output = bare(&["streams", "skew", "--url", "ftp://x"]).output().unwrap();
    assert!(text(&output.stderr).contains("give http://HOST:PORT"));
}
