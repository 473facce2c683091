//! Drawings of three programs, as files to look at: `tests/data/drawing`. With `DRAW=1` in the environment they are written anew.

use std::path::PathBuf;
use std::{env, fs};

use millstream::prelude::*;

fn word_count(builder: &StreamsBuilder) {
    let lines = builder.stream(Topic::<Option<String>, String>::new("lines"));
    lines
        .flat_map_values(|line, out| line.split(' ').for_each(|word| out.push(word.to_owned())))
        .group_by(|_, word| word.clone())
        .count("word-counts")
        .to(Topic::<String, i64>::new("counts"));
}

fn join_with_repartition(builder: &StreamsBuilder) {
    let customers = builder.table(Topic::<String, String>::new("customers"));
    let orders = builder.stream(Topic::<String, String>::new("orders"));
    orders
        .select_key(|_, order| order.clone())
        .join_table(&customers, |order, customer| format!("{order} {customer}"))
        .to(Topic::new("addressed"));
}

fn windows_with_global_table(builder: &StreamsBuilder) {
    let sites = builder.global_table(Topic::<String, String>::new("sites"));
    let views = builder.stream(Topic::<String, String>::new("views"));
    let named = views.join_global(&sites, |_, page| page.clone(), |page, site| format!("{site}{page}"));
    named
        .group_by_key()
        .windowed_by(TimeWindows::of(mins(1)))
        .count("views-per-minute")
        .to_stream()
        .for_each(|_, _| {});
}

#[test]
fn drawings_look_as_they_did() {
    type Program = fn(&StreamsBuilder);
    let programs: [(&str, Program); 3] = [
        ("word_count", word_count),
        ("join_with_repartition", join_with_repartition),
        ("windows_with_global_table", windows_with_global_table),
    ];
    for (name, program) in programs {
        let builder = StreamsBuilder::new();
        program(&builder);
        let drawing = builder.build().unwrap().draw();
        same(name, "txt", &drawing.to_string());
        same(name, "mmd", &drawing.to_mermaid());
        same(name, "svg", &drawing.to_svg());
    }
}

fn same(name: &str, extension: &str, drawn: &str) {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/drawing");
    let file = data.join(name).with_extension(extension);
    if env::var_os("DRAW").is_some() {
        fs::create_dir_all(&data).unwrap();
        fs::write(&file, drawn).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap();
    assert!(expected == drawn, "{} differs from\n{drawn}", file.display());
}
