//! The models that come with the program.

use std::path::{Path, PathBuf};

use super::{Checkpoint, Description, DeviceChoice, Network};
use crate::Result;
use crate::joint::Usual;

/// A model inside the program.
#[derive(Debug, Clone, Copy)]
pub struct Bundled {
    /// The name that `--model` takes.
    pub name: &'static str,
    /// The checkpoint file's bytes.
    pub bytes: &'static [u8],
}

impl Bundled {
    /// Its checkpoint.
    ///
    /// # Errors
    /// None for a program that was built from whole files.
    pub fn checkpoint(&self) -> Result<Checkpoint> {
        Checkpoint::from_bytes(self.name, self.bytes)
    }
}

/// The bundled model for photographs at their own size, which knows no classes.
pub const PHOTOGRAPHS: &str = "photographs";

/// The bundled model that a person's photographs are looked at with where they have chosen none.
pub const SCENES: &str = "tiny-imagenet";

/// A static, not a constant: of that each unit of code that uses it would hold the models once more.
static BUNDLED: [Bundled; 5] = [
    Bundled { name: "cifar10", bytes: include_bytes!("../../assets/models/cifar10.safetensors") },
    Bundled { name: "cifar10-robust", bytes: include_bytes!("../../assets/models/cifar10-robust.safetensors") },
    Bundled { name: SCENES, bytes: include_bytes!("../../assets/models/tiny-imagenet.safetensors") },
    Bundled { name: "digits", bytes: include_bytes!("../../assets/models/digits.safetensors") },
    Bundled { name: PHOTOGRAPHS, bytes: include_bytes!("../../assets/models/photographs.safetensors") },
];

/// The bundled models, the default first.
#[must_use]
pub fn bundled() -> &'static [Bundled] {
    &BUNDLED
}

/// The model that `name` means: a bundled model's name, or the path of a checkpoint file.
///
/// # Errors
/// As [`Checkpoint::read`]; a name that is neither is said to be so, with the bundled names.
pub fn checkpoint(name: &str) -> Result<Checkpoint> {
    if let Some(model) = bundled().iter().find(|m| m.name == name) {
        return model.checkpoint();
    }
    let path = std::path::Path::new(name);
    if !path.exists() {
        let names: Vec<_> = bundled().iter().map(|m| m.name).collect();
        let reason = format!("is no file and no bundled model ({})", names.join(", "));
        return Err(crate::Error::checkpoint(path, reason));
    }
    Checkpoint::read(path)
}

/// What is usual among the pictures of the model that `name` means: as its file says it, or another beside that, which
/// `denoscope usual` writes. None where nobody measured it, or what lies there cannot be used.
#[must_use]
pub fn usual(name: &str, description: &Description) -> Option<Usual> {
    let beside = || {
        let text = std::fs::read_to_string(usual_path(Path::new(name))).ok()?;
        serde_json::from_str::<Usual>(&text).ok().filter(|usual| usual.check().is_ok())
    };
    description.usual.clone().or_else(beside)
}

/// The file beside a checkpoint that says what is usual among its pictures.
#[must_use]
pub fn usual_path(checkpoint: &Path) -> PathBuf {
    checkpoint.with_extension("usual.json")
}

/// The model that `name` means, on a device.
///
/// # Errors
/// As [`checkpoint`] and [`Network::load_ready`].
pub fn open(name: &str, device: &DeviceChoice) -> Result<Network> {
    Network::load_ready(checkpoint(name)?, device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bundled_model_is_whole_small_and_says_how_it_was_trained() {
        for model in bundled() {
            assert!(model.bytes.len() <= 8_000_000, "{} is too large to bundle", model.name);
            let description = model.checkpoint().unwrap().description;
            assert_eq!(description.name, model.name);
            let record = description.training.expect("a training record");
            assert!(record.steps > 0 && !record.results.is_empty() && !record.options.is_empty());
            assert!(description.usual.is_some(), "{} does not say what is usual among its pictures", model.name);
        }
    }

    #[test]
    fn an_unknown_model_is_named_with_those_there_are() {
        let message = open("digit", &DeviceChoice::Cpu).unwrap_err().to_string();
        assert!(message.contains("digit: is no file and no bundled model") && message.contains("digits"), "{message}");
    }
}
