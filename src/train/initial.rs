//! The network that a run begins with: random weights, or those of another model.

use std::collections::BTreeSet;
use std::path::Path;

use super::config::Config;
use crate::data::{DataSet, Statistics};
use crate::network::{self, Checkpoint, Description};
use crate::{Error, Result};

/// A network, and what a person should know of it.
pub(super) struct Initial {
    pub checkpoint: Checkpoint,
    pub notice: Option<String>,
}

/// The network to be trained, from the options and the data's statistics, with its initial weights.
///
/// # Errors
/// [`Error::Checkpoint`] if the model to begin with cannot be read, or takes pictures of another colour than the data's.
pub(super) fn initial(config: &Config, data: &DataSet, statistics: Statistics) -> Result<Initial> {
    let stem = config.out.file_stem().map_or_else(|| "model".to_owned(), |n| n.to_string_lossy().into_owned());
    let name = config.name.clone().unwrap_or(stem);
    let mut description = Description::new(name, data.classes.clone(), data.shape, config.architecture());
    description.deviation = statistics.pooled_deviation();
    description.mean = statistics.mean;
    description.sigma_range = config.sigma_range();
    match &config.init {
        None => Ok(Initial { checkpoint: Checkpoint::untrained(description, config.seed)?, notice: None }),
        Some(path) => tuned(path, description, config.seed),
    }
}

/// The weights of the model at `path`, in a network for the classes and pictures of `asked`. Weights that read out classes begin
/// anew where the classes are others.
fn tuned(path: &Path, asked: Description, seed: u64) -> Result<Initial> {
    let trained = network::checkpoint(&path.to_string_lossy())?;
    let own = &trained.description;
    if own.image.channels != asked.image.channels {
        let colour = |channels| if channels == 1 { "grey" } else { "colour" };
        let reason = format!(
            "takes {} pictures, and the data's are {}",
            colour(own.image.channels),
            colour(asked.image.channels)
        );
        return Err(Error::checkpoint(path, reason));
    }
    // Its weights mean what they do with its own normalisation.
    let description = Description {
        architecture: own.architecture.clone(),
        mean: own.mean.clone(),
        deviation: own.deviation,
        ..asked
    };
    if own.classes == description.classes {
        return Ok(Initial { checkpoint: Checkpoint { description, tensors: trained.tensors }, notice: None });
    }
    let of_classes = class_tensors(&description);
    let mut checkpoint = Checkpoint::untrained(description, seed)?;
    for (name, values) in trained.tensors {
        if !of_classes.contains(&name) {
            checkpoint.tensors.insert(name, values);
        }
    }
    let notice = format!("{} knows other classes: what reads out the classes begins anew", path.display());
    Ok(Initial { checkpoint, notice: Some(notice) })
}

/// The names of the tensors that another class would make larger.
fn class_tensors(description: &Description) -> BTreeSet<String> {
    let mut more = description.clone();
    more.classes.push("another".to_owned());
    let pairs = description.parameters().into_iter().zip(more.parameters());
    pairs.filter(|(own, larger)| own.1 != larger.1).map(|(own, _)| own.0).collect()
}
