//! `denoscope usual`: what is usual among pictures of a model's own kind, kept beside it.

use std::path::PathBuf;

use clap::Args;

use super::outputs::Outputs;
use super::{Done, Ending, console};
use crate::data::{Keep, Loader, Purpose, open};
use crate::files::write_whole;
use crate::joint::{JointModel, Usual};
use crate::network::{self, DeviceChoice, usual_path};
use crate::study::evaluation::Samples;
use crate::task::Cancel;
use crate::{Error, Result};

/// Measure what is usual among pictures of a model's own kind that it was not trained on: log p(y) and the score, by noise level
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  denoscope usual mine.safetensors --data cifar-10-batches-bin/\n  denoscope usual cifar10 --data cifar-10-batches-bin/ -o usual.json\n\n\
                        It is written beside the model, as mine.usual.json, where the window finds it: of each picture it then says where its log p(y) lies \
                        among these, and marks one that is unlike all of them. A model that is trained with 200 pictures or more kept \
                        aside has it in its own file."
)]
pub(super) struct UsualCommand {
    /// A model file, or a bundled model's name
    #[arg(value_name = "MODEL")]
    model: String,
    /// Pictures of its kind that it was not trained on, as eval takes them
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// Use only N pictures
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// The seed of the noise
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Where to compute, as --device of the other commands
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = super::arguments::plain::<DeviceChoice>)]
    device: DeviceChoice,
    /// Where to write it (beside the model if not given)
    #[arg(long, short, value_name = "FILE.json")]
    output: Option<PathBuf>,
    /// Replace a file that exists
    #[arg(long)]
    force: bool,
}

impl UsualCommand {
    pub fn run(&self) -> Done {
        let out = self.output()?;
        Outputs::new(self.force, [self.data.as_path()]).file("--output", &out)?;
        let cancel = Cancel::new();
        console::stop_on_interrupt(&cancel, "stopping")?;
        let model = network::open(&self.model, &self.device)?;
        let set = open(&self.data, Some(model.shape()), Purpose::Measuring)?;
        let samples = {
            let keep = Keep::Meanwhile(std::env::temp_dir());
            let loader = &mut Loader { keep, cancel: &cancel, observe: &mut |_, _| () };
            Samples::new(set, &model, Some(self.limit as usize), loader)?
        };
        let bar = console::progress(1000, "{bar:24} {percent} %, {eta} left");
        let observe = &mut |share: f32| bar.set_position((share * 1000.0) as u64);
        let picture = |index| samples.picture(index);
        let usual = Usual::measure(&model, &samples.name, samples.len(), &picture, self.seed, (&cancel, observe));
        bar.finish_and_clear();
        let text =
            serde_json::to_string(&usual?).map_err(|e| Error::Compute(format!("the results are no JSON: {e}")))?;
        write_whole(&out, format!("{text}\n").as_bytes(), self.force)?;
        console::say(format!("{} pictures of {} measured: {}", samples.len(), samples.name, out.display()))?;
        Ok(Ending::Complete)
    }

    /// The file to write.
    fn output(&self) -> Result<PathBuf> {
        if let Some(path) = &self.output {
            return Ok(path.clone());
        }
        if network::bundled().iter().any(|model| model.name == self.model) {
            let reason =
                format!("is missing: {} lies inside the program, and nothing can be written beside it", self.model);
            return Err(Error::option("--output", reason));
        }
        Ok(usual_path(self.model.as_ref()))
    }
}
