//! Targets for the denoiser of a class that the picture does not belong to.
//!
//! A labelled picture is a draw from `p(x | y, c)` for its own class only, so the conditional denoisers of the other classes
//! would be trained by nothing but generalisation. For those, `E[x | y, c]` is taken over training pictures of the class,
//! each weighed by how probable it makes the noisy picture: `w_j ∝ exp(−‖y − x_j‖²/2σ²)`, which is Bayes' rule for their
//! empirical distribution (self-normalised importance sampling from it).

use rand_chacha::rand_core::RngCore;

use super::augment::{Stream, generator};
use crate::Result;
use crate::data::DataSet;

/// Pictures of the class that a mean is taken over, at most.
const CANDIDATES: usize = 1024;

/// Which rows train another class, and the training pictures by class.
#[derive(Debug, Clone)]
pub struct Counterfactual {
    /// Their share of a batch.
    pub share: f32,
    /// The smallest σ of such a row.
    pub sigma: f32,
    /// The indices of each class's training pictures.
    members: Vec<Vec<u32>>,
}

impl Counterfactual {
    /// Over the first `pictures` pictures of `data`.
    #[must_use]
    pub fn new(data: &DataSet, pictures: usize, share: f32, sigma: f32) -> Self {
        let mut members = vec![Vec::new(); data.classes.len()];
        for (index, label) in data.labels[..pictures].iter().enumerate() {
            members[*label as usize].push(index as u32);
        }
        Self { share, sigma, members }
    }

    /// Draws a class for a noisy picture with this label and returns it. If it is another class, `noise` becomes what the
    /// score of that class is trained to point away from: `(y − E[x | y, c])/σ`.
    ///
    /// The draw is a function of the seed and the number of the picture shown.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if the pictures cannot be read any more.
    pub fn draw(
        &self,
        data: &DataSet,
        label: u32,
        (seed, number): (u64, u64),
        sigma: f32,
        noisy: &[f32],
        noise: &mut [f32],
    ) -> Result<u32> {
        let mut generator = generator(seed, Stream::Counterfactual, number);
        let mut below = |count: usize| ((u64::from(generator.next_u32()) * count as u64) >> 32) as usize;
        let class = below(self.members.len()) as u32;
        let members = &self.members[class as usize];
        if class == label || members.is_empty() {
            return Ok(label);
        }
        // A random stretch of the class's pictures, around its end if need be.
        let start = below(members.len());
        let candidates: Vec<usize> =
            members.iter().cycle().skip(start).take(members.len().min(CANDIDATES)).map(|&i| i as usize).collect();
        let mean = posterior_mean(&candidates, data, sigma, noisy)?;
        for ((e, y), x) in noise.iter_mut().zip(noisy).zip(mean) {
            *e = (y - x) / sigma;
        }
        Ok(class)
    }
}

/// `Σ_j w_j x_j` over pictures of bytes, `w_j ∝ exp(−‖y − x_j‖²/2σ²)`, on the [0, 1] scale.
fn posterior_mean(candidates: &[usize], data: &DataSet, sigma: f32, noisy: &[f32]) -> Result<Vec<f32>> {
    let mut buffer = Vec::new();
    let nearness: Vec<f32> =
        candidates.iter().map(|&index| Ok(nearness(noisy, data.bytes(index, &mut buffer)?))).collect::<Result<_>>()?;
    let largest = nearness.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let scale = 1.0 / (sigma * sigma);
    let weights: Vec<f32> = nearness.iter().map(|n| ((n - largest) * scale).exp()).collect();
    let sum: f32 = weights.iter().sum();
    let mut mean = vec![0.0; noisy.len()];
    for (&index, weight) in candidates.iter().zip(weights) {
        let share = weight / sum / 255.0;
        // What weighs less than this adds less than half a grey level even if there are a thousand of it.
        if weight / sum > 1e-6 {
            let bytes = data.bytes(index, &mut buffer)?;
            mean.iter_mut().zip(bytes).for_each(|(mean, byte)| *mean += share * f32::from(*byte));
        }
    }
    Ok(mean)
}

/// `⟨y, x⟩ − ‖x‖²/2`, which is `−‖y − x‖²/2` up to a constant of y.
fn nearness(noisy: &[f32], bytes: &[u8]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0_f32; LANES];
    for (noisy, bytes) in noisy.chunks(LANES).zip(bytes.chunks(LANES)) {
        for ((sum, y), byte) in sums.iter_mut().zip(noisy).zip(bytes) {
            let x = f32::from(*byte) / 255.0;
            *sum += x * (y - 0.5 * x);
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Shape, normals};

    fn data() -> DataSet {
        let pixels = (0..40 * 9).map(|i: usize| (i * 97 % 256) as u8).collect();
        let labels = (0..40).map(|i| i % 3).collect();
        DataSet::in_memory(&["a", "b", "c"], Shape::new(1, 3, 3), labels, pixels)
    }

    #[test]
    fn the_target_is_the_posterior_mean_of_the_class_over_its_pictures() {
        let data = data();
        let other = Counterfactual::new(&data, 36, 1.0, 0.5);
        let mut seen = [0; 3];
        for number in 0..60 {
            let (mut noise, sigma) = (vec![0.0; 9], 0.3 + 0.02 * number as f32);
            normals::fill(4, number, 0, &mut noise);
            let noisy: Vec<f32> = noise.iter().map(|e| 0.5 + sigma * e).collect();
            let own = noise.clone();
            let class = other.draw(&data, 1, (9, number), sigma, &noisy, &mut noise).unwrap();
            seen[class as usize] += 1;
            if class == 1 {
                assert_eq!(noise, own, "a picture's own class has its own noise");
                continue;
            }
            // By Bayes' rule from the density itself, in double precision.
            let (mut sum, mut mean) = (0.0, [0.0; 9]);
            for index in (0..36).filter(|i| i % 3 == class as usize) {
                let x: Vec<f64> =
                    data.bytes(index, &mut Vec::new()).unwrap().iter().map(|b| f64::from(*b) / 255.0).collect();
                let square: f64 = x.iter().zip(&noisy).map(|(x, y)| (f64::from(*y) - x).powi(2)).sum();
                let weight = (-square / (2.0 * f64::from(sigma).powi(2))).exp();
                sum += weight;
                mean.iter_mut().zip(&x).for_each(|(mean, x)| *mean += weight * x);
            }
            for ((e, y), mean) in noise.iter().zip(&noisy).zip(mean) {
                let expected = (f64::from(*y) - mean / sum) / f64::from(sigma);
                assert!((f64::from(*e) - expected).abs() < 1e-4, "{e}, not {expected}");
            }
        }
        assert!(seen.iter().all(|&count| count > 8), "every class is drawn: {seen:?}");
    }

    #[test]
    fn a_class_without_pictures_leaves_the_row_its_own() {
        let data = data();
        let other = Counterfactual::new(&data, 2, 1.0, 0.5);
        let mut noise = vec![0.25; 9];
        for number in 0..30 {
            let class = other.draw(&data, 0, (1, number), 1.0, &[0.5; 9], &mut noise).unwrap();
            assert_ne!(class, 2, "no picture of class 2 is among the first two");
            noise.fill(0.25);
        }
    }
}
