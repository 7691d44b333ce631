//! From settings to a search.

use super::apgd::Apgd;
use super::budget::Ball;
use super::carlini_wagner::CarliniWagner;
use super::deepfool::Deepfool;
use super::ensemble::Ensemble;
use super::fab::Fab;
use super::noise::GaussianNoise;
use super::pma::Pma;
use super::search::{Begin, Search, Unneeded};
use super::smallest::Smallest;
use super::square::Square;
use super::steepest::Steepest;
use super::{Method, Mode, Settings};

/// The search that the settings ask for, on the picture at the ball's centre.
pub(super) fn search(settings: &Settings, ball: Ball, begin: Begin) -> Box<dyn Search> {
    if !begin.goal.is_needed() {
        return Box::new(Unneeded(ball.centre));
    }
    match settings.mode {
        Mode::Fixed => bounded(settings, ball, &begin, 1.0),
        Mode::Smallest => Box::new(Smallest::new(settings, ball.centre, begin)),
    }
}

/// The method's own search within the ball; `scale` is by what its step length is multiplied.
pub(super) fn bounded(settings: &Settings, ball: Ball, begin: &Begin, scale: f64) -> Box<dyn Search> {
    match settings.method {
        Method::Fgsm | Method::Bim | Method::Pgd | Method::MiFgsm => {
            Box::new(Steepest::new(settings, ball, begin, scale))
        }
        Method::ApgdCe | Method::ApgdDlr | Method::ApgdT => Box::new(Apgd::new(settings, settings.method, ball, begin)),
        Method::Deepfool => Box::new(Deepfool::new(settings, ball.centre, begin)),
        Method::Fab => Box::new(Fab::new(settings, ball.centre, begin, 0.0)),
        Method::CarliniWagner => Box::new(CarliniWagner::new(settings, ball.centre, begin)),
        Method::Pma => Box::new(Pma::new(settings, ball, begin)),
        Method::Square => Box::new(Square::new(settings, ball, begin)),
        Method::Autoattack => Box::new(Ensemble::new(settings, ball, begin.clone())),
        Method::GaussianNoise => Box::new(GaussianNoise::new(settings, ball, begin)),
    }
}
