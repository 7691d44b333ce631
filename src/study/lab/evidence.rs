//! The two roads to a posterior, and at which scale a class was decided.
//!
//! With y = x + σε and γ = 1/σ², `d/dγ E log p(c | y) = ½ E[‖x − D‖² − ‖x − D_c‖²]` for every clean picture x, the mean being over
//! the noise (Guo, Shamai & Verdú 2005; pointwise Kong, Brekelmans & Ver Steeg 2023). So between two noise levels the
//! classifier's road, `E log p(c | y)` at the smaller less that at the larger, and the denoisers' road, the integral, are equal for a density.

use super::Estimate;
use super::audit::inside;
use super::density::estimate;
use crate::joint::{JointModel, log_softmax};
use crate::picture::{Batch, Noise, NoiseKind, Picture};
use crate::study::ModelCard;
use crate::task::Cancel;
use crate::{Error, Result, limits};

/// The most noise levels, and draws of noise.
pub const LARGEST_SCALES: usize = 1024;
/// The most draws of noise.
pub const LARGEST_TRIALS: usize = 4096;
/// Classes whose denoisers share one adjoint pass.
const CLASSES_A_PASS: usize = 16;

/// A question about the evidence for classes in a clean picture.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceRequest {
    /// The clean picture, in the model's shape.
    pub picture: Picture,
    /// The classes, as indices.
    pub classes: Vec<usize>,
    /// The smallest noise level.
    pub from: f32,
    /// The largest.
    pub to: f32,
    /// How many levels, evenly spaced in log σ, both ends among them.
    pub levels: usize,
    /// How many draws of noise.
    pub draws: usize,
    /// The seed of the noise.
    pub seed: u64,
}

impl EvidenceRequest {
    /// Refuses what is no question to a model of so many classes.
    ///
    /// # Errors
    /// [`Error::Option`] naming the option.
    pub fn check(&self, classes: usize) -> Result<()> {
        limits::whole("--levels", self.levels as u64, 2, LARGEST_SCALES as u64)?;
        limits::whole("--draws", self.draws as u64, 2, LARGEST_TRIALS as u64)?;
        limits::positive_sigma("--from", self.from)?;
        limits::positive_sigma("--to", self.to)?;
        if self.from >= self.to {
            return Err(Error::option("--to", format!("{} is no larger than --from, {}", self.to, self.from)));
        }
        match self.classes.iter().find(|&&class| class >= classes) {
            Some(class) => {
                Err(Error::option("--classes", format!("there is no class {class}: the model has {classes}")))
            }
            None if self.classes.is_empty() => Err(Error::option("--classes", "names no class")),
            None => Ok(()),
        }
    }
}

/// The evidence for one class, in bits.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassEvidence {
    /// The class, as an index.
    pub class: usize,
    /// By the classifier's road: how much `E log p(c | y)` rises from the largest to the smallest level.
    pub softmax: Estimate,
    /// By the denoisers' road.
    pub denoisers: Estimate,
    /// The difference of the roads, of the same draws.
    pub gap: Estimate,
    /// Bits a unit of ln σ at each level, in the order of the levels.
    pub density: Vec<f64>,
    /// The evidence that has come in from the largest level down to each, by the denoisers' road.
    pub from_above: Vec<f64>,
    /// The same by the classifier's road.
    pub softmax_from_above: Vec<f64>,
    /// Each value's part of the denoisers' road, which adds up to the whole, in bits.
    pub map: Picture,
}

/// The evidence in a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The model.
    pub model: ModelCard,
    /// The clean picture.
    pub picture: Picture,
    /// The noise levels, rising.
    pub sigmas: Vec<f32>,
    /// How many draws of noise.
    pub draws: usize,
    /// The asked classes, in their order.
    pub classes: Vec<ClassEvidence>,
}

/// Sums over the draws for one class.
struct Sums {
    /// At each level: bits a unit of ln σ, and bits of `log p(c | y)`.
    density: Vec<f64>,
    log: Vec<f64>,
    map: Vec<f64>,
    /// Of each draw: both roads.
    denoisers: Vec<f64>,
    softmax: Vec<f64>,
}

