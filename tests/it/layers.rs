//! The modules depend on each other one way, and the large libraries stay where they belong.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// Each module, with the modules that it may name. `error`, `task`, `files` and `limits` are below all.
const LAYERS: [(&str, &[&str]); 15] = [
    ("fuzz", &["gui", "study", "train", "network", "data", "picture"]),
    ("gui", &["study", "attack", "train", "data", "bridge", "joint", "network", "picture"]),
    ("cli", &["gui", "study", "attack", "train", "data", "bridge", "joint", "network", "picture"]),
    ("study", &["attack", "data", "joint", "network", "picture"]),
    ("train", &["attack", "data", "joint", "network", "kernels", "engine", "program", "picture"]),
    ("attack", &["joint", "picture"]),
    ("network", &["joint", "kernels", "gpu", "engine", "program", "picture"]),
    ("bridge", &["joint", "picture"]),
    ("joint", &["engine", "picture"]),
    ("kernels", &["engine", "program", "picture"]),
    ("gpu", &["engine", "program", "picture"]),
    ("engine", &[]),
    ("program", &[]),
    ("data", &["picture"]),
    ("picture", &[]),
];

/// Modules that every other may name.
const GROUND: [&str; 4] = ["error", "task", "files", "limits"];

/// The layers of the window, each of which may name those before it; `app` and the window's root may name all.
const WINDOW: [&str; 7] = ["gpu", "state", "command", "work", "feature", "view", "app"];

/// A library, and the only modules that may name it.
const LIBRARIES: [(&str, &[&str]); 12] = [
    ("arboard", &["gui"]),
    ("candle_core", &["network", "train"]),
    ("candle_nn", &["network"]),
    ("eframe", &["gui"]),
    ("egui", &["gui"]),
    ("egui_plot", &["gui"]),
    ("egui_tiles", &["gui"]),
    ("memmap2", &["data"]),
    ("moxcms", &["picture"]),
    ("rfd", &["gui"]),
    ("tiff", &["picture"]),
    ("wgpu", &["gpu", "gui"]),
];

/// A name that code mentions: a path from the crate's root, or from a library.
type Name = Vec<String>;

/// Collects the paths of a file, each from the crate's root.
struct Names {
    /// Where the code that is visited lies: the module's path from the root.
    module: Vec<String>,
    found: Vec<Name>,
}

impl Names {
    /// Notes a path as it is written here.
    fn note(&mut self, path: &[String]) {
        let Some(first) = path.first() else { return };
        let from = |module: &[String], rest: &[String]| -> Name { [module, rest].concat() };
        let absolute = match first.as_str() {
            "crate" => path[1..].to_vec(),
            "self" => from(&self.module, &path[1..]),
            "super" => {
                let up = path.iter().take_while(|part| *part == "super").count();
                from(&self.module[..self.module.len().saturating_sub(up)], &path[up..])
            }
            // Without `crate` or `super` the crate's modules cannot be named: it is a module of this one, or a name in use.
            local if LAYERS.iter().any(|(module, _)| *module == local) => return,
            _ => path.to_vec(),
        };
        self.found.push(absolute);
    }

    fn note_tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |ident: &syn::Ident| [before, &[ident.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.note_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.note(&with(&name.ident)),
            syn::UseTree::Rename(name) => self.note(&with(&name.ident)),
            syn::UseTree::Glob(_) => self.note(before),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.note_tree(before, tree)),
        }
    }
}

/// Whether an item is there in tests only.
fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|argument| argument.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Names {
    /// Tests may name any module freely: a kernel is tested against the network.
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Struct(item) => &item.attrs,
            syn::Item::Const(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.note_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if parts.len() > 1 {
            self.note(&parts);
        }
        visit::visit_path(self, path);
    }

    /// What macros are given is read too, as far as it is paths.
    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.visit_path(&item.path);
        let is_word = |part: &&str| part.starts_with(|c: char| c.is_alphabetic() || c == '_');
        for path in
            item.tokens.to_string().replace(" :: ", "::").split(|c: char| c != ':' && c != '_' && !c.is_alphanumeric())
        {
            let parts: Vec<String> = path.split("::").filter(is_word).map(str::to_owned).collect();
            if parts.len() > 1 {
                self.note(&parts);
            }
        }
    }
}

