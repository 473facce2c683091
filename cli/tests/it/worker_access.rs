//! Who may ask a worker for what, and what it never tells.

use std::path::Path;

use serde_json::{Value, json};

use crate::program::{bare, ok, text};
use crate::running::{Running, properties, wait_until};

/// `me:secret`, as clients send it.
const ME: &str = "Basic bWU6c2VjcmV0";
/// `me:secrets`.
const NOT_ME: &str = "Basic bWU6c2VjcmV0cw==";
const USERS: &str = "rest.users=me:secret";

#[test]
fn who_does_not_say_who_it_is_is_told_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut worker = Running::start(&["connect", "worker", &properties(dir.path(), "one", "asked", USERS)]);
    let requests = [
        ("GET", "/"),
        ("GET", "/health"),
        ("GET", "/connectors"),
        ("GET", "/connector-plugins"),
        ("GET", "/admin/loggers"),
        ("GET", "/nonsense"),
        ("DELETE", "/connectors/in"),
        ("PUT", "/connectors/in/config"),
    ];
    let body = json!({"connector.class": "datagen", "topic": "asked"});
    for who in [None, Some(NOT_ME), Some("Basic"), Some("Bearer bWU6c2VjcmV0")] {
        worker.authorization = who;
        for (method, path) in requests {
            let (head, told) = worker.ask_text(method, path, (method == "PUT").then_some(&body));
            assert!(head.starts_with("HTTP/1.1 401 "), "{who:?} {method} {path}: {head}");
            assert!(head.to_lowercase().contains("www-authenticate: basic"), "{head}");
            let refused = json!({"error_code": 401, "message": "User cannot access the resource."});
            assert_eq!(serde_json::from_str::<Value>(&told).unwrap(), refused);
        }
    }
    worker.authorization = Some(ME);
    assert_eq!(worker.ask("GET", "/connectors", None), (200, json!([])));
}

#[test]
fn other_machines_are_answered_only_where_somebody_is_asked_for_and_run_no_programs() {
    let dir = tempfile::tempdir().unwrap();
    let open = "listeners=http://0.0.0.0:0";
    let refused =
        bare(&["connect", "worker", &properties(dir.path(), "open", "open", open)]).output().unwrap();
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("by anybody") && said.contains("rest.users"), "{said}");

    let start = |name: &str, more: &str| {
        let file = properties(dir.path(), name, "open", &format!("{open}\n{USERS}\n{more}"));
        let mut worker = Running::start(&["connect", "worker", &file]);
        worker.address = worker.address.replace("0.0.0.0", "127.0.0.1");
        worker.authorization = Some(ME);
        worker
    };
    let exec = json!({"connector.class": "exec-source", "command": "echo pwned", "topic": "open"});
    let worker = start("asked", "");
    for (method, path, body) in [
        ("PUT", "/connectors/run/config", exec.clone()),
        ("POST", "/connectors", json!({"name": "run", "config": exec})),
    ] {
        let (status, told) = worker.ask(method, path, Some(&body));
        assert_eq!(status, 400, "{told}");
        assert!(told["message"].as_str().unwrap().contains("connectors.allowed"), "{told}");
    }
    let mut named = exec.clone();
    named["name"] = json!("run");
    let (status, told) = worker.ask("PUT", "/connector-plugins/exec-source/config/validate", Some(&named));
    assert_eq!((status, &told["error_count"]), (200, &json!(1)), "{told}");
    assert_eq!(worker.ask("GET", "/connectors", None), (200, json!([])));
    let allowed = start("allowed", "connectors.allowed=exec-source");
    allowed.make("run", &exec);
    let (status, told) = allowed.ask(
        "PUT",
        "/connectors/in/config",
        Some(&json!({"connector.class": "datagen", "topic": "open"})),
    );
    assert_eq!(status, 400, "the list has nothing else: {told}");
}

/// Found nowhere else.
const PLANTED: [&str; 3] = ["pl4nted-by-reference", "pl4nted-in-a-url", "pl4nted-as-it-is"];

fn nothing_is_told(what: &str, said: &str) {
    for secret in PLANTED {
        assert!(!said.contains(secret), "{what} tells {secret}:\n{said}");
    }
}

/// Everything that a worker answers about a connector.
fn answers(worker: &Running, name: &str) -> String {
    let paths = ["", "/config", "/status", "/tasks", "/tasks/0/status", "/offsets", "/topics"];
    let one = |path| worker.ask_text("GET", &format!("/connectors/{name}{path}"), None).1;
    paths.map(one).join("\n")
}

