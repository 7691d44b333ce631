//! `denoscope` without a command: the window.

use std::path::PathBuf;

use clap::Args;

use super::Done;

/// What the window opens with.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The model that the window opens with: a bundled model's name, a model file, an ONNX file, or python:SCRIPT.py, which runs
    /// that script
    #[arg(long, value_name = "NAME|PATH|python:SCRIPT.py")]
    model: Option<String>,
    /// Where the window computes: auto, cpu, gpu, gpu:N, gpu:NAME, cuda, cuda:N or metal
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
}

/// Opens the window with `pictures` in it.
#[cfg(feature = "gui")]
pub(super) fn open(paths: Vec<PathBuf>, Options { model, device }: Options) -> Done {
    crate::gui::run(crate::gui::Options { paths, model, device, ..Default::default() })?;
    Ok(super::Ending::Complete)
}

/// Says that this build has no window.
#[cfg(not(feature = "gui"))]
#[allow(clippy::needless_pass_by_value)] // As with a window.
pub(super) fn open(_: Vec<PathBuf>, _: Options) -> Done {
    let reason = "this build has no window: build it with --features gui, or see denoscope --help for the commands";
    Err(crate::Error::Device(reason.to_owned()))
}
