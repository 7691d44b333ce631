//! The tour: five stops on the window's own controls.

use eframe::egui::Rect;

use super::pane::Pane;

/// A stop of the tour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The noise level.
    Sigma,
    /// The posterior.
    Beliefs,
    /// The restorations as each class.
    Classes,
    /// The attack.
    Fool,
    /// A picture of one's own.
    Picture,
}

impl Stop {
    /// Every stop, in order.
    pub const ALL: [Self; 5] = [Self::Sigma, Self::Beliefs, Self::Classes, Self::Fool, Self::Picture];

    /// What it is called.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Sigma => "Drag σ",
            Self::Beliefs => "What it believes",
            Self::Classes => "As each class",
            Self::Fool => "Fool it",
            Self::Picture => "Your picture",
        }
    }

    /// What is to be seen and done there.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Sigma => {
                "σ is how much noise lies on the picture. Drag the handle: everything in the window follows. The coloured \
                 ribbon over it is what the model believes at every level."
            }
            Self::Beliefs => {
                "p(c|y): how probable each class is, given the noisy picture y. The more noise, the less the model is sure."
            }
            Self::Classes => {
                "The same noisy picture restored as if it were each class. The differences between these restorations are \
                 what the model goes by. A click shows a class large."
            }
            Self::Fool => {
                "A change of the picture too small to see, along the difference of two restorations, and the model takes \
                 it for something else. Choose a method and how large the change may be."
            }
            Self::Picture => {
                "Drop a picture on the window, paste one, or click here. The pane Photograph restores it at its own size; \
                 with the model digits you can draw one (Ctrl+N)."
            }
        }
    }

    /// The pane that it is about.
    #[must_use]
    pub fn pane(self) -> Option<Pane> {
        match self {
            Self::Sigma | Self::Picture => None,
            Self::Beliefs => Some(Pane::named("Beliefs")),
            Self::Classes => Some(Pane::named("Classes")),
            Self::Fool => Some(Pane::ADVERSARY),
        }
    }
}

/// The tour while it goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tour {
    /// The stop that is looked at.
    pub at: usize,
    /// Where its control lies; found in each frame.
    pub landmark: Option<Rect>,
    /// The stop was just reached: its button takes the focus.
    pub arrived: bool,
}

impl Tour {
    /// At the first stop.
    #[must_use]
    pub fn begin() -> Self {
        Self { at: 0, landmark: None, arrived: true }
    }

    /// The stop that is looked at.
    #[must_use]
    pub fn stop(&self) -> Stop {
        Stop::ALL[self.at.min(Stop::ALL.len() - 1)]
    }

    /// Notes where a control lies, if the stop is about it.
    pub fn note(tour: &mut Option<Self>, stop: Stop, rect: Rect) {
        if let Some(tour) = tour.as_mut().filter(|tour| tour.stop() == stop) {
            tour.landmark = Some(rect);
        }
    }
}