/// Everything that lies in a topic now.
fn records(topic: &str) -> String {
    ok(&["consume", topic, "--from-beginning", "--exit", "--key-separator", " "])
}

fn secrets(dir: &Path) -> impl Fn(&str) -> String {
    let file = dir.join("secrets.properties");
    std::fs::write(
        &file,
        format!("word={}\nurl=http://127.0.0.1:9/{}\nusers=me:secret\n", PLANTED[0], PLANTED[1]),
    )
    .unwrap();
    move |key| format!("${{file:{}:{key}}}", file.display())
}

#[test]
fn secrets_are_in_no_answer_no_log_no_status_and_no_topic() {
    let dir = tempfile::tempdir().unwrap();
    let secret = secrets(dir.path());
    let file = properties(dir.path(), "one", "secrets", &format!("rest.users={}", secret("users")));
    let mut command = crate::program::millstream(&["connect", "worker", &file]);
    command.env("RUST_LOG", "debug");
    let mut worker = Running::spawn(command);
    worker.authorization = Some(ME);
    assert!(crate::program::fed(&["produce", "secret-lines"], "a\nb\n").status.success());

    // A target that is away, under an address that is a secret, with a password that is one.
    let away = json!({
        "connector.class": "http", "topics": "secret-lines", "url": secret("url"), "max.retries": 0,
        "auth.user": "me", "auth.password": secret("word"),
        "headers": format!("X-Token: {}", secret("word")),
    });
    // A database that is away, with a password that is no reference.
    let database = json!({
        "connector.class": "postgres", "topics": "secret-lines", "connection.url": "postgresql://127.0.0.1:9/db",
        "connection.user": "me", "connection.password": PLANTED[2],
    });
    // What fails when it is split or opened, with a secret where a path is to be.
    let path = json!({"connector.class": "file-source", "topic": "secret-lines", "file": format!("/nowhere/{}", secret("word"))});
    // A page that is away, under an address that is a secret: a source that waits.
    let page = json!({"connector.class": "http-poll", "topic": "secret-pages", "url": secret("url")});
    for (name, config) in [("away", &away), ("database", &database), ("path", &path), ("page", &page)] {
        let (head, told) = worker.ask_text("PUT", &format!("/connectors/{name}/config"), Some(config));
        assert!(head.starts_with("HTTP/1.1 201"), "{head}\n{told}");
        nothing_is_told("its making", &told);
    }
    // And what is refused, because a secret is no number.
    let wrong = json!({"connector.class": "http", "topics": "a", "url": secret("word"), "batch.max.size": secret("word")});
    for (method, at) in
        [("PUT", "/connectors/wrong/config"), ("PUT", "/connector-plugins/http/config/validate")]
    {
        let (_, told) = worker.ask_text(method, at, Some(&wrong));
        assert!(told.contains("batch.max.size") && told.contains("${file:"), "{told}");
        nothing_is_told(at, &told);
    }
    wait_until("a task that waits for its target", || {
        let status = worker.ask("GET", "/connectors/away/status", None).1;
        status["tasks"][0]["state"] == "DEGRADED"
    });
    wait_until("a task that waits for its database", || {
        let status = worker.ask("GET", "/connectors/database/status", None).1;
        status["tasks"][0]["why"].is_string()
    });
    wait_until("a task that waits for its page", || {
        let status = worker.ask("GET", "/connectors/page/status", None).1;
        status["tasks"][0]["state"] == "DEGRADED"
    });
    for name in ["away", "database", "path", "page"] {
        nothing_is_told(name, &answers(&worker, name));
    }
    nothing_is_told("the list", &worker.ask_text("GET", "/connectors?expand=info&expand=status", None).1);
    nothing_is_told("the log", &worker.log());
    assert!(worker.log().contains("DEBUG"), "there is no log to look at");
    for topic in ["secrets-statuses", "secrets-offsets", "secrets-configs-leases"] {
        nothing_is_told(topic, &records(topic));
    }
    // What was written as it is lies there as it is, as with Kafka Connect; what was referred to does not.
    let configs = records("secrets-configs").replace(PLANTED[2], "");
    assert!(configs.contains("${file:"), "{configs}");
    nothing_is_told("secrets-configs", &configs);
}
