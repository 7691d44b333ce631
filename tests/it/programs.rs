//! The list of layers that the reference reads is the application's own.

use std::fmt::Write;
use std::path::Path;

use denoscope::network::{Architecture, Description};
use denoscope::picture::Shape;

use super::golden::checkpoint;

/// The tensors of the presets, for pictures of CIFAR-10's shape, and of the golden networks, one a line.
fn programs() -> String {
    let classes = (0..10).map(|class| class.to_string()).collect::<Vec<_>>();
    let preset =
        |name: &str, architecture| Description::new(name, classes.clone(), Shape::new(3, 32, 32), architecture);
    let mut all = vec![
        preset("compact", Architecture::compact()),
        preset("gradresnet18", Architecture::gradresnet18()),
        preset("pooled18", Architecture::pooled18()),
        preset("pooled-thin", Architecture::pooled_thin()),
    ];
    all.extend(
        ["compact-rgb", "compact-grey", "gradresnet-rgb", "pooled-rgb", "pooled-grey"]
            .map(|name| checkpoint(name).description),
    );
    let networks = all.iter().map(|description| {
        let tensor = |tensor| format!("    {}", serde_json::to_string(&tensor).unwrap());
        let tensors: Vec<String> = description.program().tensors.into_iter().map(tensor).collect();
        format!("  \"{}\": [\n{}\n  ]", description.name, tensors.join(",\n"))
    });
    let mut text = String::new();
    writeln!(text, "{{\n{}\n}}", networks.collect::<Vec<_>>().join(",\n")).unwrap();
    text
}

#[test]
fn the_reference_reads_the_programs_of_today() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/denoscope_reference/programs.json");
    let programs = programs();
    if std::env::var_os("UPDATE_PROGRAMS").is_some() {
        std::fs::write(&path, &programs).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == programs, "{} is old: UPDATE_PROGRAMS=true cargo test --test it programs", path.display());
}
