//! A training run's options, as the command line takes them and as the run's files keep them.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::augment::Augmentation;
use super::counterfactual::Counterfactual;
use super::noise_levels::NoiseLevels;
use super::objective::Objective;
use super::optimiser::{AdamW, Muon, Settings};
use super::row_options::RowOptions;
use super::schedule::Budget;
use crate::data::{DataSet, Kind};
use crate::joint::SigmaRange;
use crate::network::{Architecture, DeviceChoice};
use crate::{Error, Result, limits};

/// A network size to start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Runs live on a laptop's processor.
    #[default]
    Compact,
    /// The paper's size, with a `ResNet`-18's widths.
    #[value(name = "gradresnet18")]
    #[serde(rename = "gradresnet18")]
    GradResNet18,
    /// The paper's author's public `GradResNet`, of the same widths: blocks that end with a norm, pooled read-outs.
    #[value(name = "pooled18")]
    #[serde(rename = "pooled18")]
    Pooled18,
    /// The same with few layers, for a plain processor.
    PooledThin,
}

/// How often something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// After this many steps.
    Steps(u64),
    /// After this much time.
    Time(Duration),
}

impl FromStr for Every {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |digits: &str| digits.parse::<u64>().ok().filter(|&n| n > 0);
        let every = match text.as_bytes().last() {
            Some(b's') => number(&text[..text.len() - 1]).map(|n| Self::Time(Duration::from_secs(n))),
            Some(b'm') => number(&text[..text.len() - 1])
                .and_then(|n| n.checked_mul(60))
                .map(|seconds| Self::Time(Duration::from_secs(seconds))),
            _ => number(text).map(Self::Steps),
        };
        every.ok_or_else(|| format!("{text} is neither steps (500) nor seconds (30s) nor minutes (5m)"))
    }
}

impl std::fmt::Display for Every {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Steps(steps) => write!(f, "{steps}"),
            Self::Time(time) => write!(f, "{}s", time.as_secs()),
        }
    }
}

