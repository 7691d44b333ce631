//! The noise that is added, or the level that is assumed.

use eframe::egui::Key;

use super::entry::{Entry, Menu, PLAIN};
use crate::picture::NoiseKind;

/// What can be done about the noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NoiseCommand {
    /// Set the noise level, on the [0, 1] scale.
    SetSigma(f32),
    /// Multiply the noise level.
    ScaleSigma(f32),
    /// Choose the kind of noise.
    SetKind(NoiseKind),
    /// Set the seed of the noise.
    SetSeed(u64),
    /// Another seed.
    Reroll,
    /// The picture has noise of its own: add none.
    ToggleAlreadyNoisy,
    /// Let σ rise by itself, or stop.
    Play,
    /// Set σ to what the picture itself suggests.
    EstimateSigma,
}

/// How a person finds them.
pub fn entries() -> Vec<Entry> {
    use NoiseCommand as C;
    let new = |place, command: C, name, hint| Entry::new(Menu::Noise, place, command, name, hint);
    let step = 2.0_f32.powf(0.25);
    vec![
        new(10, C::ScaleSigma(step), "More noise", "A quarter of a doubling up").keys(PLAIN, Key::ArrowUp),
        new(20, C::ScaleSigma(1.0 / step), "Less noise", "A quarter of a doubling down").keys(PLAIN, Key::ArrowDown),
        new(30, C::SetSigma(15.0 / 255.0), "σ = 15/255", "Light noise, the easiest of the usual three")
            .keys(PLAIN, Key::Num1)
            .group(),
        new(40, C::SetSigma(25.0 / 255.0), "σ = 25/255", "The usual noise of denoising tables").keys(PLAIN, Key::Num2),
        new(50, C::SetSigma(50.0 / 255.0), "σ = 50/255", "Heavy noise").keys(PLAIN, Key::Num3),
        new(60, C::Reroll, "New noise", "Another seed: the same level, another draw").keys(PLAIN, Key::R).group(),
        new(70, C::ToggleAlreadyNoisy, "The picture is already noisy", "Add no noise; σ is what the model assumes")
            .keys(PLAIN, Key::N),
        new(75, C::Play, "Play the noise", "σ rises by itself, from here to the most; again to stop")
            .keys(PLAIN, Key::P),
        new(80, C::EstimateSigma, "Estimate σ from the picture", "From the median of its finest wavelet coefficients"),
    ]
}
