//! What `connect top` draws, line by line.

use std::collections::BTreeMap;

use millstream_connect::herder::TaskId;
use millstream_connect::runtime::TaskStanding;

use super::look::Look;

/// Cells of the bars.
const TIME_CELLS: usize = 16;
const MEMORY_CELLS: usize = 12;
/// Longer names are cut.
const NAME_MAX: usize = 24;
/// How many lines are drawn where nobody says how many there is room for.
pub(super) const LINES_MAX: usize = 500;

/// The lines of a frame: what `now` is, and what was done since `before`.
pub(super) fn frame(before: &Look, now: &Look, width: usize) -> Vec<String> {
    let seconds = (now.at - before.at).max(0.001);
    let mut lines = vec![heading(now), String::new(), head(now)];
    for (id, task) in &now.tasks {
        let since = before.tasks.get(id);
        lines.push(row(now, id, task, since, seconds));
        lines.extend(task.why.as_ref().map(|why| format!("    {}", one_line(why))));
    }
    for (name, state) in &now.without_tasks {
        lines.push(format!("{:<name_width$}  -     {state}", cut(name), name_width = name_width(now)));
    }
    lines.extend(now.failure.as_ref().map(|why| format!("the worker does not answer: {}", one_line(why))));
    lines.iter().map(|line| line.chars().take(width).collect::<String>().trim_end().to_owned()).collect()
}

fn heading(now: &Look) -> String {
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for task in now.tasks.values() {
        *states.entry(&task.state).or_default() += 1;
    }
    let states: Vec<String> = states.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let mut line = format!("{}  {} tasks: {}", now.address, now.tasks.len(), states.join(", "));
    if now.memory_limit > 0.0 {
        let cells = bar(&[(now.memory_used / now.memory_limit, '█')], '·', MEMORY_CELLS);
        let mebi = |bytes: f64| bytes / f64::from(1 << 20);
        let (used, limit) = (mebi(now.memory_used), mebi(now.memory_limit));
        line.push_str(&format!("  memory {cells} {used:.1} of {limit:.1} MiB"));
    }
    line
}

fn head(now: &Look) -> String {
    let width = name_width(now);
    format!(
        "{:<width$}  {:<5} {:<11} {:>5} {:>7} {:>7} {:>7} {:>7} {:>7}  busy █ blocked ▒ idle ·",
        "CONNECTOR", "TASK", "STATE", "SINCE", "IN/s", "OUT/s", "LAG", "FAILED", "LETTERS"
    )
}

fn row(now: &Look, id: &TaskId, task: &TaskStanding, before: Option<&TaskStanding>, seconds: f64) -> String {
    // A task that has just begun, or begun anew, has done nothing since the last look.
    let more = |read: fn(&TaskStanding) -> f64| {
        let was = before.map_or(read(task), read);
        (read(task) - was.min(read(task))) / seconds
    };
    let elsewhere = now.elsewhere.get(id);
    let time = match elsewhere {
        Some(worker) => format!("on {worker}"),
        None => bar(&[(more(|task| task.busy), '█'), (more(|task| task.blocked), '▒')], '·', TIME_CELLS),
    };
    let number = |value: f64| if elsewhere.is_some() { "-".to_owned() } else { short(value) };
    let since = if task.since > 0.0 { span(now.at - task.since) } else { "-".to_owned() };
    format!(
        "{:<width$}  {:<5} {:<11} {since:>5} {:>7} {:>7} {:>7} {:>7} {:>7}  {time}",
        cut(&id.connector),
        id.task,
        task.state,
        number(more(|task| task.read)),
        number(more(|task| task.written)),
        task.lag.map_or_else(|| "-".to_owned(), short),
        number(task.failed),
        number(task.dead_letters),
        width = name_width(now),
    )
}

fn name_width(now: &Look) -> usize {
    let names =
        now.tasks.keys().map(|id| id.connector.as_str()).chain(now.without_tasks.keys().map(String::as_str));
    names.map(|name| cut(name).chars().count()).max().unwrap_or(0).max("CONNECTOR".len())
}