/// Answers `request`; levels outside of the trained range are moved into it.
///
/// # Errors
/// As [`EvidenceRequest::check`]; [`Error::Compute`] if the picture does not fit the model; [`Error::Cancelled`].
pub fn evidence(
    model: &dyn JointModel,
    request: &EvidenceRequest,
    cancel: &Cancel,
    observe: &mut dyn FnMut(f32),
) -> Result<Evidence> {
    crate::joint::require_classes(model.classes().len(), "evidence")?;
    super::scene::require_gradients(model)?;
    request.check(model.classes().len())?;
    let EvidenceRequest { picture, classes, levels, draws, seed, .. } = request;
    let [from, to] = [request.from, request.to].map(|sigma| inside(model, sigma));
    if from >= to {
        let range = model.sigma_range();
        let reason = format!(
            "nothing of {} to {} lies in the trained range {} to {}",
            request.from, request.to, range.min, range.max
        );
        return Err(Error::option("--from", reason));
    }
    let step = (f64::from(to) / f64::from(from)).ln() / (levels - 1) as f64;
    let sigmas: Vec<f32> = (0..*levels).map(|i| (f64::from(from) * (step * i as f64).exp()) as f32).collect();
    let sums = || Sums {
        density: vec![0.0; *levels],
        log: vec![0.0; *levels],
        map: vec![0.0; picture.values().len()],
        denoisers: vec![0.0; *draws],
        softmax: vec![0.0; *draws],
    };
    let mut all: Vec<Sums> = classes.iter().map(|_| sums()).collect();
    for draw in 0..*draws {
        for (level, &sigma) in sigmas.iter().enumerate() {
            cancel.check()?;
            let noise = Noise { kind: NoiseKind::Gaussian, sigma, seed: seed.wrapping_add(draw as u64) };
            let forward = model.forward(&Batch::of([&noise.apply(picture)]), &[sigma])?;
            let log = log_softmax(forward.log_joint_of(0));
            let denoised = forward.denoised()?.picture(0);
            // The ends of the trapezoid rule count half.
            let weight = if level == 0 || level + 1 == *levels { 0.5 } else { 1.0 } * step;
            for (chunk, sums) in classes.chunks(CLASSES_A_PASS).zip(all.chunks_mut(CLASSES_A_PASS)) {
                let pictures = forward.denoised_as(chunk)?;
                for (row, (&class, sums)) in chunk.iter().zip(sums).enumerate() {
                    let bits = log[class] / std::f64::consts::LN_2;
                    sums.log[level] += bits / *draws as f64;
                    if level == 0 {
                        sums.softmax[draw] += bits;
                    } else if level + 1 == *levels {
                        sums.softmax[draw] -= bits;
                    }
                    // ½ dγ = γ d ln σ, towards smaller σ.
                    let rate = f64::from(sigma).powi(-2) / std::f64::consts::LN_2;
                    let values = denoised.values().iter().zip(pictures.row(row)).zip(picture.values());
                    let mut sum = 0.0;
                    for (((d, d_c), x), map) in values.zip(&mut sums.map) {
                        let part = rate * (f64::from(x - d).powi(2) - f64::from(x - d_c).powi(2));
                        sum += part;
                        *map += weight * part / *draws as f64;
                    }
                    sums.density[level] += sum / *draws as f64;
                    sums.denoisers[draw] += weight * sum;
                }
            }
            observe((draw * levels + level + 1) as f32 / (draws * levels) as f32);
        }
    }
    let found = classes.iter().zip(all).map(|(&class, sums)| sums.summary(class, step, picture));
    Ok(Evidence {
        model: ModelCard::of(model),
        picture: picture.clone(),
        sigmas,
        draws: *draws,
        classes: found.collect(),
    })
}

