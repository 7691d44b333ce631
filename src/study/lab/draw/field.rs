//! The density that pictures are drawn from, at any noise level, of several pictures at once.

use super::Measurement;
use crate::joint::{JointModel, log_density, log_softmax, posterior};
use crate::picture::{Batch, Picture, Shape, normals};
use crate::study::native::{self, Tiling};
use crate::task::Cancel;
use crate::{Error, Result, limits};

/// Where pictures come from if nothing is known: the mean and standard deviation of pictures on the [0, 1] scale.
const GREY: (f64, f64) = (0.5, 0.25);

/// How a class draws the pictures towards it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guidance {
    /// The class, as an index.
    pub class: usize,
    /// w: 1 for the class as it is, more to exaggerate it, 0 for no class.
    pub weight: f64,
}

impl Guidance {
    /// Refuses what is no guidance of a model of so many classes.
    ///
    /// # Errors
    /// [`Error::Option`] naming the option.
    pub fn check(self, classes: usize) -> Result<()> {
        limits::number("--guidance", self.weight, 0.0, 1000.0)?;
        if self.class < classes {
            return Ok(());
        }
        Err(Error::option("--as", format!("there is no class {}: the model has {classes}", self.class)))
    }
}

/// Some pictures on their way, and the density `p_σ(y)p_σ(c | y)^w` that they follow.
pub(in crate::study::lab) struct Field<'a> {
    pub model: &'a dyn JointModel,
    pub shape: Shape,
    pub guidance: Option<Guidance>,
    pub cancel: &'a Cancel,
    /// Whether the pictures go through the model in tiles, whose densities do not add up to one.
    pub tiled: bool,
    pub seed: u64,
    /// The first one's number.
    pub first: usize,
    pub rows: usize,
    /// How many fields of noise each has had.
    draws: u64,
}

/// What the model says of some pictures.
pub(in crate::study::lab) struct Seen {
    /// `D_w`, one picture after the other.
    pub denoised: Vec<f64>,
    /// p(c | y) of each.
    pub posteriors: Vec<Vec<f64>>,
    /// `log p(y) + w log p(c | y)` of each, up to a constant of the level; NaN in tiles.
    pub log: Vec<f64>,
    /// The level that it computed with, of each.
    pub sigmas: Vec<f64>,
}

/// Keeps samples apart from the noise of the same seed.
const STREAM: u64 = 0x73_61_6d_70 << 32;

impl<'a> Field<'a> {
    /// `rows` pictures of the model's own shape, the first of which is number `first`.
    pub fn new(model: &'a dyn JointModel, cancel: &'a Cancel, seed: u64, first: usize, rows: usize) -> Self {
        Self { model, shape: model.shape(), guidance: None, cancel, tiled: false, seed, first, rows, draws: 0 }
    }

    /// How many values a picture has.
    pub fn size(&self) -> usize {
        self.shape.len()
    }

    fn stream(&self, row: usize) -> u64 {
        STREAM | (self.first + row) as u64
    }

    /// The next field of noise of every picture, one after the other.
    pub fn noise(&mut self) -> Vec<f64> {
        let size = self.size();
        let mut all = vec![0.0_f32; self.rows * size];
        for (row, values) in all.chunks_exact_mut(size).enumerate() {
            normals::fill(self.seed, self.stream(row), self.draws * size as u64, values);
        }
        self.draws += 1;
        all.into_iter().map(f64::from).collect()
    }

    /// A number between 0 and 1 for every picture, that belongs to the last field of noise.
    pub fn uniforms(&self) -> Vec<f64> {
        let one = |row: usize| {
            let mut value = [0.0];
            normals::open_uniforms(self.seed, self.stream(row), self.draws, &mut value);
            value[0]
        };
        (0..self.rows).map(one).collect()
    }

