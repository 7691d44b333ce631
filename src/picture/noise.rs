//! Noise of several kinds, each with a strength on one scale and a seed that gives the same bits everywhere.

use std::fmt;
use std::str::FromStr;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Picture, jpeg, normals, poisson};
use crate::{Error, Result};

/// A kind of noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseKind {
    /// y = x + σε with ε standard normal, never clipped: the noise that the theory is about.
    #[default]
    Gaussian,
    /// Photon counting: y = n/λ with n ~ Poisson(λx) and λ = 1/(2σ²), so the variance is 2σ²x. Negative x counts as 0.
    Poisson,
    /// Each pixel, in all channels at once, turns black or white with probability 4σ² (at most 1).
    SaltAndPepper,
    /// y = x·(1 + 2σε): the noise of coherent light, none where it is black.
    Speckle,
    /// y = x + σ√3·u with u uniform on [−1, 1].
    Uniform,
    /// What JPEG compression at [`jpeg::quality`]`(σ)` loses; values are clipped and rounded to 8 bits, as JPEG does.
    Jpeg,
}

impl NoiseKind {
    /// All kinds, the theory's first.
    pub const ALL: [Self; 6] =
        [Self::Gaussian, Self::Poisson, Self::SaltAndPepper, Self::Speckle, Self::Uniform, Self::Jpeg];

    /// The kind's name in options and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gaussian => "gaussian",
            Self::Poisson => "poisson",
            Self::SaltAndPepper => "salt-and-pepper",
            Self::Speckle => "speckle",
            Self::Uniform => "uniform",
            Self::Jpeg => "jpeg",
        }
    }

    /// What the kind is, in a few words for people.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Gaussian => "Gaussian noise, the kind that the theory is about",
            Self::Poisson => "photon counting: stronger where it is bright",
            Self::SaltAndPepper => "single pixels turned black or white",
            Self::Speckle => "multiplied with the picture: none where it is black",
            Self::Uniform => "evenly spread within fixed bounds",
            Self::Jpeg => "what JPEG compression loses",
        }
    }
}

impl fmt::Display for NoiseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for NoiseKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::option("noise", format!("{name:?} is no kind of noise; there are {names}"))
        })
    }
}

/// Noise to be added to a picture: kind, strength and seed determine every bit of it, on every machine and any number of
/// threads.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// The kind.
    pub kind: NoiseKind,
    /// The strength on the [0, 1] scale: the root mean square of y − x on a mid-grey picture (x = ½). For JPEG, which leaves
    /// a flat grey as it is, see [`jpeg::quality`].
    pub sigma: f32,
    /// The seed.
    pub seed: u64,
}

impl Noise {
    /// Gaussian noise.
    #[must_use]
    pub const fn gaussian(sigma: f32, seed: u64) -> Self {
        Self { kind: NoiseKind::Gaussian, sigma, seed }
    }

    /// The noisy picture. Nothing is clipped, except by JPEG; a strength that is not above 0 changes nothing.
    #[must_use]
    pub fn apply(&self, picture: &Picture) -> Picture {
        self.apply_nth(picture, 0)
    }

    /// The noisy picture number `index` of several that share a seed and yet each have noise of their own.
    ///
    /// [`Self::apply`] is number 0. Being by number, the noise does not depend on how the pictures are grouped.
    #[must_use]
    pub fn apply_nth(&self, picture: &Picture, index: u64) -> Picture {
        let mut noisy = picture.clone();
        if self.sigma > 0.0 {
            self.change(&mut noisy, index);
        }
        noisy
    }

    fn change(&self, picture: &mut Picture, stream: u64) {
        let Self { kind, sigma, seed } = *self;
        let shape = picture.shape();
        let values = picture.values_mut();
        match kind {
            NoiseKind::Gaussian | NoiseKind::Speckle => {
                let mut noise = vec![0.0; values.len()];
                normals::fill(seed, stream, 0, &mut noise);
                let speckle = kind == NoiseKind::Speckle;
                let pairs = values.iter_mut().zip(&noise);
                pairs.for_each(|(x, e)| *x += if speckle { 2.0 * sigma * e * *x } else { sigma * e });
            }
            NoiseKind::Uniform => {
                let mut noise = vec![0.0; values.len()];
                normals::uniforms(seed, stream, 0, &mut noise);
                let half_width = sigma * 3.0_f32.sqrt();
                values.iter_mut().zip(&noise).for_each(|(x, u)| *x += half_width * (2.0 * u - 1.0));
            }
            NoiseKind::SaltAndPepper => {
                let mut draws = vec![0.0; shape.height * shape.width];
                normals::uniforms(seed, stream, 0, &mut draws);
                let probability = 4.0 * sigma * sigma;
                for plane in values.chunks_exact_mut(draws.len().max(1)) {
                    for (x, u) in plane.iter_mut().zip(&draws).filter(|(_, u)| **u < probability) {
                        *x = if *u < probability.min(1.0) / 2.0 { 0.0 } else { 1.0 };
                    }
                }
            }
            NoiseKind::Poisson => {
                let mut draws = vec![0.0; values.len()];
                normals::open_uniforms(seed, stream, 0, &mut draws);
                let photons = 0.5 / f64::from(sigma).powi(2);
                values.par_iter_mut().zip(&draws).with_min_len(1 << 10).for_each(|(x, &u)| {
                    *x = (poisson::quantile(photons * f64::from(x.max(0.0)), u) / photons) as f32;
                });
            }
            NoiseKind::Jpeg => *picture = jpeg::compressed(picture, jpeg::quality(sigma)),
        }
    }
}
