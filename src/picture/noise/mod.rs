//! Noise of several kinds, each with a strength on one scale and a seed that gives the same bits everywhere.

mod kinds;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Picture, normals};
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
    /// What JPEG compression at [`quality`](super::jpeg::quality)`(σ)` loses; values are clipped and rounded to 8 bits, as JPEG does.
    Jpeg,
}

impl NoiseKind {
    /// All kinds, the theory's first.
    pub const ALL: [Self; kinds::TABLE.len()] =
        [Self::Gaussian, Self::Poisson, Self::SaltAndPepper, Self::Speckle, Self::Uniform, Self::Jpeg];

    /// Its entry in the table.
    #[must_use]
    pub fn description(self) -> &'static Description {
        &kinds::TABLE[self as usize]
    }

    /// The kind's name in options and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.description().name
    }

    /// The kind's name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.description().title
    }

    /// What the kind is, in a few words for people.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        self.description().about
    }
}

/// A kind's entry in the table: menus, help, reports and the noise itself follow from it.
#[derive(Debug)]
pub struct Description {
    /// The name in options and reports, kebab-case.
    pub name: &'static str,
    /// The name on screen and in print.
    pub title: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// Puts noise of strength σ > 0 on a picture, from these draws.
    add: fn(&mut Picture, f32, Draws),
}

/// The random numbers of one noisy picture.
#[derive(Debug, Clone, Copy)]
struct Draws {
    seed: u64,
    stream: u64,
}

impl Draws {
    /// Standard normal numbers.
    fn normals(self, count: usize) -> Vec<f32> {
        let mut draws = vec![0.0; count];
        normals::fill(self.seed, self.stream, 0, &mut draws);
        draws
    }

    /// Numbers evenly spread over [0, 1).
    fn uniforms(self, count: usize) -> Vec<f32> {
        let mut draws = vec![0.0; count];
        normals::uniforms(self.seed, self.stream, 0, &mut draws);
        draws
    }

    /// Numbers evenly spread over (0, 1), of 52 bits.
    fn open_uniforms(self, count: usize) -> Vec<f64> {
        let mut draws = vec![0.0; count];
        normals::open_uniforms(self.seed, self.stream, 0, &mut draws);
        draws
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
    /// a flat grey as it is, see [`quality`](super::jpeg::quality).
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
            let draws = Draws { seed: self.seed, stream: index };
            (self.kind.description().add)(&mut noisy, self.sigma, draws);
        }
        noisy
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::picture::Shape;

    fn noise(kind: NoiseKind, sigma: f32, seed: u64) -> Noise {
        Noise { kind, sigma, seed }
    }

    /// Mean and variance of y − x on a picture that is `x` everywhere.
    fn moments(noise: Noise, x: f32) -> (f64, f64) {
        let flat = Picture::filled(Shape::new(1, 300, 300), x);
        let noisy = noise.apply(&flat);
        let n = flat.values().len() as f64;
        let mean = noisy.values().iter().map(|y| f64::from(y - x)).sum::<f64>() / n;
        (mean, noisy.values().iter().map(|y| (f64::from(y - x) - mean).powi(2)).sum::<f64>() / n)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn each_kind_has_its_mean_and_variance(sigma in 0.01_f32..0.4, x in 0.05_f32..1.0, seed: u64) {
            let (s, m) = (f64::from(sigma), f64::from(x));
            let flips = 4.0 * s * s;
            for (kind, mean, variance) in [
                (NoiseKind::Gaussian, 0.0, s * s),
                (NoiseKind::Poisson, 0.0, 2.0 * s * s * m),
                (NoiseKind::Speckle, 0.0, 4.0 * s * s * m * m),
                (NoiseKind::Uniform, 0.0, s * s),
                // A flip errs by −x or 1 − x, half of the time each.
                (
                    NoiseKind::SaltAndPepper,
                    flips * (0.5 - m),
                    flips * (m * m + (1.0 - m).powi(2)) / 2.0 - (flips * (0.5 - m)).powi(2),
                ),
            ] {
                let (found_mean, found_variance) = moments(noise(kind, sigma, seed), x);
                // 90 000 draws: six standard errors, with the flips' heavy tails in mind.
                prop_assert!((found_mean - mean).abs() < 6.0 * (variance / 9e4).sqrt(), "{kind}: mean {found_mean} for {mean}");
                let spread = if kind == NoiseKind::SaltAndPepper { (variance / 9e4).sqrt() } else { 3.0 * variance / 300.0 };
                prop_assert!((found_variance - variance).abs() < 6.0 * spread, "{kind}: variance {found_variance} for {variance}");
            }
        }
    }

