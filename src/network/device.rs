//! Which device the network runs on, chosen at run time, with a message that names the missing feature.

use std::str::FromStr;

use super::Checkpoint;
#[cfg(feature = "gpu")]
use super::graphics_card;
use super::tensors::{self, Place, TensorLearner, TensorPasses};
use crate::engine::{Learner, Passes, Stepper};
use crate::kernels::engine::{Processor, ProcessorLearner};
use crate::{Error, Result};

/// The device that a person asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// CUDA or Metal where the build has them; else a graphics card, if the model was measured to be faster on it; else the
    /// processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A graphics card with Vulkan, Metal or DirectX 12: the best one, or by its number or a part of its name.
    Gpu(Option<String>),
    /// An NVIDIA graphics processor, by number.
    Cuda(usize),
    /// An Apple graphics processor.
    Metal,
}

impl FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            None => match text {
                "auto" => return Ok(Self::Auto),
                "cpu" => return Ok(Self::Cpu),
                "gpu" => return Ok(Self::Gpu(None)),
                "cuda" => return Ok(Self::Cuda(0)),
                "metal" => return Ok(Self::Metal),
                _ => {}
            },
            Some(("cuda", number)) => {
                if let Ok(number) = number.parse() {
                    return Ok(Self::Cuda(number));
                }
            }
            Some(("gpu", card)) if !card.trim().is_empty() => return Ok(Self::Gpu(Some(card.trim().to_owned()))),
            Some(_) => {}
        }
        let known = "auto, cpu, gpu, gpu:N, gpu:NAME, cuda, cuda:N, metal";
        Err(Error::option("--device", format!("{text} is none of {known}; `denoscope devices` lists what is there")))
    }
}

impl std::fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => write!(f, "auto"),
            Self::Cpu => write!(f, "cpu"),
            Self::Gpu(None) => write!(f, "gpu"),
            Self::Gpu(Some(card)) => write!(f, "gpu:{card}"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal => write!(f, "metal"),
        }
    }
}

impl DeviceChoice {
    /// Every choice that makes sense to show, each with why it cannot be had, where it cannot.
    #[must_use]
    pub fn available() -> Vec<(Self, Option<String>)> {
        let mut choices = vec![Self::Auto, Self::Cpu];
        #[cfg(feature = "gpu")]
        choices.extend(crate::gpu::cards().iter().map(|card| Self::Gpu(Some(card.number.to_string()))));
        choices.extend([Self::Cuda(0), Self::Metal]);
        let state = |choice: Self| {
            let missing = match choice {
                Self::Gpu(_) => None,
                _ => choice.tensors().err().map(|e| e.to_string()),
            };
            (choice, missing)
        };
        choices.into_iter().map(state).collect()
    }

    /// The choice with the name of the card that it means, where it means one.
    #[must_use]
    pub fn label(&self) -> String {
        #[cfg(feature = "gpu")]
        if let Self::Gpu(Some(text)) = self
            && let Some(card) = crate::gpu::cards().iter().find(|card| card.number.to_string() == *text)
        {
            return card.title();
        }
        self.to_string()
    }

    /// The choice with the number of the card that it means, where it means one that is there.
    #[must_use]
    pub fn resolved(&self) -> Self {
        #[cfg(feature = "gpu")]
        if let Self::Gpu(text) = self
            && let Ok(card) = crate::gpu::choose(&crate::gpu::Selector::parse(text.as_deref().unwrap_or_default()))
        {
            return Self::Gpu(Some(card.number.to_string()));
        }
        self.clone()
    }

    /// The choice for training, where `auto` knows no graphics card.
    #[must_use]
    pub(crate) fn for_training(&self) -> Self {
        if *self != Self::Auto {
            return self.clone();
        }
        Self::with_tensors().map_or(Self::Cpu, |(choice, _)| choice)
    }

    /// The best device with tensors, if there is one.
    fn with_tensors() -> Option<(Self, Place)> {
        [Self::Cuda(0), Self::Metal].into_iter().find_map(|choice| Some((choice.clone(), choice.tensors().ok()??)))
    }

