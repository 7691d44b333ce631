//! What the lab says of an example of a report: its doubt by pixel, the evidence for its class, its bits, a bracket around its radius.

use crate::attack::{BracketSettings, Bracketing, Smoothing};
use crate::joint::JointModel;
use crate::picture::{Picture, Shape};
use crate::study::Subject;
use crate::study::lab::{
    DensityRequest, Estimate, EvidenceRequest, Probes, UncertaintyRequest, density, evidence, uncertainty,
};
use crate::study::looks::SEQUENTIAL;
use crate::task::Cancel;
use crate::{Error, Result};

/// Random probes for "which details?", noise levels and draws of the evidence: a second or two a small picture.
const PROBES: usize = 64;
const LEVELS: usize = 32;
const DRAWS: usize = 4;
/// The smallest and the largest level of the evidence.
const SCALES: (f32, f32) = (5.0 / 255.0, 1.0);

/// The bracket around the smoothed classifier's radius: noise level where no certificate says another, votes, attacks, votes a claim, α.
const SMOOTHING: f32 = 0.25;
const VOTES: u64 = 400;
const ATTEMPTS: usize = 4;
const CLAIM: u64 = 200;
const ALPHA: f64 = 0.01;

/// A smoothed classifier's class, the radius that is proved from below, and the smallest attack that was found from above.
#[derive(Debug, Clone, PartialEq)]
pub struct Bracketed {
    /// The noise level of the smoothing.
    pub sigma: f32,
    /// The class, as an index.
    pub class: usize,
    /// The proved L2 radius, 0 for abstention.
    pub low: f64,
    /// The length of the smallest attack, if one was found.
    pub high: Option<f64>,
}

/// What the lab says of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    /// Under the examples' noise: the standard deviation of each pixel of the clean picture, and the share of the variance that is
    /// "which class?".
    pub doubt: Option<(Picture, f64)>,
    /// Bits for its class by the classifier and by the denoisers; none for a model of one class.
    pub evidence: Option<(Estimate, Estimate)>,
    /// Bits a value of the 8-bit picture; none for a model without a density.
    pub bits: Option<Estimate>,
    /// Where the radius of the smoothed classifier lies; none for a model of one class or without gradients.
    pub bracket: Option<Bracketed>,
}

impl Looked {
    /// Asks about a picture of class `label`, which is `noisy` under noise of that level.
    pub(super) fn at(
        model: &dyn JointModel,
        (clean, label): (&Picture, usize),
        noisy: Option<(&Picture, f32)>,
        smoothing: Smoothing,
        cancel: &Cancel,
    ) -> Result<Self> {
        let seed = smoothing.seed;
        let doubt = noisy.map(|(noisy, sigma)| {
            let subject = UncertaintyRequest::of(Subject::Noisy(noisy.clone()));
            let (probes, assumed_sigma) = (Probes::Random(PROBES), Some(sigma));
            let request = UncertaintyRequest { assumed_sigma, probes, seed, ..subject };
            let found = uncertainty(model, &request, cancel, &mut |_| ())?.doubt;
            let [classes, _, total] = found.means();
            Ok::<_, Error>((deviation(&found.total()), if total > 0.0 { classes / total } else { 0.0 }))
        });
        let evidence = (model.classes().len() > 1).then(|| {
            let (picture, classes) = (clean.clone(), vec![label]);
            let (from, to) = SCALES;
            let request = EvidenceRequest { picture, classes, from, to, levels: LEVELS, draws: DRAWS, seed };
            let found = evidence(model, &request, cancel, &mut |_| ())?;
            Ok::<_, Error>((found.classes[0].softmax, found.classes[0].denoisers))
        });
        let knows = model.abilities().density.missing().is_none();
        let bits = knows.then(|| {
            let request = DensityRequest { seed, ..DensityRequest::of(vec![clean.clone()]) };
            Ok::<_, Error>(density(model, &request, cancel, &mut |_| ())?.pictures[0].bits)
        });
        let attacks = model.classes().len() > 1 && model.abilities().gradients.missing().is_none();
        let bracket = attacks.then(|| bracketed(model, clean, smoothing, cancel));
        Ok(Self {
            doubt: doubt.transpose()?,
            evidence: evidence.transpose()?,
            bits: bits.transpose()?,
            bracket: bracket.transpose()?,
        })
    }

    /// The smoothing of picture `number`'s bracket at one of the levels that are certified, or the usual one.
    pub(super) fn smoothing(sigmas: &[f32], seed: u64, number: usize) -> Smoothing {
        let sigma = sigmas.first().copied().unwrap_or(SMOOTHING);
        Smoothing { samples: VOTES, alpha: ALPHA, seed, number: number as u64, ..Smoothing::new(sigma) }
    }
}

fn bracketed(model: &dyn JointModel, clean: &Picture, smoothing: Smoothing, cancel: &Cancel) -> Result<Bracketed> {
    let settings = BracketSettings { attempts: ATTEMPTS, votes: CLAIM, ..BracketSettings::new(smoothing) };
    let mut bracket = Bracketing::begin(model, clean, &settings, cancel)?;
    while !bracket.is_complete() {
        bracket.advance(model, clean, cancel)?;
    }
    let (low, high) = bracket.bounds();
    Ok(Bracketed { sigma: smoothing.sigma, class: bracket.certificate().class, low, high })
}

/// The root of the mean over the channels.
fn deviation(variance: &Picture) -> Picture {
    let Shape { channels, height, width } = variance.shape();
    let pixels = height * width;
    let mean = |at: usize| (0..channels).map(|c| variance.values()[c * pixels + at]).sum::<f32>() / channels as f32;
    Picture::new(Shape::new(1, height, width), (0..pixels).map(|at| mean(at).max(0.0).sqrt()).collect())
}

/// A map of numbers from 0 to `most` in colours.
pub(super) fn coloured(map: &Picture, most: f32) -> Picture {
    let shape = map.shape();
    let colours: Vec<[f32; 3]> = map.values().iter().map(|v| SEQUENTIAL.at(v / most.max(1e-6))).collect();
    let values = (0..3).flat_map(|c| colours.iter().map(move |colour| colour[c])).collect();
    Picture::new(Shape::new(3, shape.height, shape.width), values)
}
