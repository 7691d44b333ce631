//! `denoscope devices`: what a model can be computed on, and how fast.

use std::path::Path;

use clap::Args;

use super::outputs::OutputArguments;
use super::{Done, Ending};
use crate::bridge::ScriptSource;
use crate::network::{DeviceReport, checkpoint, devices};
use crate::{Error, Result};

/// List what a model can be computed on, how long an analysis takes there, and what `--device auto` takes
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  denoscope devices\n  denoscope devices my.safetensors --json -")]
pub(super) struct Devices {
    /// A bundled model's name or a model file
    #[arg(value_name = "MODEL", default_value = "cifar10")]
    model: String,
    #[command(flatten)]
    output: OutputArguments,
}

impl Devices {
    pub fn run(&self) -> Done {
        self.output.outputs([Path::new(&self.model)])?;
        if ScriptSource::named(&self.model).is_some() {
            let reason = "computes where its Python has put it: denoscope info says where that is";
            return Err(Error::Device(format!("{}: {reason}", self.model)));
        }
        let found = devices(&checkpoint(&self.model)?)?;
        for device in &found {
            self.print(device)?;
        }
        self.output.write(&found)?;
        Ok(Ending::Complete)
    }

    fn print(&self, device: &DeviceReport) -> Result<(), Error> {
        let mark = if device.automatic { "*" } else { " " };
        let time = device.analysis_ms.map_or_else(|| "–".to_owned(), |ms| format!("{ms:.1} ms"));
        self.output.say(format!("{mark} {:<8} {time:>10}  {}", device.device, device.name))?;
        let line = |text: String| self.output.say(format!("{:24}{text}", ""));
        device.about().map_or(Ok(()), line)?;
        device.note.as_ref().map_or(Ok(()), |note| line(note.clone()))
    }
}
