//! How usual a picture is to a model: where its log p(y) and its score's length lie among those of pictures of the model's own kind.

use serde::{Deserialize, Serialize};

use super::{JointModel, Linear};
use crate::picture::{Batch, Noise, Picture};
use crate::task::Cancel;
use crate::{Error, Result};

/// The shares of pictures below each of the kept values.
pub const SHARES: [f64; 15] = [0.0, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 1.0];

/// A picture that lies beyond this share of the model's own, at either end of either figure, is unlike them.
pub const RARE: f64 = 0.005;

/// How many noise levels are measured, evenly apart in log σ.
const LEVELS: usize = 8;
/// The fewest pictures that say what is usual: fewer know nothing of one in two hundred.
pub const FEWEST: usize = 200;

/// What is usual among pictures of a model's own kind that it was not trained on, under Gaussian noise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Usual {
    /// What they are.
    pub data: String,
    /// How many.
    pub pictures: usize,
    /// The noise levels, rising.
    pub levels: Vec<UsualLevel>,
}

/// What is usual at one noise level: the values that certain shares of the pictures lie below.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsualLevel {
    /// The noise level.
    pub sigma: f32,
    /// `log p_σ(y)`, up to the constant that the model leaves out; empty for a model without a density.
    pub log_density: Vec<f64>,
    /// `σ‖∇_y log p_σ(y)‖/√d`, d the number of values: the root mean square of the noise that the model sees.
    pub score: Vec<f64>,
}

/// Where a picture lies among the model's own, as shares of them that have smaller values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// By log p(y); none of a model without a density.
    pub log_density: Option<f64>,
    /// By the score's length.
    pub score: f64,
}

impl Place {
    /// Why the picture is unlike the model's own, if it is.
    #[must_use]
    pub fn oddity(&self) -> Option<&'static str> {
        let low = |share: f64| share <= RARE;
        let high = |share: f64| share >= 1.0 - RARE;
        match self.log_density {
            Some(share) if low(share) => Some("its log p(y) is lower than that of 99.5 % of them"),
            Some(share) if high(share) => {
                Some("its log p(y) is higher than that of 99.5 % of them: it is emptier or smoother")
            }
            _ if high(self.score) => Some("the model sees more noise in it than in 99.5 % of them"),
            _ if low(self.score) => Some("the model sees less noise in it than in 99.5 % of them"),
            _ => None,
        }
    }
}

impl Usual {
    /// Measures what is usual among `count` pictures in [0, 1], which `picture` gives by number, under noise of this seed.
    ///
    /// # Errors
    /// [`Error::Data`] if there are fewer than [`FEWEST`]; those of `picture` and of the model; [`Error::Cancelled`].
    pub fn measure(
        model: &dyn JointModel,
        data: &str,
        count: usize,
        picture: &dyn Fn(usize) -> Result<Picture>,
        seed: u64,
        (cancel, observe): (&Cancel, &mut dyn FnMut(f32)),
    ) -> Result<Self> {
        if count < FEWEST {
            let reason = format!("has {count} pictures, and at least {FEWEST} are needed to say what is usual");
            return Err(Error::data(data, reason));
        }
        let range = model.sigma_range();
        let (from, to) = (range.min.max(1.0 / 255.0), range.max.min(1.0));
        let has_density = model.abilities().density.missing().is_none();
        let mut levels = Vec::new();
        for index in 0..LEVELS {
            let sigma = range.clamp(from * (to / from).powf(index as f32 / (LEVELS - 1) as f32));
            let noise = Noise::gaussian(sigma, seed);
            let (mut densities, mut scores) = (Vec::with_capacity(count), Vec::with_capacity(count));
            let batch = model.at_once(model.shape()).clamp(16, 256);
            for first in (0..count).step_by(batch) {
                cancel.check()?;
                let numbers = first..(first + batch).min(count);
                let noisy =
                    numbers.map(|i| Ok(noise.apply_nth(&picture(i)?, i as u64))).collect::<Result<Vec<Picture>>>()?;
                let forward = model.forward(&Batch::of(&noisy), &vec![sigma; noisy.len()])?;
                let score = forward.gradients(&[Linear::Score])?;
                for (row, picture) in noisy.iter().enumerate() {
                    if has_density {
                        densities.push(forward.log_density_of(row));
                    }
                    scores.push(root_mean_square(score.row(row)) * f64::from(sigma));
                    debug_assert_eq!(picture.values().len(), score.row(row).len());
                }
                observe((index as f32 + (first + noisy.len()) as f32 / count as f32) / LEVELS as f32);
            }
            levels.push(UsualLevel { sigma, log_density: quantiles(densities), score: quantiles(scores) });
        }
        Ok(Self { data: data.to_owned(), pictures: count, levels })
    }

