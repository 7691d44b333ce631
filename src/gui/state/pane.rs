//! What a pane is called, for layouts, commands, and whoever asks whether it is in sight.

use std::borrow::Cow;

use eframe::egui;
use egui_tiles::Tree;

/// A pane, by the name that saved layouts and commands know it by. What there are, `view::panes` says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Pane(Cow<'static, str>);

impl Pane {
    /// The attack.
    pub const ADVERSARY: Self = Self::named("Adversary");
    /// Several attacks side by side.
    pub const TRIALS: Self = Self::named("Trials");
    /// What is proved about the picture.
    pub const CERTIFICATE: Self = Self::named("Certificate");
    /// What the Jacobian of the denoiser tells.
    pub const EXPLORE: Self = Self::named("Explore");
    /// Two models side by side.
    pub const VERSUS: Self = Self::named("Versus");
    /// The whole picture at its own size.
    pub const PHOTOGRAPH: Self = Self::named("Photograph");
    /// The figures on a data set.
    pub const EVALUATION: Self = Self::named("Evaluation");
    /// The training run.
    pub const TRAINING: Self = Self::named("Training");
    /// The picture as it is fitted, or drawn.
    pub const PICTURE: Self = Self::named("Picture");

    /// The pane of this name, which saved layouts hold: once given, it stays.
    #[must_use]
    pub const fn named(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }
}

/// A layout without panes.
#[must_use]
pub fn no_layout() -> Tree<Pane> {
    Tree::empty(egui::Id::unique("panes"))
}
