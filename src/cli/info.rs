//! `denoscope info`: what a model is and where it comes from.

use clap::Args;

use serde_json::json;

use super::arguments::open_script;
use super::{Done, Ending, console};
use crate::bridge::{PythonModel, ScriptSource};
use crate::joint::JointModel;
use crate::network::{Description, DeviceChoice, checkpoint};
use crate::study::level;
use crate::task::Cancel;
use crate::{Error, Result};

/// Print a model's description: classes, shape, noise levels, training and licence
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  denoscope info digits\n  denoscope info my.safetensors --json\n  \
                        denoscope info python:net.py")]
pub(super) struct Info {
    /// A bundled model's name, a model file, an ONNX file, or python:SCRIPT.py, which runs that script
    #[arg(value_name = "MODEL")]
    model: String,
    /// Print the description as the file has it
    #[arg(long)]
    json: bool,
}

impl Info {
    pub fn run(&self) -> Done {
        if let Some(script) = ScriptSource::named(&self.model) {
            let cancel = Cancel::new();
            console::stop_on_interrupt(&cancel, "stopping")?;
            let model = open_script(&script, &DeviceChoice::Auto, &cancel)?;
            return self.script(&model).map(|()| Ending::Complete);
        }
        let description = checkpoint(&self.model)?.description;
        if self.json {
            write(&description)?;
        } else {
            print(&description)?;
        }
        Ok(Ending::Complete)
    }

    /// What a script says of its model.
    fn script(&self, model: &PythonModel) -> Result<()> {
        let (shape, range, abilities) = (model.shape(), model.sigma_range(), model.abilities());
        let notes: Vec<_> = abilities.notes().collect();
        if self.json {
            return write(&json!({
                "name": model.name(),
                "script": model.source().to_string(),
                "classes": model.classes(),
                "image": {"channels": shape.channels, "height": shape.height, "width": shape.width},
                "sigma_range": range,
                "device": model.device(),
                "memory": model.memory(),
                "device_memory": model.device_memory(),
                "notes": notes,
                "digest": model.digest(),
            }));
        }
        line("name", model.name())?;
        line("classes", &format!("{}: {}", model.classes().len(), model.classes().join(", ")))?;
        line("pictures", &shape.to_string())?;
        line("sigma", &format!("{} to {}", level::describe(range.min), level::describe(range.max)))?;
        line("device", &model.device())?;
        let held = [(model.memory(), ""), (model.device_memory(), " on its device")];
        for (bytes, place) in held.into_iter().filter_map(|(bytes, place)| Some((bytes?, place))) {
            line("memory", &format!("{} MiB{place}", bytes >> 20))?;
        }
        notes.into_iter().try_for_each(|note| line("note", &format!("the model {note}")))
    }
}

fn write(description: &impl serde::Serialize) -> Result<()> {
    console::say(serde_json::to_string_pretty(description).map_err(|e| Error::Compute(e.to_string()))?)
}

fn line(label: &str, text: &str) -> Result<()> {
    console::say(format!("{label:<12} {text}"))
}

fn print(description: &Description) -> Result<()> {
    let line = |label: &str, text: String| line(label, &text);
    let architecture = &description.architecture;
    let list = |numbers: &[usize]| numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    line("name", description.name.clone())?;
    line("classes", format!("{}: {}", description.classes.len(), description.classes.join(", ")))?;
    line("pictures", description.image.to_string())?;
    let range = description.sigma_range;
    line("sigma", format!("{} to {}", level::describe(range.min), level::describe(range.max)))?;
    line("weights", description.parameter_count().to_string())?;
    line("family", architecture.family.describe().to_owned())?;
    let stem = architecture.stem;
    line("stem", format!("{0}×{0}, stride {1}", stem.kernel, stem.stride))?;
    line("stages", format!("{} channels, {} blocks", list(&architecture.widths), list(&architecture.blocks)))?;
    line("licence", description.licence.clone())?;
    let Some(training) = &description.training else { return line("training", "none".to_owned()) };
    line("trained on", format!("{}, objective {}, seed {}", training.data, training.objective, training.seed))?;
    line("length", format!("{} steps, {} pictures", training.steps, training.pictures))?;
    for (name, value) in &training.results {
        line("measured", format!("{name} {value}"))?;
    }
    Ok(())
}
