//! What a person works on: pictures, noise, attack, and what is looked at. Small to copy, so that undo keeps copies.

use std::path::PathBuf;

use crate::attack::{self, Norm, Objective};
use crate::gui::gpu::{Compare, Content, Look, Mode};
use crate::joint::JointModel;
use crate::picture::{Fit, Noise, NoiseKind};

/// Where a picture came from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A file, and the SHA-256 of its bytes.
    File {
        /// Where it lies.
        path: PathBuf,
        /// 64 hexadecimal digits.
        hash: String,
    },
    /// It comes with a model.
    Sample,
    /// The clipboard.
    Pasted,
    /// Drawn by hand.
    Drawn,
}

/// An open picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What it is called.
    pub name: String,
    /// Where it came from.
    pub source: Source,
    /// At its own size, in [0, 1].
    pub original: Content,
    /// At most 96 pixels a side, for the filmstrip.
    pub thumbnail: Content,
    /// What was read, in words, as the command line says it; empty for what was not read.
    pub read: String,
    /// How it is fitted to the model.
    pub fit: Fit,
}

/// What the grid of classes shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum Reading {
    /// `D_c`
    #[default]
    Restored,
    /// `(D_c − D)/σ²`, the class gradient.
    Gradient,
    /// `D_c − D_top`
    AgainstTop,
}

impl Reading {
    /// Every reading, in order.
    pub const ALL: [Self; 3] = [Self::Restored, Self::Gradient, Self::AgainstTop];

    /// Its name on the switch.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Restored => "D(y|c)",
            Self::Gradient => "D(y|c) − D",
            Self::AgainstTop => "D(y|c) − D(y|top)",
        }
    }
}

/// What the adversary is after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum Aim {
    /// The class: what the picture is taken for.
    #[default]
    Class,
    /// The denoiser: what is restored of the noisy picture.
    Denoiser,
}

/// A tile that can be saved, copied, and made the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum TileKind {
    /// x
    Clean,
    /// y
    Noisy,
    /// D(y)
    Denoised,
    /// y − D(y)
    Residual,
    /// D(y) − x
    Error,
    /// What the grid shows of a class.
    Class(usize),
    /// What the grid shows of all the classes that it does not show one by one.
    Rest,
    /// The attacked picture, at the step that is looked at.
    Attacked,
    /// Attacked minus clean.
    Perturbation,
    /// D of the attacked picture.
    AttackedDenoised,
    /// The class gradient that the attack follows.
    AttackGradient,
    /// The noisy picture that the denoiser is attacked by, at the step that is looked at.
    NoisyAttacked,
    /// That less the noisy picture.
    NoisyPerturbation,
    /// D of the noisy picture that the attack began with.
    RestoredBefore,
    /// D of it at the step that is looked at.
    RestoredAfter,
    /// That less D of the noisy picture.
    RestoredChange,
    /// The attacked picture with noise.
    PurifyNoisy,
    /// Denoised again.
    Purified,
    /// The standard deviation of each pixel by not knowing which class.
    DoubtClasses,
    /// The standard deviation of each pixel by not knowing which details.
    DoubtDetails,
    /// Both together.
    DoubtTotal,
    /// The principal component that is looked at.
    Component,
    /// The picture along it.
    Walked,
    /// What the pixel under the pointer is made of.
    Filter,
    /// What A restores, beside B.
    VersusA,
    /// What B restores.
    VersusB,
    /// What A restores less what B does.
    VersusDifference,
    /// What B restores of the attacked picture.
    TransferDenoised,
    /// The picture on which two models differ.
    DuelFound,
    /// That less the clean one.
    DuelChange,
    /// D of it by A.
    DuelA,
    /// D of it by B.
    DuelB,
    /// A's less B's.
    DuelDifference,
    /// Where the evidence for a class lies, in bits.
    EvidenceMap,
    /// What one of several attacks made of the picture.
    Trial(usize),
    /// That less the clean picture.
    TrialChange(usize),
    /// Pictures drawn from the model, side by side.
    Samples,
    /// The picture with the hole that is painted into it.
    Hole,
    /// What could be in the hole, side by side.
    Fills,
    /// The mean of the fills.
    FillMean,
    /// The standard deviation of each pixel over the fills.
    FillSpread,
    /// The picture on its way to another class, as far as the density tolerates.
    Turned,
    /// What was changed.
    TurnedChange,
    /// The picture on its way by plain descent.
    Plain,
    /// What was changed by that.
    PlainChange,
}