    /// What the model says of the pictures, each at a level of its own.
    pub fn see(&self, y: &[f64], sigmas: &[f64]) -> Result<Seen> {
        self.cancel.check()?;
        if self.tiled {
            return self.see_in_tiles(y, sigmas);
        }
        let noisy = Batch::new(self.shape, y.iter().map(|v| *v as f32).collect());
        let told: Vec<f32> = sigmas.iter().map(|s| *s as f32).collect();
        let forward = self.model.forward(&noisy, &told)?;
        let mut cotangents = Vec::with_capacity(self.rows * self.model.classes().len());
        let (mut posteriors, mut log) = (Vec::with_capacity(self.rows), Vec::with_capacity(self.rows));
        for row in 0..self.rows {
            let joint = forward.log_joint_of(row);
            let p = posterior(joint);
            cotangents.extend(self.cotangent(&p));
            let class = self.guidance.map_or(0.0, |g| g.weight * log_softmax(joint)[g.class]);
            log.push(log_density(joint) + class);
            posteriors.push(p);
        }
        let scores = forward.pullback(&cotangents)?;
        let sigmas: Vec<f64> = forward.sigmas().iter().map(|s| f64::from(*s)).collect();
        let pairs = y.chunks_exact(self.size()).zip(scores.values().chunks_exact(self.size())).zip(&sigmas);
        let denoised = pairs
            .flat_map(|((y, s), sigma)| y.iter().zip(s).map(move |(y, s)| y + sigma * sigma * f64::from(*s)))
            .collect();
        Ok(Seen { denoised, posteriors, log, sigmas })
    }

    /// `(1 − w)p + w·1_c`: the cotangent of `D + w(D_c − D)`.
    fn cotangent(&self, posterior: &[f64]) -> Vec<f32> {
        let weight = self.guidance.map_or(0.0, |guidance| guidance.weight);
        let hit = |c: usize| self.guidance.is_some_and(|guidance| guidance.class == c);
        let one = |(c, p): (usize, &f64)| ((1.0 - weight) * p + if hit(c) { weight } else { 0.0 }) as f32;
        posterior.iter().enumerate().map(one).collect()
    }

    fn see_in_tiles(&self, y: &[f64], sigmas: &[f64]) -> Result<Seen> {
        let mut denoised = Vec::with_capacity(y.len());
        let used: Vec<f32> = sigmas.iter().map(|s| self.model.sigma_range().clamp(*s as f32)).collect();
        for (row, &sigma) in y.chunks_exact(self.size()).zip(&used) {
            let noisy = Picture::new(self.shape, row.iter().map(|v| *v as f32).collect());
            let weights = |joint: &[f64]| self.cotangent(&posterior(joint));
            let tiling = Tiling::default();
            let found = native::denoise_by(self.model, &noisy, sigma, &weights, tiling, self.cancel)?;
            denoised.extend(found.values().iter().map(|v| f64::from(*v)));
        }
        let sigmas = used.into_iter().map(f64::from).collect();
        Ok(Seen { denoised, posteriors: Vec::new(), log: vec![f64::NAN; self.rows], sigmas })
    }

    /// The pictures of so many values in a row.
    pub fn pictures(&self, values: &[f64]) -> Vec<Picture> {
        super::record::pictures(self.shape, values)
    }
}

/// Noise of the largest level around grey.
pub(in crate::study::lab) fn start(field: &mut Field<'_>, sigma: f64) -> Vec<f64> {
    let spread = sigma.hypot(GREY.1);
    field.noise().into_iter().map(|z| GREY.0 + spread * z).collect()
}

/// The logarithm of the density that [`start`] gives a picture's free values, up to a constant.
pub(in crate::study::lab) fn started(row: &[f64], sigma: f64, measurement: &Measurement) -> f64 {
    let mut off: Vec<f64> = row.iter().map(|v| v - GREY.0).collect();
    measurement.clear(&mut off);
    -0.5 * off.iter().map(|v| v * v).sum::<f64>() / (sigma * sigma + GREY.1 * GREY.1)
}

/// The mean and the standard deviation of what [`start`] begins around.
#[cfg(test)]
pub(in crate::study::lab) const AROUND: (f64, f64) = GREY;