    /// Where tensors are to lie; none for a choice that needs no tensors.
    ///
    /// # Errors
    /// [`Error::Device`] if this build or this machine does not have it.
    pub(super) fn tensors(&self) -> Result<Option<Place>> {
        match self {
            Self::Cpu | Self::Gpu(_) => Ok(None),
            Self::Auto => Ok(Self::with_tensors().map(|(_, place)| place)),
            Self::Cuda(number) => tensors::cuda(*number).map(Some),
            Self::Metal => tensors::metal().map(Some),
        }
    }

    /// An engine that answers for a checkpoint's network, and why `auto` took it.
    ///
    /// # Errors
    /// [`Error::Device`] if the device is not to be had, [`Error::Compute`] if the weights do not fit.
    pub(super) fn passes(&self, checkpoint: &Checkpoint) -> Result<(Box<dyn Passes>, Option<String>)> {
        let program = checkpoint.description.program();
        let weights = checkpoint.weights(&program)?;
        if let Some(place) = self.tensors()? {
            return Ok((Box::new(TensorPasses::new(&program, &weights, &place)?), None));
        }
        let mut reason = None;
        #[cfg(feature = "gpu")]
        {
            let card = match self {
                Self::Gpu(card) => Some(graphics_card::load(checkpoint, card.as_deref().unwrap_or_default())?),
                Self::Auto => {
                    let (card, why) = graphics_card::automatic(checkpoint);
                    reason = Some(why);
                    card
                }
                _ => None,
            };
            if let Some(card) = card {
                return Ok((Box::new(card), reason));
            }
        }
        #[cfg(not(feature = "gpu"))]
        if let Self::Gpu(_) = self {
            return Err(self.without_cards());
        }
        Ok((Box::new(Processor::new(&program, &weights)?), reason.take()))
    }

    /// Why a card cannot be had in a build that knows none.
    #[cfg(not(feature = "gpu"))]
    fn without_cards(&self) -> Error {
        Error::Device(format!("--device {self}: this build cannot use a graphics card; build it with --features gpu"))
    }

    /// What learns a checkpoint's weights.
    ///
    /// # Errors
    /// [`Error::Device`] if the device is not to be had, [`Error::Compute`] if the weights do not fit.
    pub(crate) fn trainee(&self, checkpoint: &Checkpoint) -> Result<Trainee> {
        #[cfg(feature = "gpu")]
        if let Self::Gpu(card) = self {
            let learner = graphics_card::learner(checkpoint, card.as_deref().unwrap_or_default())?;
            return Ok(Trainee::Resident(Box::new(learner)));
        }
        #[cfg(not(feature = "gpu"))]
        if let Self::Gpu(_) = self {
            return Err(self.without_cards());
        }
        let program = checkpoint.description.program();
        let weights = checkpoint.weights(&program)?;
        if let Some(place) = self.tensors()? {
            return Ok(Trainee::Tensors(Box::new(TensorLearner::new(&program, &weights, &place)?)));
        }
        let mut learner = ProcessorLearner::new(program);
        learner.load(&weights)?;
        Ok(Trainee::Host(Box::new(learner)))
    }
}

/// What learns, with its weights loaded, and where they are kept.
#[derive(Debug)]
pub(crate) enum Trainee {
    /// Beside an optimiser in this program's memory.
    Host(Box<dyn Learner>),
    /// In tensors of a device, where the optimiser's work is done too: nothing crosses over in a step.
    Tensors(Box<TensorLearner>),
    /// On a device that does the optimiser's work itself.
    #[cfg_attr(not(feature = "gpu"), expect(dead_code, reason = "only graphics cards do"))]
    Resident(Box<dyn Stepper>),
}

/// Lets matrix products on CUDA round their factors to TF32 (10 bits), which training tolerates and inference avoids.
pub fn allow_tf32(allow: bool) {
    tensors::allow_tf32(allow);
}