impl Serialize for Every {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Every {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The largest rate, decay, weight of a part of the loss and norm of its gradient: what single precision holds, with room.
const LARGEST: f64 = 1e30;
/// The most steps and passes over the data: a run of a step a millisecond takes thirty years for them.
pub(super) const MOST_STEPS: u64 = 1_000_000_000_000;
/// The most pixels of a picture's side.
const LARGEST_SIDE: u64 = 4096;
/// The most pictures a step.
const LARGEST_BATCH: u64 = 1 << 16;
/// The most threads that prepare batches.
const MOST_THREADS: u64 = 1024;

/// The options of a training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, clap::Args)]
#[allow(clippy::struct_excessive_bools)] // each is an option of the command line
pub struct Config {
    /// The data: a folder or .tar.gz of CIFAR-10's binary files, a folder of MNIST's files, a folder of class folders, or a folder
    /// of photographs without classes, of which crops at their own size are taken
    #[arg(long, value_name = "PATH")]
    pub data: PathBuf,
    /// Take all pictures below the data folder for photographs without classes, whatever folders they lie in
    #[arg(long)]
    #[serde(default)]
    pub photographs: bool,
    /// The model file to write; OUT.state and OUT.csv are written beside it
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
    /// The model's name in its file (default: the file's)
    #[arg(long)]
    pub name: Option<String>,
    /// Begin with the weights, network and normalisation of this model, a file or a bundled one's name, instead of random
    /// weights: fine-tuning. Of another size or for other classes it may be: then what reads out the classes begins anew.
    /// With --blocks it gets deeper: blocks that it lacks begin by adding nothing
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["preset", "widths", "strides"])]
    #[serde(default)]
    pub init: Option<PathBuf>,
    /// The network's size
    #[arg(long, value_enum, default_value_t)]
    pub preset: Preset,
    /// Channels of each stage, instead of the preset's
    #[arg(long, value_delimiter = ',', value_name = "N,N,…")]
    pub widths: Option<Vec<usize>>,
    /// Residual blocks of each stage, instead of the preset's
    #[arg(long, value_delimiter = ',', value_name = "N,N,…")]
    pub blocks: Option<Vec<usize>>,
    /// Stride of each stage, instead of the preset's; the first is 1
    #[arg(long, value_delimiter = ',', value_name = "N,N,…")]
    pub strides: Option<Vec<usize>>,
    /// What to train for: joint, classify or denoise
    #[arg(long, default_value_t)]
    pub objective: Objective,
    /// The weight of the score's error against the cross-entropy
    #[arg(long, default_value_t = 10.0)]
    pub lambda: f64,
    /// The share of each batch that trains the score of its true class instead of the mixture's, 0 to 1
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    pub conditional_share: f32,
    /// The share of each batch that trains the score of a class drawn at random, from the mean of that class's pictures given
    /// the noisy one, 0 to 1
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    #[serde(default)]
    pub counterfactual_share: f32,
    /// The smallest noise level of those rows: below it, one picture of the class outweighs all others
    #[arg(long, default_value_t = 0.5, value_name = "S")]
    #[serde(default)]
    pub counterfactual_sigma: f32,
    #[command(flatten)]
    #[serde(flatten)]
    pub rows: RowOptions,
    /// The smallest noise level trained, on the [0, 1] scale
    #[arg(long, default_value_t = 0.005, value_name = "S")]
    pub sigma_min: f32,
    /// The largest noise level trained, on the [0, 1] scale
    #[arg(long, default_value_t = 1.0, value_name = "S")]
    pub sigma_max: f32,
    /// How often each level between is shown: log-uniform, uniform, or log-normal:MEDIAN:SPREAD (of ln σ)
    #[arg(long, default_value_t, value_name = "LAW")]
    #[serde(default)]
    pub sigma_distribution: NoiseLevels,
    /// Pictures a step
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub batch: usize,
    /// Stop after this many passes over the data (30 if no length is given)
    #[arg(long, conflicts_with_all = ["steps", "hours"], value_name = "N")]
    pub epochs: Option<f64>,
    /// Stop after this many steps
    #[arg(long, conflicts_with = "hours", value_name = "N")]
    pub steps: Option<u64>,
    /// Stop after this much training time; such a run cannot be repeated bit for bit
    #[arg(long, value_name = "H")]
    pub hours: Option<f64>,
    /// Muon's learning rate, for convolutions and read-outs
    #[arg(long, default_value_t = Muon::default().rate, value_name = "R")]
    pub lr_muon: f64,
    /// AdamW's learning rate, for everything else
    #[arg(long, default_value_t = AdamW::default().rate, value_name = "R")]
    pub lr_adam: f64,
    /// The weight decay of Muon's matrices
    #[arg(long, default_value_t = Muon::default().decay, value_name = "D")]
    pub decay_muon: f64,
    /// The weight decay of AdamW's matrices
    #[arg(long, default_value_t = AdamW::default().decay, value_name = "D")]
    pub decay_adam: f64,
    /// The largest norm of the gradient
    #[arg(long, default_value_t = 1.0, value_name = "NORM")]
    pub clip: f64,
    /// Steps over which the learning rates rise
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub warmup: u64,
    /// The decay of the weights' moving average, which is what is saved
    #[arg(long, default_value_t = 0.999, value_name = "D")]
    pub ema: f64,
    /// Whether half of the pictures are mirrored (default: yes, but not for digits)
    #[arg(long, value_name = "BOOL")]
    pub flip: Option<bool>,
    /// Pixels by which a picture is shifted at most, its border reflected (default: 4, 2 for digits, 0 for crops of photographs)
    #[arg(long, value_name = "N")]
    pub crop: Option<usize>,
    /// The side in pixels of a grey square that hides a part of each picture (cutout), with --classify-share of those rows' alone; 0: none
    #[arg(long, default_value_t = 0, value_name = "N")]
    #[serde(default)]
    pub cutout: usize,
    /// The seed of weights, order, augmentation and noise
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// Side in pixels to which a folder's pictures are fitted (32 if not given), or of the crops of photographs (64)
    #[arg(long, value_name = "N")]
    pub size: Option<usize>,
    /// Use only N training pictures, each class its share
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Pictures to measure on, each class its share: of a val folder where there is one, else training pictures, which are kept
    /// aside (default: 1000; of training pictures at most a tenth)
    #[arg(long, value_name = "N")]
    pub holdout: Option<usize>,
    /// The seed of the choice of the pictures that --holdout and --limit mean; the same whatever --seed is
    #[arg(long, default_value_t = 0, value_name = "N")]
    #[serde(default)]
    pub split_seed: u64,
    /// How often to measure: steps (500), seconds (30s) or minutes (5m)
    #[arg(long, default_value = "5m", value_name = "EVERY")]
    pub evaluate_every: Every,
    /// How often to save: steps (500), seconds (30s) or minutes (5m)
    #[arg(long, default_value = "5m", value_name = "EVERY")]
    pub checkpoint_every: Every,
    /// Steps between two lines of the log
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub log_every: u64,
    /// Threads that prepare batches (default: all cores but one)
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Where to train: auto (CUDA or Metal where the build has them, else cpu), cpu, gpu, gpu:N or gpu:NAME (any graphics card),
    /// cuda, cuda:N or metal
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
    /// On CUDA, multiply with TF32's ten bits: faster, and training tolerates it
    #[arg(long)]
    pub tf32: bool,
    /// Write the model with 16-bit weights: half the size, rounded to eleven bits; the state keeps them whole
    #[arg(long)]
    #[serde(default)]
    pub half: bool,
    /// Continue the run that wrote OUT.state, with its options and, if no --data is given, its data; only its length, device, log
    /// and --half may be changed
    #[arg(long)]
    #[serde(skip)]
    pub resume: bool,
    /// Replace a model that is there
    #[arg(long = "force", conflicts_with = "resume")]
    #[serde(skip)]
    pub overwrite: bool,
}

