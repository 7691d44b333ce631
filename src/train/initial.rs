//! The network that a run begins with: random weights, or those of another model.

use std::collections::BTreeSet;
use std::path::Path;

use super::config::Config;
use crate::data::{DataSet, Statistics};
use crate::network::{self, Checkpoint, Description};
use crate::program::{Architecture, Family};
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
        Some(path) => tuned(path, config.blocks.as_deref(), description, config.seed),
    }
}

/// The weights of the model at `path`, in a network for the classes and pictures of `asked`, which may have more residual `blocks`.
/// Weights that read out classes begin anew where the classes are others.
fn tuned(path: &Path, blocks: Option<&[usize]>, asked: Description, seed: u64) -> Result<Initial> {
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
    let architecture = deepened(path, &own.architecture, blocks)?;
    // Its weights mean what they do with its own normalisation.
    let description = Description { architecture, mean: own.mean.clone(), deviation: own.deviation, ..asked };
    let of_classes = if own.classes == description.classes { BTreeSet::new() } else { class_tensors(&description) };
    let mut checkpoint = Checkpoint::untrained(description, seed)?;
    let added = checkpoint.tensors.iter_mut().filter(|(name, _)| !trained.tensors.contains_key(*name));
    // A residual block whose last convolution is zero adds nothing, so the network begins as the function that it was.
    added.filter(|(name, _)| name.ends_with(".conv2.weight")).for_each(|(_, last)| last.values.fill(0.0));
    for (name, values) in trained.tensors {
        if !of_classes.contains(&name) {
            checkpoint.tensors.insert(name, values);
        }
    }
    let notice = format!("{} knows other classes: what reads out the classes begins anew", path.display());
    Ok(Initial { checkpoint, notice: (!of_classes.is_empty()).then_some(notice) })
}

/// The architecture of the model at `path`, with so many residual blocks.
fn deepened(path: &Path, own: &Architecture, blocks: Option<&[usize]>) -> Result<Architecture> {
    let Some(blocks) = blocks.filter(|blocks| *blocks != own.blocks) else {
        return Ok(own.clone());
    };
    let has = own.blocks.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let refuse = |reason: String| Err(Error::option("--blocks", reason));
    if own.family != Family::Bilinear {
        return refuse(format!(
            "{} is of the pooled family, whose blocks cannot begin by adding nothing",
            path.display()
        ));
    }
    if blocks.len() != own.blocks.len() || blocks.iter().zip(&own.blocks).any(|(asked, own)| asked < own) {
        return refuse(format!("{} has {has}: name a number for each stage, none smaller", path.display()));
    }
    let architecture = Architecture { blocks: blocks.to_vec(), ..own.clone() };
    architecture.check().map_err(|reason| Error::option("--blocks", reason))?;
    Ok(architecture)
}

/// The names of the tensors that another class would make larger.
fn class_tensors(description: &Description) -> BTreeSet<String> {
    let mut more = description.clone();
    more.classes.push("another".to_owned());
    let pairs = description.parameters().into_iter().zip(more.parameters());
    pairs.filter(|(own, larger)| own.1 != larger.1).map(|(own, _)| own.0).collect()
}