fn cut(name: &str) -> String {
    if name.chars().count() <= NAME_MAX {
        return name.to_owned();
    }
    name.chars().take(NAME_MAX - 1).chain(['…']).collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Parts of a whole, each in its own character; the rest in the last.
fn bar(parts: &[(f64, char)], rest: char, cells: usize) -> String {
    let (mut bar, mut drawn, mut sum) = (String::new(), 0, 0.0_f64);
    for (share, cell) in parts {
        sum += share;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the cells")]
        let until = (sum.clamp(0.0, 1.0) * cells as f64).round() as usize;
        (drawn..until).for_each(|_| bar.push(*cell));
        drawn = drawn.max(until);
    }
    (drawn..cells).for_each(|_| bar.push(rest));
    bar
}

/// A number in at most five characters.
fn short(value: f64) -> String {
    let units = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    match units.into_iter().find(|(unit, _)| value >= *unit) {
        Some((unit, name)) if value >= 100.0 * unit => format!("{:.0}{name}", value / unit),
        Some((unit, name)) => format!("{:.1}{name}", value / unit),
        None => format!("{value:.0}"),
    }
}

/// How long something has been so, in its largest unit.
fn span(seconds: f64) -> String {
    let units = [(86_400.0, "d"), (3_600.0, "h"), (60.0, "m")];
    match units.into_iter().find(|(unit, _)| seconds >= *unit) {
        Some((unit, name)) => format!("{:.0}{name}", (seconds / unit).floor()),
        None => format!("{:.0}s", seconds.max(0.0).floor()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(at: f64, tasks: Vec<(&str, i32, TaskStanding)>) -> Look {
        let tasks = tasks.into_iter().map(|(name, number, task)| (TaskId::new(name, number), task)).collect();
        Look {
            at,
            address: "http://127.0.0.1:8083".to_owned(),
            memory_used: 12.0 * 1_048_576.0,
            memory_limit: 32.0 * 1_048_576.0,
            tasks,
            ..Look::default()
        }
    }

    fn task(state: &str, since: f64, read: f64, written: f64, times: [f64; 3]) -> TaskStanding {
        let [busy, blocked, idle] = times;
        TaskStanding {
            state: state.into(),
            since,
            read,
            written,
            busy,
            blocked,
            idle,
            ..TaskStanding::default()
        }
    }

    #[test]
    fn a_frame_is_as_it_was_drawn_by_hand() {
        let before = look(
            10_000.0,
            vec![
                ("weblog", 0, task("RUNNING", 9_000.0, 1_000.0, 1_000.0, [10.0, 0.0, 90.0])),
                ("search", 0, task("RUNNING", 9_000.0, 500.0, 400.0, [5.0, 5.0, 0.0])),
            ],
        );
        let why = "the target takes nothing:\n503 Service Unavailable";
        let mut now = look(
            10_002.0,
            vec![
                ("weblog", 0, task("RUNNING", 9_000.0, 26_000.0, 25_600.0, [10.5, 0.0, 91.5])),
                (
                    "search",
                    0,
                    TaskStanding {
                        why: Some(why.into()),
                        lag: Some(1_250_000.0),
                        failed: 3.0,
                        dead_letters: 3.0,
                        ..task("DEGRADED", 9_990.0, 500.0, 400.0, [5.0, 7.0, 0.0])
                    },
                ),
                // Begun anew since.
                ("search", 1, task("RUNNING", 10_001.0, 80.0, 80.0, [0.0, 0.0, 1.0])),
                (
                    "a-connector-of-a-very-long-name",
                    0,
                    TaskStanding { state: "RUNNING".into(), ..TaskStanding::default() },
                ),
            ],
        );
        now.elsewhere.insert(TaskId::new("a-connector-of-a-very-long-name", 0), "host:8083".to_owned());
        now.without_tasks.insert("resting".to_owned(), "STOPPED".to_owned());
        let drawn = frame(&before, &now, 200).join("\n");
        let by_hand = "\
http://127.0.0.1:8083  4 tasks: 1 DEGRADED, 3 RUNNING  memory █████······· 12.0 of 32.0 MiB

CONNECTOR                 TASK  STATE       SINCE    IN/s   OUT/s     LAG  FAILED LETTERS  busy █ blocked ▒ idle ·
a-connector-of-a-very-l…  0     RUNNING         -       -       -       -       -       -  on host:8083
search                    0     DEGRADED      12s       0       0    1.2M       3       3  ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒
    the target takes nothing: 503 Service Unavailable
search                    1     RUNNING        1s       0       0       -       0       0  ················
weblog                    0     RUNNING       16m   12.5k   12.3k       -       0       0  ████············
resting                   -     STOPPED";
        assert_eq!(drawn, by_hand, "\n{drawn}");
        assert!(frame(&before, &now, 30).iter().all(|line| line.chars().count() <= 30));
    }

    #[test]
    fn numbers_stay_short() {
        let shown = [0.4, 7.0, 999.0, 1_000.0, 99_949.0, 123_456.0, 1.2e6, 3.4e9].map(short);
        assert_eq!(shown, ["0", "7", "999", "1.0k", "99.9k", "123k", "1.2M", "3.4G"]);
        assert_eq!([0.2, 59.9, 60.0, 7_300.0, 90_000.0].map(span), ["0s", "59s", "1m", "2h", "1d"]);
        assert_eq!(bar(&[(2.0, '█'), (1.0, '▒')], '·', 4), "████");
    }
}