    #[test]
    fn every_kind_but_jpeg_errs_by_sigma_on_mid_grey() {
        for kind in NoiseKind::ALL.into_iter().filter(|&kind| kind != NoiseKind::Jpeg) {
            for sigma in [0.05, 0.1, 0.3] {
                let (mean, variance) = moments(noise(kind, sigma, 3), 0.5);
                let rms = (variance + mean * mean).sqrt() / f64::from(sigma);
                assert!((rms - 1.0).abs() < 0.06, "{kind}, σ {sigma}: {rms} times it");
            }
        }
    }

    /// These bits are a promise too: kind, σ and seed in a report give its noisy picture again, anywhere.
    #[test]
    fn the_first_noisy_values_are_these() {
        let ramp = Picture::new(Shape::new(1, 3, 3), (0..9).map(|i| i as f32 / 8.0).collect());
        for (kind, golden) in [
            (NoiseKind::Gaussian, [0xBEBC_54EE, 0x3E51_AEB2, 0x3F51_2564]),
            (NoiseKind::Poisson, [0x3E00_0000, 0x3EC0_0000, 0x3F60_0000]),
            (NoiseKind::SaltAndPepper, [0x3F80_0000, 0x3F00_0000, 0]),
            (NoiseKind::Speckle, [0x3AEA_C480, 0x3E51_AEB2, 0x3F46_016E]),
            (NoiseKind::Uniform, [0xBE14_3444, 0x3F04_2EFC, 0x3EFF_34BD]),
            (NoiseKind::Jpeg, [0x3E0C_8C8D, 0x3F08_8889, 0x3F5A_DADB]),
        ] {
            let noisy = noise(kind, 0.25, 42).apply(&ramp);
            let bits = [1, 4, 7].map(|i| noisy.values()[i].to_bits());
            assert_eq!(bits, golden, "{kind}: {bits:X?}");
        }
    }

    #[test]
    fn threads_do_not_matter_and_numbers_do() {
        let shape = Shape::new(3, 90, 110);
        let picture = Picture::new(shape, (0..shape.len()).map(|i| (i % 97) as f32 / 96.0).collect());
        for kind in NoiseKind::ALL {
            let noise = noise(kind, 0.2, 9);
            let whole = noise.apply(&picture);
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread pool");
                assert_eq!(whole, pool.install(|| noise.apply(&picture)), "{kind} on {threads} threads");
            }
            assert_eq!(whole, noise.apply_nth(&picture, 0));
            if kind != NoiseKind::Jpeg {
                assert_ne!(whole, noise.apply_nth(&picture, 1), "{kind}");
                assert_ne!(whole, Noise { seed: 10, ..noise }.apply(&picture), "{kind}");
            }
        }
    }

    #[test]
    fn no_strength_changes_nothing_and_no_strength_panics() {
        let picture = Picture::new(Shape::new(3, 2, 2), (0..12).map(|i| i as f32 / 8.0 - 0.2).collect());
        for kind in NoiseKind::ALL {
            for sigma in [0.0, -1.0, f32::NAN] {
                assert_eq!(noise(kind, sigma, 1).apply(&picture), picture, "{kind}, σ {sigma}");
            }
            for sigma in [1e-30, 100.0, f32::INFINITY] {
                assert_eq!(noise(kind, sigma, 1).apply(&picture).shape(), picture.shape());
            }
            assert!(noise(kind, 0.3, 1).apply(&Picture::filled(Shape::new(3, 0, 0), 0.0)).values().is_empty());
        }
    }

    #[test]
    fn salt_and_pepper_falls_on_whole_pixels() {
        let grey = Picture::filled(Shape::new(3, 50, 50), 0.5);
        let noisy = noise(NoiseKind::SaltAndPepper, 0.2, 6).apply(&grey);
        assert!((0..2500).all(|i| noisy.plane(0)[i].to_bits() == noisy.plane(2)[i].to_bits()));
        assert!(noisy.values().iter().all(|v| [0.0, 0.5, 1.0].contains(v)));
    }

    #[test]
    fn names_are_read_back() {
        assert_eq!(NoiseKind::ALL.len(), kinds::TABLE.len());
        for kind in NoiseKind::ALL {
            assert_eq!(kind.to_string().parse::<NoiseKind>().expect("its own name"), kind);
            assert_eq!(serde_json::to_value(kind).expect("a name"), kind.name());
        }
        let error = "pepper".parse::<NoiseKind>().expect_err("no kind").to_string();
        assert!(error.contains("pepper") && error.contains("salt-and-pepper"), "{error}");
    }
}
