//! The noise: its level, kind and seed.

use super::play;
use crate::gui::command::NoiseCommand;
use crate::gui::state::session::Play;
use crate::gui::work::host::Host;
use crate::gui::work::schedule;

/// The noise levels that σ can be set to.
const SIGMAS: std::ops::RangeInclusive<f32> = 0.0..=1.0;

/// Does a command about the noise.
pub fn run(host: &mut Host, command: NoiseCommand) {
    use NoiseCommand as C;
    let document = &mut host.document;
    match command {
        C::SetSigma(sigma) => {
            if sigma.is_finite() {
                document.noise.sigma = sigma.clamp(*SIGMAS.start(), *SIGMAS.end());
            }
        }
        C::ScaleSigma(factor) => {
            if factor.is_finite() {
                let sigma = document.noise.sigma.max(1.0 / 255.0) * factor;
                document.noise.sigma = sigma.clamp(1.0 / 255.0, *SIGMAS.end());
            }
        }
        C::SetKind(kind) => document.noise.kind = kind,
        C::SetSeed(seed) => document.noise.seed = seed,
        C::Reroll => document.noise.seed = document.noise.seed.wrapping_add(1),
        C::ToggleAlreadyNoisy => {
            document.already_noisy = !document.already_noisy;
            // Its own noise is measured at once; a person may say otherwise.
            if document.already_noisy {
                schedule::estimate(host);
            } else {
                schedule::forget_estimate(host);
            }
        }
        C::Play => play::toggle(host, Play::Sigma),
        C::EstimateSigma => schedule::estimate(host),
    }
}