impl TileKind {
    /// Its name, short enough for a caption.
    #[must_use]
    pub fn label(self, classes: &[String]) -> String {
        match self {
            Self::Clean => "Clean x".to_owned(),
            Self::Noisy => "Noisy y".to_owned(),
            Self::Denoised => "Denoised D(y)".to_owned(),
            Self::Residual => "Residual y − D".to_owned(),
            Self::Error => "Error D − x".to_owned(),
            Self::Class(class) => classes.get(class).cloned().unwrap_or_default(),
            Self::Rest => "All others".to_owned(),
            Self::Attacked => "Attacked".to_owned(),
            Self::Perturbation => "Perturbation".to_owned(),
            Self::AttackedDenoised => "D(attacked)".to_owned(),
            Self::AttackGradient => "Gradient".to_owned(),
            Self::NoisyAttacked => "Attacked y + d".to_owned(),
            Self::NoisyPerturbation => "Perturbation d".to_owned(),
            Self::RestoredBefore => "D(y)".to_owned(),
            Self::RestoredAfter => "D(y + d)".to_owned(),
            Self::RestoredChange => "D(y + d) − D(y)".to_owned(),
            Self::PurifyNoisy => "With noise".to_owned(),
            Self::Purified => "Purified".to_owned(),
            Self::DoubtClasses => "Which class?".to_owned(),
            Self::DoubtDetails => "Which details?".to_owned(),
            Self::DoubtTotal => "Together".to_owned(),
            Self::Component => "Component v".to_owned(),
            Self::Walked => "D + aσ√λ v".to_owned(),
            Self::Filter => "Filter".to_owned(),
            Self::VersusA => "A restores".to_owned(),
            Self::VersusB => "B restores".to_owned(),
            Self::VersusDifference | Self::DuelDifference => "A − B".to_owned(),
            Self::TransferDenoised => "D(attacked) by B".to_owned(),
            Self::DuelFound => "Found x*".to_owned(),
            Self::DuelChange => "Change x* − x".to_owned(),
            Self::DuelA => "D(x*) by A".to_owned(),
            Self::DuelB => "D(x*) by B".to_owned(),
            Self::EvidenceMap => "Bits".to_owned(),
            Self::Trial(index) | Self::TrialChange(index) => format!("Attack {}", index + 1),
            Self::Samples => "Drawn".to_owned(),
            Self::Hole => "Hole".to_owned(),
            Self::Fills => "Fills".to_owned(),
            Self::FillMean => "Their mean".to_owned(),
            Self::FillSpread => "Their spread".to_owned(),
            Self::Turned => "With the density".to_owned(),
            Self::Plain => "Plain descent".to_owned(),
            Self::TurnedChange | Self::PlainChange => "Its change".to_owned(),
        }
    }

    /// Its name in files.
    #[must_use]
    pub fn file_name(self, classes: &[String]) -> String {
        match self {
            Self::Class(class) => format!("as-{}", classes.get(class).map_or("class", String::as_str)),
            Self::Trial(index) => format!("attack-{}", index + 1),
            Self::TrialChange(index) => format!("attack-{}-change", index + 1),
            other => format!("{other:?}").to_ascii_lowercase(),
        }
    }

    /// The tile whose look this one shares: all classes look alike, and so do all attacks side by side.
    #[must_use]
    pub fn family(self) -> Self {
        match self {
            Self::Class(_) | Self::Rest => Self::Class(0),
            Self::Trial(_) => Self::Trial(0),
            Self::TrialChange(_) => Self::TrialChange(0),
            other => other,
        }
    }

    /// How it looks until somebody changes that.
    #[must_use]
    pub fn look(self) -> Look {
        match self {
            Self::Residual
            | Self::Error
            | Self::Perturbation
            | Self::AttackGradient
            | Self::NoisyPerturbation
            | Self::RestoredChange
            | Self::Component
            | Self::Filter
            | Self::VersusDifference
            | Self::DuelChange
            | Self::DuelDifference
            | Self::EvidenceMap
            | Self::TurnedChange
            | Self::PlainChange
            | Self::TrialChange(_) => Look::signed(1.0),
            Self::DoubtClasses | Self::DoubtDetails | Self::DoubtTotal | Self::FillSpread => {
                Look { mode: Mode::FalseColour, ..Look::default() }
            }
            _ => Look::default(),
        }
    }

    /// Whether it belongs to what else the picture could be: there a region is dragged.
    #[must_use]
    pub fn is_of_components(self) -> bool {
        matches!(self, Self::Walked | Self::Component)
    }

    /// Whether it shows a picture, not a difference already.
    #[must_use]
    pub fn is_picture(self) -> bool {
        self.look().mode == Mode::Picture
    }
}

/// Everything that undo covers.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The open pictures.
    pub pictures: Vec<Entry>,
    /// Which one is looked at.
    pub current: usize,
    /// The noise that is added, or for an already noisy picture the level that is assumed.
    pub noise: Noise,
    /// The picture has noise of its own.
    pub already_noisy: bool,
    /// What the adversary is after, where the model tells classes apart.
    pub aim: Aim,
    /// The attack on the class.
    pub attack: attack::Settings,
    /// The attack on the denoiser; its level and seed are those of the noise.
    pub denoiser_attack: attack::DenoiserSettings,
    /// How the picture is certified.
    pub smoothing: attack::Smoothing,
    /// The seed of purification.
    pub purify_seed: u64,
    /// Classes that are shown large.
    pub pinned: Vec<usize>,
    /// What the grid of classes shows.
    pub reading: Reading,
    /// w of the classes' restorations `D + w(D_c − D)`.
    pub guidance: f64,
    /// The tile that others are compared with.
    pub reference: TileKind,
    /// How picture tiles are compared with it.
    pub compare: Compare,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            pictures: Vec::new(),
            current: 0,
            noise: Noise { kind: NoiseKind::Gaussian, sigma: 25.0 / 255.0, seed: 0 },
            already_noisy: false,
            aim: Aim::Class,
            attack: default_attack(),
            denoiser_attack: default_denoiser_attack(),
            smoothing: attack::Smoothing { batch: 32, ..attack::Smoothing::new(0.25) },
            purify_seed: 0,
            pinned: Vec::new(),
            reading: Reading::Restored,
            guidance: 1.0,
            reference: TileKind::Clean,
            compare: Compare::Plain,
        }
    }
}

