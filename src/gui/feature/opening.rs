//! Reading and building models. It takes a while: never on the window's thread.

use std::sync::Arc;

use super::oracle::oracle;
use crate::bridge::{PythonModel, ScriptSource};
use crate::gui::state::model::{Model, ModelSource};
use crate::gui::work::worker::Wake;
use crate::network::{self, Checkpoint, DeviceChoice, Network};
use crate::task::Cancel;
use crate::{Error, Result};

/// A model of any kind. `cancel` calls off a script that is being opened, and later a question that it does not answer.
///
/// # Errors
/// Those of [`open`] and [`PythonModel::open`].
pub fn open_any(source: &ModelSource, device: &str, cancel: &Cancel, wake: Wake) -> Result<Model> {
    match source {
        ModelSource::Script(script) => open_script(script, device, cancel, wake),
        _ => open(source.clone(), device),
    }
}

/// Runs a script and asks it what it is. The window looks whenever it prints.
fn open_script(script: &ScriptSource, device: &str, cancel: &Cancel, wake: Wake) -> Result<Model> {
    let listener = Arc::new(move |_: &str| wake());
    let model = Arc::new(PythonModel::open(script, device, cancel, Some(listener))?);
    Ok(Model::of_script(script.clone(), model))
}

/// A model that is no script.
///
/// # Errors
/// Those of [`Checkpoint::read`] and [`Network::load`], and of a device that does not exist.
pub fn open(source: ModelSource, device: &str) -> Result<Model> {
    if source == ModelSource::Oracle {
        return Ok(Model::new(source, Arc::new(oracle()), None));
    }
    let checkpoint = checkpoint(&source)?;
    let device: DeviceChoice = device.parse()?;
    let mut description = checkpoint.description.clone();
    // It may lie beside the checkpoint.
    description.usual = network::usual(&source.argument(), &description);
    let description = Arc::new(description);
    let network = Network::load_ready(checkpoint, &device)?;
    Ok(Model::new(source, Arc::new(network), Some(description)))
}

/// The checkpoint that a source means.
///
/// # Errors
/// Those of [`Checkpoint::read`]; [`Error::Compute`] for what has none.
pub fn checkpoint(source: &ModelSource) -> Result<Checkpoint> {
    match source {
        ModelSource::File(path) => Checkpoint::read(path),
        ModelSource::Bundled(name) => network::checkpoint(name),
        ModelSource::Oracle | ModelSource::Script(_) => {
            Err(Error::Compute(format!("{} is no checkpoint", source.label())))
        }
    }
}
