//! The modules depend on each other one way, and the large libraries stay where they belong.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module, with the modules that it may name. `error`, `task` and `files` are below all.
const LAYERS: [(&str, &[&str]); 11] = [
    ("gui", &["study", "attack", "train", "joint", "network", "picture"]),
    ("cli", &["gui", "study", "attack", "train", "joint", "network", "picture"]),
    ("study", &["attack", "train", "joint", "network", "picture"]),
    ("attack", &["joint", "picture"]),
    ("train", &["joint", "network", "kernels", "engine", "program", "picture"]),
    ("network", &["joint", "kernels", "engine", "program", "picture"]),
    ("joint", &["picture"]),
    ("kernels", &["engine", "program", "picture"]),
    ("engine", &[]),
    ("program", &[]),
    ("picture", &[]),
];

/// Modules that every other may name.
const GROUND: [&str; 3] = ["error", "task", "files"];

/// A library, and the only modules that may name it.
const LIBRARIES: [(&str, &[&str]); 4] = [
    ("candle_core", &["network", "kernels", "train"]),
    ("candle_nn", &["network", "kernels", "train"]),
    ("egui", &["gui"]),
    ("eframe", &["gui"]),
];

/// Every source file of the library with the module that it belongs to.
fn sources() -> Vec<(String, PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("the source folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    paths
        .into_iter()
        .filter_map(|path| {
            let inside = path.strip_prefix(&root).expect("below the root");
            let module = inside.components().next()?.as_os_str().to_str()?.trim_end_matches(".rs").to_owned();
            let code = fs::read_to_string(&path).expect("a source file");
            let is_test = path.file_name().is_some_and(|name| name == "tests.rs");
            (!is_test && !matches!(module.as_str(), "lib" | "main")).then_some((module, path, code))
        })
        .collect()
}

/// The code without its comments and tests, where a module may be named freely: a kernel is tested against the network.
fn plain_code(code: &str) -> String {
    let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The first names of all paths that begin at the crate: `use crate::a::b`, `crate::a::b(…)`, `use crate::{a, b::c}`.
fn named_modules(code: &str) -> Vec<String> {
    let name = |text: &str| -> String { text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let preceded = code[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$');
        let rest = &code[at + "crate::".len()..];
        if preceded {
            continue;
        }
        let Some(group) = rest.strip_prefix('{') else {
            names.push(name(rest));
            continue;
        };
        let mut depth = 0;
        let mut start = true;
        for (index, character) in group.char_indices() {
            match character {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                c if start && !c.is_whitespace() => {
                    names.push(name(&group[index..]));
                    start = false;
                }
                _ => {}
            }
        }
    }
    names
}

#[test]
fn modules_depend_on_each_other_one_way() {
    let layers: BTreeMap<_, _> = LAYERS.into_iter().collect();
    let mut wrong = Vec::new();
    for (module, path, code) in sources() {
        if GROUND.contains(&module.as_str()) {
            continue;
        }
        let Some(allowed) = layers.get(module.as_str()) else {
            wrong.push(format!("{}: no layer is said for the module {module}", path.display()));
            continue;
        };
        for named in named_modules(&plain_code(&code)) {
            let is_module = layers.contains_key(named.as_str());
            if is_module && named != module && !allowed.contains(&named.as_str()) {
                wrong.push(format!("{}: {module} names {named}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_layers_themselves_have_no_cycle() {
    let position = |name: &str| LAYERS.iter().position(|(module, _)| *module == name).expect("a layer");
    for (module, below) in LAYERS {
        for other in below {
            let exempt = (module, *other) == ("cli", "gui");
            assert!(exempt || position(module) < position(other), "{module} and {other}");
        }
    }
    assert!(!LAYERS.iter().any(|(module, below)| *module == "gui" && below.contains(&"cli")));
}

#[test]
fn large_libraries_stay_in_their_modules() {
    let mut wrong = Vec::new();
    for (module, path, code) in sources() {
        let code = plain_code(&code);
        for (library, homes) in LIBRARIES {
            let names = code.contains(&format!("{library}::")) || code.contains(&format!("use {library};"));
            if names && !homes.contains(&module.as_str()) {
                wrong.push(format!("{}: {module} names {library}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_paths_reads_every_way_of_writing_them() {
    let code = "use crate::a::b;\nuse crate::{Error, c::{d, e}, f};\nlet x = crate::g::h();\nmycrate::no::x();";
    assert_eq!(named_modules(code), ["a", "Error", "c", "f", "g"]);
    assert_eq!(plain_code("use crate::a; // crate::b"), "use crate::a; ");
}