impl Config {
    /// The default options for a data set and a model file.
    #[must_use]
    pub fn new(data: impl Into<PathBuf>, out: impl Into<PathBuf>) -> Self {
        #[derive(clap::Parser)]
        struct Defaults {
            #[command(flatten)]
            config: Config,
        }
        let defaults = <Defaults as clap::Parser>::parse_from(["train", "--data", "-", "--out", "-"]);
        Self { data: data.into(), out: out.into(), ..defaults.config }
    }

    /// Says which option has a value that it cannot have.
    ///
    /// # Errors
    /// [`Error::Option`] naming it.
    pub fn check(&self) -> Result<()> {
        let positive = |option: &str, value: f64, most: f64| {
            limits::number(option, value, 0.0, most)?;
            if value > 0.0 { Ok(()) } else { Err(Error::option(option, format!("{value} is not a positive number"))) }
        };
        let share = |option: &str, value: f64| limits::number(option, value, 0.0, 1.0);
        limits::number("--lambda", self.lambda, 0.0, LARGEST)?;
        limits::number("--decay-muon", self.decay_muon, 0.0, LARGEST)?;
        limits::number("--decay-adam", self.decay_adam, 0.0, LARGEST)?;
        limits::positive_sigma("--sigma-min", self.sigma_min)?;
        limits::positive_sigma("--sigma-max", self.sigma_max)?;
        positive("--lr-muon", self.lr_muon, LARGEST)?;
        positive("--lr-adam", self.lr_adam, LARGEST)?;
        positive("--clip", self.clip, LARGEST)?;
        share("--conditional-share", f64::from(self.conditional_share))?;
        share("--counterfactual-share", f64::from(self.counterfactual_share))?;
        limits::sigma("--counterfactual-sigma", self.counterfactual_sigma)?;
        self.rows.check(self.conditional_share + self.counterfactual_share)?;
        if self.conditional_share + self.counterfactual_share > 1.0 {
            let reason = format!("and --conditional-share {} are more than the whole batch", self.conditional_share);
            return Err(Error::option("--counterfactual-share", reason));
        }
        share("--ema", self.ema)?;
        positive("--epochs", self.epochs.unwrap_or(1.0), MOST_STEPS as f64)?;
        if let Some(hours) = self.hours {
            limits::time("--hours", hours * 3600.0)?;
        }
        limits::whole("--steps", self.steps.unwrap_or(1), 1, MOST_STEPS)?;
        limits::whole("--warmup", self.warmup, 0, MOST_STEPS)?;
        limits::whole("--log-every", self.log_every, 1, MOST_STEPS)?;
        let side = self.size.unwrap_or(32);
        limits::whole("--size", side as u64, 1, LARGEST_SIDE)?;
        limits::whole("--crop", self.crop.unwrap_or(0) as u64, 0, LARGEST_SIDE)?;
        limits::whole("--cutout", self.cutout as u64, 0, LARGEST_SIDE)?;
        limits::whole("--batch", self.batch as u64, 1, LARGEST_BATCH)?;
        limits::memory("--batch", self.batch, 3 * side * side)?;
        limits::whole("--threads", self.threads.unwrap_or(1) as u64, 0, MOST_THREADS)?;
        if self.sigma_min >= self.sigma_max {
            return Err(Error::option("--sigma-min", format!("must be below --sigma-max {}", self.sigma_max)));
        }
        if self.rows.adversarial.is_some() && self.objective == Objective::Denoise {
            return Err(Error::option("--adversarial", "trains the classes, which --objective denoise does not"));
        }
        if self.init.is_none() {
            self.architecture().check().map_err(|reason| Error::option("--widths, --blocks and --strides", reason))?;
        }
        self.device_choice().map(|_| ())
    }