impl Sums {
    fn summary(self, class: usize, step: f64, picture: &Picture) -> ClassEvidence {
        let Self { density, log, map, denoisers, softmax } = self;
        let levels = density.len();
        let integral = |row: &[f64]| row.windows(2).map(|pair| 0.5 * step * (pair[0] + pair[1])).sum::<f64>();
        let apart: Vec<f64> = denoisers.iter().zip(&softmax).map(|(a, b)| a - b).collect();
        let from_above = |level: usize| integral(&density[level..]);
        ClassEvidence {
            class,
            softmax: estimate(&softmax),
            denoisers: estimate(&denoisers),
            gap: estimate(&apart),
            from_above: (0..levels).map(from_above).collect(),
            softmax_from_above: log.iter().map(|l| l - log[levels - 1]).collect(),
            density,
            map: Picture::new(picture.shape(), map.into_iter().map(|v| v as f32).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joint::altered::{Altered, Change};
    use crate::joint::{Forward, GaussianMixture};
    use crate::picture::Shape;

    const SHAPE: Shape = Shape::new(1, 3, 4);

    fn mean(class: usize) -> Vec<f64> {
        (0..SHAPE.len()).map(|i| 0.5 + 0.25 * ((i * (3 + 4 * class)) as f64).sin()).collect()
    }

    fn oracle() -> GaussianMixture {
        GaussianMixture::new(SHAPE, 3)
            .with(0, 0.5, mean(0), 0.02)
            .with(1, 0.3, mean(1), 0.03)
            .with(1, 0.1, mean(3), 0.02)
            .with(2, 0.1, mean(2), 0.04)
    }

    fn request(draws: usize) -> EvidenceRequest {
        let values = mean(0).iter().enumerate().map(|(i, m)| (m + 0.1 * (i as f64).cos()) as f32).collect();
        let picture = Picture::new(SHAPE, values);
        EvidenceRequest { picture, classes: vec![2, 0, 1], from: 0.03, to: 3.0, levels: 96, draws, seed: 1 }
    }

    #[test]
    fn both_roads_lead_to_the_posterior() {
        let model = oracle();
        let mut last = 0.0;
        let found = evidence(&model, &request(800), &Cancel::new(), &mut |share| last = share).unwrap();
        assert!((last - 1.0).abs() < 1e-6 && found.classes.iter().map(|c| c.class).eq([2, 0, 1]));
        for class in &found.classes {
            let Estimate { value, standard_error } = class.gap;
            assert!(standard_error < 0.1 * (1.0 + class.softmax.value.abs()), "{class:?}");
            // And the trapezoids' own error.
            assert!(value.abs() < 4.0 * standard_error + 0.01 * class.softmax.value.abs(), "{class:?}");
            // At the largest level nearly nothing is known: what is left is the prior.
            let map: f64 = class.map.values().iter().map(|v| f64::from(*v)).sum();
            assert!((map - class.denoisers.value).abs() < 1e-4 * (1.0 + map.abs()));
            assert!((class.from_above[0] - class.denoisers.value).abs() < 1e-9 * (1.0 + map.abs()));
            assert!((class.softmax_from_above[0] - class.softmax.value).abs() < 1e-9);
        }
        let clean = model.forward(&Batch::of([&request(2).picture]), &[0.03]).unwrap().posterior_of(0);
        let [prior, known] = [0.5_f64, clean[0]];
        let bits = (known / prior).log2();
        let rise = found.classes[1].softmax.value;
        assert!((rise / bits - 1.0).abs() < 0.05, "{rise}, not {bits} bits");
    }

    #[test]
    fn a_network_that_is_no_density_has_a_gap() {
        /// Denoisers under the classes that are too far apart.
        struct Exaggerating;
        impl Change for Exaggerating {
            fn pullback(&self, own: &dyn Forward, cotangents: &[f32]) -> Result<Batch> {
                // Twice as far from the posterior's own.
                let posterior = own.posterior_of(0);
                let apart = cotangents.iter().zip(posterior.iter().cycle());
                own.pullback(&apart.map(|(w, p)| 2.0 * w - *p as f32).collect::<Vec<_>>())
            }
        }
        let found = evidence(&Altered(oracle(), Exaggerating), &request(60), &Cancel::new(), &mut |_| ()).unwrap();
        let worst = found.classes.iter().map(|c| c.gap.value.abs() / c.gap.standard_error).fold(0.0, f64::max);
        assert!(worst > 10.0, "{worst}");
    }

    #[test]
    fn what_is_no_question_is_refused() {
        let model = oracle();
        let ask = |change: &dyn Fn(&mut EvidenceRequest)| {
            let mut request = EvidenceRequest { levels: 2, ..request(2) };
            change(&mut request);
            evidence(&model, &request, &Cancel::new(), &mut |_| ())
        };
        let refused = |option: &str, change: &dyn Fn(&mut EvidenceRequest)| {
            let message = ask(change).unwrap_err().to_string();
            assert!(message.starts_with(option), "{message}");
        };
        refused("--levels", &|r| r.levels = 1);
        refused("--draws", &|r| r.draws = 1);
        refused("--from", &|r| r.from = 0.0);
        refused("--to", &|r| r.to = 0.01);
        refused("--classes", &|r| r.classes = vec![3]);
        refused("--classes", &|r| r.classes.clear());
        let one = GaussianMixture::new(SHAPE, 1).with(0, 1.0, mean(0), 0.1);
        let message = evidence(&one, &EvidenceRequest { classes: vec![0], ..request(2) }, &Cancel::new(), &mut |_| ());
        assert!(message.unwrap_err().to_string().contains("one class"));
    }
}