impl Document {
    /// The picture that is looked at.
    #[must_use]
    pub fn entry(&self) -> Option<&Entry> {
        self.pictures.get(self.current)
    }

    /// The picture that is looked at, to change.
    pub fn entry_mut(&mut self) -> Option<&mut Entry> {
        self.pictures.get_mut(self.current)
    }

    /// What the adversary is after, with a model of so many classes: one that tells no classes apart is a denoiser.
    #[must_use]
    pub fn aim(&self, classes: usize) -> Aim {
        if classes == 1 { Aim::Denoiser } else { self.aim }
    }

    /// The attack on the denoiser of the noisy picture on screen. The error cannot be made large where no clean picture is known.
    #[must_use]
    pub fn denoiser_settings(&self) -> attack::DenoiserSettings {
        let own = self.denoiser_attack;
        let objective = if self.already_noisy { Objective::Change } else { own.objective };
        attack::DenoiserSettings { objective, sigma: self.noise.sigma, seed: self.noise.seed, ..own }
    }

    /// The guidance of what the grid of classes shows: differences are shown as they are.
    #[must_use]
    pub fn guidance_shown(&self) -> f64 {
        if self.reading == Reading::Restored { self.guidance } else { 1.0 }
    }

    /// Adds pictures, a person's own before the samples, and looks at the first of them.
    pub fn add(&mut self, entries: Vec<Entry>) {
        let Some(first) = entries.first() else { return };
        let samples = self.pictures.iter().position(|entry| entry.source == Source::Sample);
        let at = samples.filter(|_| first.source != Source::Sample).unwrap_or(self.pictures.len());
        self.current = at;
        self.pictures.splice(at..at, entries);
    }

    /// Another model is in use: classes that were chosen are the new model's of the same name, and those that it does not know
    /// are let go of; an attack on nearly clean pictures is one at the new model's level for them.
    pub fn change_model(&mut self, old: Option<&dyn JointModel>, new: &dyn JointModel) {
        let usual = |model: &dyn JointModel| model.sigma_range().near_clean();
        let before = old.map_or_else(|| default_attack().sigma, usual);
        if self.attack.sigma == before || self.attack.sigma == default_attack().sigma {
            self.attack.sigma = usual(new);
        }
        let Some(old) = old else { return };
        let same = |class: usize| new.classes().iter().position(|name| Some(name) == old.classes().get(class));
        self.pinned = self.pinned.iter().filter_map(|&class| same(class)).collect();
        if let attack::Target::Class(class) = self.attack.target {
            self.attack.target = same(class).map_or(attack::Target::None, attack::Target::Class);
        }
    }

    /// Closes the current picture.
    pub fn close(&mut self) {
        if self.current < self.pictures.len() {
            self.pictures.remove(self.current);
            self.current = self.current.min(self.pictures.len().saturating_sub(1));
        }
    }
}

/// PGD against a classifier that assumes almost no noise; a model that is taken into use puts its own least level there.
fn default_attack() -> attack::Settings {
    attack::Settings::new(attack::Method::Pgd, 1.0 / 255.0)
}

fn default_denoiser_attack() -> attack::DenoiserSettings {
    attack::DenoiserSettings::new(
        Objective::Change,
        Norm::L2,
        attack::DenoiserSettings::usual_epsilon(Norm::L2),
        25.0 / 255.0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joint::GaussianMixture;
    use crate::picture::Shape;

    #[test]
    fn classes_that_were_chosen_go_to_another_model_by_name() {
        let shape = Shape::new(1, 2, 2);
        let knows = |names: &[&str]| GaussianMixture::new(shape, names.len()).named(names);
        let (pets, farm) = (knows(&["cat", "dog", "hen"]), knows(&["cow", "hen", "dog"]));
        let mut document = Document { pinned: vec![0, 1], ..Document::default() };
        document.attack.target = attack::Target::Class(2);
        document.change_model(Some(&pets), &farm);
        assert_eq!((&document.pinned[..], document.attack.target), (&[2][..], attack::Target::Class(1)));
        document.change_model(Some(&farm), &knows(&["cat", "dog"]));
        assert_eq!((&document.pinned[..], document.attack.target), (&[1][..], attack::Target::None));
    }
}