    /// The device that `--device` names.
    ///
    /// # Errors
    /// [`Error::Option`] if it names none.
    pub fn device_choice(&self) -> Result<DeviceChoice> {
        self.device.parse()
    }

    /// The rows that train another class's score, over the first `pictures` pictures of `data`, if there are any.
    #[must_use]
    pub fn counterfactual(&self, data: &DataSet, pictures: usize) -> Option<Counterfactual> {
        let (share, sigma) = (self.counterfactual_share, self.counterfactual_sigma);
        (share > 0.0).then(|| Counterfactual::new(data, pictures, share, sigma))
    }

    /// The range of σ.
    #[must_use]
    pub fn sigma_range(&self) -> SigmaRange {
        SigmaRange { min: self.sigma_min, max: self.sigma_max }
    }

    /// The network's numbers: the preset's, with the person's own in their place.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        let mut architecture = match self.preset {
            Preset::Compact => Architecture::compact(),
            Preset::GradResNet18 => Architecture::gradresnet18(),
            Preset::Pooled18 => Architecture::pooled18(),
            Preset::PooledThin => Architecture::pooled_thin(),
        };
        let fields = [
            (&mut architecture.widths, &self.widths),
            (&mut architecture.blocks, &self.blocks),
            (&mut architecture.strides, &self.strides),
        ];
        for (field, own) in fields {
            if let Some(own) = own {
                field.clone_from(own);
            }
        }
        architecture
    }

    /// The optimiser's constants.
    #[must_use]
    pub fn optimiser(&self) -> Settings {
        Settings {
            muon: Muon { rate: self.lr_muon, decay: self.decay_muon, ..Muon::default() },
            adamw: AdamW { rate: self.lr_adam, decay: self.decay_adam, ..AdamW::default() },
            clip: self.clip,
        }
    }

    /// What is done to each picture of a data set of this kind.
    #[must_use]
    pub fn augmentation(&self, kind: Kind) -> Augmentation {
        Augmentation {
            mirror: self.flip.unwrap_or(kind.mirrors()),
            shift: self.crop.unwrap_or(match kind {
                Kind::Mnist => 2,
                Kind::Photographs => 0,
                Kind::Cifar10 | Kind::Folder => 4,
            }),
            hole: self.cutout,
        }
    }

    /// The length of the run over `pictures` training pictures.
    #[must_use]
    pub fn budget(&self, pictures: usize) -> Budget {
        match (self.steps, self.hours) {
            (Some(steps), _) => Budget::Steps(steps),
            // Hours that are no time were refused; here they are none.
            (None, Some(hours)) => Budget::Time(Duration::try_from_secs_f64(hours * 3600.0).unwrap_or_default()),
            (None, None) => {
                let shown = self.epochs.unwrap_or(30.0) * pictures as f64;
                Budget::Steps((shown / self.batch as f64).ceil() as u64)
            }
        }
    }

    /// The options of a run taken up again: those that it was started with, with this command's length, device and log.
    ///
    /// # Errors
    /// [`Error::Option`] if this command asks for another value of an option that cannot change on the way.
    pub fn resumed(&self, started: &Self) -> Result<Self> {
        let mut config = started.clone();
        config.data.clone_from(&self.data);
        config.out.clone_from(&self.out);
        if self.steps.is_some() || self.hours.is_some() || self.epochs.is_some() {
            (config.steps, config.hours, config.epochs) = (self.steps, self.hours, self.epochs);
        }
        config.evaluate_every = self.evaluate_every;
        config.checkpoint_every = self.checkpoint_every;
        config.log_every = self.log_every;
        config.threads = self.threads;
        config.device.clone_from(&self.device);
        config.tf32 = self.tf32;
        config.half = self.half;
        config.resume = self.resume;
        config.overwrite = self.overwrite;
        // Whatever else differs was typed, unless it is the default.
        let json = |config: &Self| serde_json::to_value(config).map_err(|e| Error::Compute(e.to_string()));
        let (own, kept, default) = (json(self)?, json(&config)?, json(&Self::new(&*self.data, &*self.out))?);
        for (name, value) in own.as_object().into_iter().flatten() {
            if matches!(name.as_str(), "steps" | "hours" | "epochs") {
                continue;
            }
            if kept[name] != *value && default[name] != *value {
                let option = format!("--{}", name.replace('_', "-"));
                return Err(Error::option(
                    option,
                    format!("the run was started with {}; it cannot change", kept[name]),
                ));
            }
        }
        Ok(config)
    }
}