    /// Where a noisy picture lies whose log density and denoised picture the model gave at `sigma`, a level that it computed with.
    #[must_use]
    pub fn place(&self, sigma: f32, log_density: Option<f64>, noisy: &Picture, denoised: &Picture) -> Option<Place> {
        let change = noisy.zip(denoised, |y, d| (d - y) / sigma);
        let score = root_mean_square(change.values());
        Some(Place {
            score: self.share(sigma, |level| &level.score, score)?,
            log_density: log_density.and_then(|value| self.share(sigma, |level| &level.log_density, value)),
        })
    }

    /// The share of pictures whose value is smaller, at a level between two that were measured; none beyond them.
    fn share(&self, sigma: f32, of: impl Fn(&UsualLevel) -> &Vec<f64>, value: f64) -> Option<f64> {
        // Levels beside each other are so near that a step beyond the ends is none.
        let (first, last) = (self.levels.first()?, self.levels.last()?);
        if !(first.sigma * 0.99..=last.sigma * 1.01).contains(&sigma) || !value.is_finite() {
            return None;
        }
        let above = self.levels.iter().position(|level| level.sigma >= sigma).unwrap_or(self.levels.len() - 1);
        let below = above.saturating_sub(1);
        let (from, to) = (&self.levels[below], &self.levels[above]);
        let mix = if to.sigma > from.sigma {
            f64::from((sigma / from.sigma).ln() / (to.sigma / from.sigma).ln())
        } else {
            1.0
        };
        let mix = mix.clamp(0.0, 1.0);
        let (from, to) = (of(from), of(to));
        if from.len() != SHARES.len() || to.len() != SHARES.len() {
            return None;
        }
        let bounds: Vec<f64> = from.iter().zip(to).map(|(from, to)| from + mix * (to - from)).collect();
        Some(share_below(&bounds, value))
    }

    /// Says what makes it one that cannot be used: it comes from a file.
    pub(crate) fn check(&self) -> std::result::Result<(), String> {
        let rising = |values: &[f64]| values.iter().all(|v| v.is_finite()) && values.is_sorted();
        let sound = |level: &UsualLevel| {
            level.sigma.is_finite()
                && level.sigma > 0.0
                && level.score.len() == SHARES.len()
                && [0, SHARES.len()].contains(&level.log_density.len())
                && rising(&level.score)
                && rising(&level.log_density)
        };
        let levels = (1..=256).contains(&self.levels.len()) && self.levels.windows(2).all(|w| w[0].sigma < w[1].sigma);
        if levels && self.levels.iter().all(sound) {
            return Ok(());
        }
        Err("what it says is usual among its pictures is no rising list of numbers for each noise level".to_owned())
    }
}

/// The values that [`SHARES`] of these lie below, between the two nearest where none is exactly there.
fn quantiles(mut values: Vec<f64>) -> Vec<f64> {
    values.retain(|value| value.is_finite());
    if values.is_empty() {
        return Vec::new();
    }
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * (values.len() - 1) as f64;
        let (low, part) = (place.floor() as usize, place.fract());
        // Six digits are more than so few pictures know, and are the same number when they are read again.
        short(values[low] + part * (values[(low + 1).min(values.len() - 1)] - values[low]))
    };
    SHARES.map(at).to_vec()
}