/// The paths that the code of a module names, each from the crate's root or from a library.
fn names(module: &[&str], code: &str) -> Vec<Name> {
    let file = syn::parse_file(code).unwrap_or_else(|error| panic!("{module:?}: {error}"));
    let module = module.iter().map(|part| (*part).to_owned()).collect();
    let mut names = Names { module, found: Vec::new() };
    if !is_test(&file.attrs) {
        names.visit_file(&file);
    }
    names.found
}

/// A source file of the library: where it lies, its module's path, and the paths that it names.
struct Source {
    path: PathBuf,
    module: Vec<String>,
    names: Vec<Name>,
}

/// Every source file of the library but those of tests, which have a name of their own.
fn sources() -> Vec<Source> {
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
    let mut sources = Vec::new();
    for path in paths {
        let inside = path.strip_prefix(&root).expect("below the root").with_extension("");
        let mut module: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let of_tests = |part: &String| part == "tests" || part.ends_with("_tests");
        if module.iter().any(of_tests) || matches!(module[0].as_str(), "lib" | "main") {
            continue;
        }
        if module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        let parts: Vec<&str> = module.iter().map(String::as_str).collect();
        let names = names(&parts, &fs::read_to_string(&path).expect("a source file"));
        sources.push(Source { path, module, names });
    }
    sources
}

#[test]
fn modules_depend_on_each_other_one_way() {
    let layers: BTreeMap<_, _> = LAYERS.into_iter().collect();
    let mut wrong = Vec::new();
    for Source { path, module, names } in sources() {
        let module = module[0].as_str();
        if GROUND.contains(&module) {
            continue;
        }
        let Some(allowed) = layers.get(module) else {
            wrong.push(format!("{}: no layer is said for the module {module}", path.display()));
            continue;
        };
        for named in names.iter().map(|name| name[0].as_str()) {
            if layers.contains_key(named) && named != module && !allowed.contains(&named) {
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
fn the_window_is_in_layers() {
    let place = |module: &str| WINDOW.iter().position(|layer| *layer == module);
    let mut wrong = Vec::new();
    for Source { path, module, names } in sources() {
        if module[0] != "gui" || module.len() < 2 {
            continue;
        }
        let Some(layer) = place(&module[1]) else {
            wrong.push(format!("{}: {} is no layer of the window", path.display(), module[1]));
            continue;
        };
        for named in names.iter().filter(|name| name[0] == "gui" && name.len() > 1) {
            if place(&named[1]).is_some_and(|below| below > layer) {
                wrong.push(format!("{}: {} names {}", path.display(), module[1], named.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn large_libraries_stay_in_their_modules() {
    let mut wrong = Vec::new();
    for Source { path, module, names } in sources() {
        for (library, homes) in LIBRARIES {
            if names.iter().any(|name| name[0] == library) && !homes.contains(&module[0].as_str()) {
                wrong.push(format!("{}: {} names {library}", path.display(), module[0]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_paths_reads_every_way_of_writing_them() {
    let joined = |module: &[&str], code: &str| -> Vec<String> {
        names(module, code).into_iter().map(|name| name.join("::")).collect()
    };
    let code =
        "use crate::a::b; // crate::no\nuse crate::{Error, c::{d, e as f}};\nfn x(y: crate::g::H) { crate::i::j() }";
    assert_eq!(joined(&["m"], code), ["a::b", "Error", "c::d", "c::e", "g::H", "i::j"]);
    let code = "use super::super::a;\nuse self::b::c;\nfn d() -> super::E { super::f::g::<super::h::I>() }";
    assert_eq!(joined(&["m", "n", "o"], code), ["m::a", "m::n::o::b::c", "m::n::E", "m::n::f::g", "m::n::h::I"]);
    let code = "mod inner { use super::super::a; mod deep { use super::b::*; } }";
    assert_eq!(joined(&["m"], code), ["a", "m::inner::b"]);
    let code = "fn a() { println!(\"{}\", crate::b::c(crate::d::E)); vec![std::f::G]; }";
    assert_eq!(joined(&["m"], code), ["b::c", "d::E", "std::f::G"]);
    let code = "#[cfg(test)]\nmod tests { use crate::a; }\n#[cfg(test)]\nuse crate::b::c;\n#[cfg(feature = \"x\")]\nuse crate::d::e;";
    assert_eq!(joined(&["m"], code), ["d::e"]);
    assert!(joined(&["m"], "#![cfg(test)]\nuse crate::a::b;").is_empty());
}
