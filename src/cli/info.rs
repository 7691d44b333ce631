//! `denoscope info`: what a model is and where it comes from.

use clap::Args;

use super::{Done, Ending, console};
use crate::network::{Description, checkpoint};
use crate::study::level;
use crate::{Error, Result};

/// Print a model's description: classes, shape, noise levels, training and licence
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  denoscope info digits\n  denoscope info my.safetensors --json")]
pub(super) struct Info {
    /// A bundled model's name or a model file
    #[arg(value_name = "MODEL")]
    model: String,
    /// Print the description as the file has it
    #[arg(long)]
    json: bool,
}

impl Info {
    pub fn run(&self) -> Done {
        let description = checkpoint(&self.model)?.description;
        if self.json {
            let text = serde_json::to_string_pretty(&description).map_err(|e| Error::Compute(e.to_string()))?;
            console::say(text)?;
        } else {
            print(&description)?;
        }
        Ok(Ending::Complete)
    }
}

fn print(description: &Description) -> Result<()> {
    let line = |label: &str, text: String| console::say(format!("{label:<12} {text}"));
    let architecture = &description.architecture;
    let list = |numbers: &[usize]| numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    line("name", description.name.clone())?;
    line("classes", format!("{}: {}", description.classes.len(), description.classes.join(", ")))?;
    line("pictures", description.image.to_string())?;
    let range = description.sigma_range;
    line("sigma", format!("{} to {}", level::describe(range.min), level::describe(range.max)))?;
    line("weights", description.parameter_count().to_string())?;
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