/// A number of six digits.
fn short(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// The share that lies below a value, between the shares that are known; 0 and 1 beyond the ends.
fn share_below(bounds: &[f64], value: f64) -> f64 {
    if value < bounds[0] {
        return 0.0;
    }
    let Some(above) = bounds.iter().position(|bound| *bound > value) else { return 1.0 };
    let (from, to) = (bounds[above - 1], bounds[above]);
    SHARES[above - 1] + (value - from) / (to - from) * (SHARES[above] - SHARES[above - 1])
}

fn root_mean_square(values: &[f32]) -> f64 {
    (values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / values.len().max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joint::GaussianMixture;
    use crate::picture::{Shape, normals};

    const SHAPE: Shape = Shape::new(1, 4, 4);
    const VARIANCE: f64 = 0.04;

    fn model() -> GaussianMixture {
        GaussianMixture::new(SHAPE, 2).with(0, 1.0, vec![0.5; 16], VARIANCE).with(1, 1.0, vec![0.5; 16], VARIANCE)
    }

    /// A draw of the model's own distribution.
    fn own(number: usize) -> Picture {
        let mut values = vec![0.0_f32; 16];
        normals::fill(5, number as u64, 0, &mut values);
        Picture::new(SHAPE, values.iter().map(|v| 0.5 + 0.2 * v).collect())
    }

    fn measured() -> Usual {
        Usual::measure(&model(), "own", 600, &|i| Ok(own(i)), 3, (&Cancel::new(), &mut |_| ())).unwrap()
    }

    fn place(usual: &Usual, picture: &Picture, sigma: f32) -> Place {
        let model = model();
        let forward = model.forward(&Batch::of([picture]), &[sigma]).unwrap();
        let denoised = forward.denoised().unwrap().picture(0);
        usual.place(sigma, Some(forward.log_density_of(0)), picture, &denoised).unwrap()
    }

    /// For one Gaussian −2 log p is, up to a constant, the chi-squared statistic ‖y − μ‖²/(v + σ²) with 16 degrees of freedom.
    #[test]
    fn quantiles_are_those_of_the_closed_form() {
        let usual = measured();
        for level in &usual.levels {
            let total = VARIANCE + f64::from(level.sigma).powi(2);
            // The median of chi-squared with 16 degrees is 15.338 (SciPy 1.17.1, chi2.ppf(0.5, 16)).
            let constant = (2.0_f64).ln() - 8.0 * (total * std::f64::consts::TAU).ln();
            let middle = 2.0 * (constant - level.log_density[7]);
            assert!((middle - 15.338).abs() < 0.6, "{middle} at {}", level.sigma);
            // The score is (y − μ)/(v + σ²): its root mean square times σ is σ√(χ²/16)/√(v + σ²).
            let score = f64::from(level.sigma) * (15.338_f64 / 16.0 / total).sqrt();
            assert!((level.score[7] / score - 1.0).abs() < 0.03, "{} {score}", level.score[7]);
        }
        usual.check().unwrap();
    }

    #[test]
    fn own_pictures_have_even_places_and_others_are_odd() {
        let usual = measured();
        let sigma = 0.1;
        let noise = Noise::gaussian(sigma, 9);
        let (mut sum, mut odd) = (0.0, 0);
        for number in 0..400 {
            let noisy = noise.apply_nth(&own(10_000 + number), number as u64);
            let found = place(&usual, &noisy, sigma);
            sum += found.log_density.unwrap();
            odd += usize::from(found.oddity().is_some());
        }
        assert!((sum / 400.0 - 0.5).abs() < 0.05, "{}", sum / 400.0);
        // One in a hundred by chance.
        assert!(odd <= 12, "{odd} of 400");
        let mut far = own(1);
        far.values_mut().iter_mut().enumerate().for_each(|(i, v)| *v = if i % 2 == 0 { 1.6 } else { -0.6 });
        let found = place(&usual, &far, sigma);
        assert_eq!(found.log_density, Some(0.0));
        assert!(found.oddity().unwrap().contains("lower"));
        let flat = place(&usual, &Picture::filled(SHAPE, 0.5), sigma);
        assert!(flat.oddity().unwrap().contains("higher"), "{flat:?}");
        let none = Place { log_density: None, score: 1.0 };
        assert!(none.oddity().unwrap().contains("more noise"));
        assert_eq!(Place { log_density: Some(0.5), score: 0.5 }.oddity(), None);
    }

    #[test]
    fn too_few_pictures_say_nothing_and_broken_files_are_refused() {
        let few = Usual::measure(&model(), "own", 199, &|i| Ok(own(i)), 3, (&Cancel::new(), &mut |_| ()))
            .unwrap_err()
            .to_string();
        assert!(few.contains("at least 200"), "{few}");
        let usual = measured();
        let json = serde_json::to_string(&usual).unwrap();
        assert_eq!(serde_json::from_str::<Usual>(&json).unwrap(), usual);
        let mut broken = usual.clone();
        broken.levels[2].score[4] = f64::NAN;
        assert!(broken.check().is_err());
        broken.levels.clear();
        assert!(broken.check().is_err() && broken.share(0.1, |level| &level.score, 1.0).is_none());
        assert_eq!(usual.share(5.0, |level| &level.score, 1.0), None, "beyond the levels that were measured");
    }
}
