//! `millstream topology draw`.

use crate::program::{fed, ok, text};

const DESCRIBED: &str = "Topologies:
   Sub-topology: 0
    Source: KSTREAM-SOURCE-0000000000 (topics: [lines])
      --> KSTREAM-SINK-0000000001
    Sink: KSTREAM-SINK-0000000001 (topic: copies)
      <-- KSTREAM-SOURCE-0000000000

";

#[test]
fn a_description_is_drawn_from_standard_input_and_from_a_file() {
    let drawn = fed(&["topology", "draw", "--columns", "80"], DESCRIBED);
    assert!(drawn.status.success());
    let drawn = text(&drawn.stdout);
    for shape in ["║ lines ║", "╌ Sub-topology 0 ╌┐", "│ KSTREAM-SOURCE-0000000000 │", "║ copies"]
    {
        assert!(drawn.contains(shape), "{shape} in\n{drawn}");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), DESCRIBED).unwrap();
    let path = file.path().to_str().unwrap();
    assert_eq!(ok(&["topology", "draw", path, "--columns", "80"]), drawn);
    assert!(ok(&["topology", "draw", path, "--format", "mermaid"]).starts_with("flowchart TD\n"));
    assert!(ok(&["topology", "draw", path, "-f", "svg"]).ends_with("</svg>\n"));
}

#[test]
fn what_is_no_description_is_refused_with_its_line() {
    let drawn = fed(&["topology", "draw"], "Topologies:\n   Sub-topology: 0\n    hello\n");
    assert!(!drawn.status.success());
    assert_eq!(
        text(&drawn.stderr),
        "millstream: line 3: \"hello\" is no line of what `Topology.describe()` prints\n"
    );
}
