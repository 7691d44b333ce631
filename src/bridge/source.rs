//! Which script, as a person names it.

use std::fmt;
use std::path::{Path, PathBuf};

/// What the name of a script as a model begins with.
const PREFIX: &str = "python:";

/// A script of the person's, or a file that a script of this program's opens.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ScriptSource {
    /// The file: a Python script, or an ONNX model.
    pub path: PathBuf,
    /// Which of the script's objects; the script itself if there is none.
    pub object: Option<String>,
}

impl ScriptSource {
    /// From what `--model` takes: `python:SCRIPT.py`, `python:SCRIPT.py::NAME` or `MODEL.onnx`; none for anything else.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let Some(rest) = name.strip_prefix(PREFIX) else {
            let path = PathBuf::from(name);
            return is_onnx(&path).then_some(Self { path, object: None });
        };
        let (path, object) = match rest.rsplit_once("::") {
            Some((path, object)) if !object.is_empty() => (path, Some(object.to_owned())),
            _ => (rest, None),
        };
        Some(Self { path: PathBuf::from(path), object })
    }

    /// A script as a whole.
    #[must_use]
    pub fn script(path: &Path) -> Self {
        Self { path: path.to_owned(), object: None }
    }

    /// The script of this program's that opens the file, and its name, where the file is none itself.
    pub(super) fn carried(&self) -> Option<(&'static str, &'static str)> {
        is_onnx(&self.path).then_some(("onnx", include_str!("python/onnx.py")))
    }

    /// Its name in menus.
    #[must_use]
    pub fn label(&self) -> String {
        let file = self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy();
        self.object.as_ref().map_or_else(|| file.clone().into_owned(), |object| format!("{file}::{object}"))
    }
}

/// What `--model` takes.
impl fmt::Display for ScriptSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.object {
            None if self.carried().is_some() => write!(f, "{path}"),
            None => write!(f, "{PREFIX}{path}"),
            Some(object) => write!(f, "{PREFIX}{path}::{object}"),
        }
    }
}

fn is_onnx(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_told_from_other_models_and_its_name_comes_back() {
        for (name, path, object) in [
            ("python:net.py", "net.py", None),
            ("python:a b/net.py::Big", "a b/net.py", Some("Big")),
            ("python:C:\\nets\\net.py::big.inner", "C:\\nets\\net.py", Some("big.inner")),
            ("nets/resnet.onnx", "nets/resnet.onnx", None),
        ] {
            let source = ScriptSource::named(name).unwrap();
            assert_eq!((source.path.to_str(), source.object.as_deref()), (Some(path), object));
            assert_eq!(source.to_string(), name);
        }
        for other in ["cifar10", "net.py", "a.safetensors", "python", "onnx"] {
            assert_eq!(ScriptSource::named(other), None);
        }
        assert_eq!(ScriptSource::named("python:a/net.py::Big").unwrap().label(), "net.py::Big");
    }
}
