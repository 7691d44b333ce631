//! What the lab says of an example of a report: its doubt by pixel, what else it could be, what a pixel was made of, restorations counted,
//! its noise, an attack on its denoiser, a hole filled, a picture drawn as its class, the way to another class, the evidence for its class, its bits, a bracket around
//! its radius, and whether the model is a density there.

use crate::attack::{BracketSettings, Bracketing, DenoiserSettings, Norm, Objective, Smoothing, attack_denoiser};
use crate::joint::JointModel;
use crate::picture::{Picture, Shape};
use crate::study::lab::{
    AuditRequest, Density, DensityRequest, DialRequest, Estimate, EvidenceRequest, FillWay, Filter, Guidance,
    InpaintRequest, Measured, Measurement, NoiseLevel, Probes, Region, SampleRequest, Start, Turned,
    UncertaintyRequest, Way, audit, density, dial, evidence, inpaint, noise_level, sample, uncertainty, usual_levels,
};
use crate::study::looks::{ColourMap, DIVERGING, SEQUENTIAL};
use crate::study::{Subject, ranked};
use crate::task::Cancel;
use crate::{Error, Result};

/// Random probes for "which details?", noise levels and draws of the evidence: a second or two a small picture.
const PROBES: usize = 64;
const LEVELS: usize = 32;
const DRAWS: usize = 4;
/// The smallest and the largest level of the evidence.
const SCALES: (f32, f32) = (5.0 / 255.0, 1.0);

/// Restorations that are counted, and their levels; the levels, Langevin steps and candidates of a fill.
const RESTORED: (usize, usize) = (16, 24);
const FILL: (usize, usize, usize) = (30, 2, 2);
/// β of the stochastic ascent.
const BETA: f64 = 0.5;
/// The lengths of the dial, with its steps, level and largest length.
const TURNS: (usize, usize, f32, f64) = (6, 30, 0.02, 3.0);
/// The most classes of p(c, σ | y).
const COLUMNS: usize = 12;
/// Draws and probes of the audit.
const AUDIT: (usize, usize) = (2, 16);

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

/// What there is of a picture under noise.
#[derive(Debug, Clone, PartialEq)]
pub struct Beneath {
    /// The standard deviation of each pixel of the clean picture, and the share of the variance that is "which class?".
    pub doubt: (Picture, f64),
    /// Two standard deviations along the first component, either way, and the length of one; none for a model that is sure.
    pub component: Option<([Picture; 2], f64)>,
    /// What the middle pixel of the restoration was made of.
    pub filter: Option<Filter>,
    /// p(c, σ | y), with the constants C(σ) of all examples; none for a model without a density.
    pub noise: Option<NoiseLevel>,
    /// How many of so many restorations are taken for each class; none for a model of one class.
    pub counted: Option<Vec<usize>>,
    /// D of the noisy picture that is changed by L2 0.5 so that it moves D most, how far that is (the root mean square of a value), and how
    /// far plain noise of that size moves it.
    pub attacked: Option<(Picture, [f64; 2])>,
    /// The worst residual of the audit at that level, and how many times its limit it is; none for a model without a density.
    pub health: Option<(&'static str, f64)>,
}

/// What the lab says of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    /// Under the examples' noise.
    pub beneath: Option<Beneath>,
    /// Its middle taken out and filled in.
    pub filled: Picture,
    /// A picture drawn out of nothing as its class by the stochastic ascent; none where that does not arrive.
    pub drawn: Option<Picture>,
    /// The most probable other class, and the smallest change that makes it one, if a length of the dial does; none for a model of one
    /// class.
    pub turned: Option<(usize, Option<Turned>)>,
    /// Bits for its class by the classifier and by the denoisers; none for a model of one class.
    pub evidence: Option<(Estimate, Estimate)>,
    /// Bits a value of the 8-bit picture; none for a model without a density.
    pub bits: Option<Estimate>,
    /// Where the radius of the smoothed classifier lies; none for a model of one class or without gradients.
    pub bracket: Option<Bracketed>,
}

impl Looked {
    /// The densities of all examples, which make those of different noise levels comparable; none for a model that has none.
    pub(super) fn densities(
        model: &dyn JointModel,
        pictures: &[Picture],
        seed: u64,
        cancel: &Cancel,
    ) -> Result<Option<Density>> {
        let knows = model.abilities().density.missing().is_none() && !pictures.is_empty();
        let request = || DensityRequest { seed, ..DensityRequest::of(pictures.to_vec()) };
        knows.then(|| density(model, &request(), cancel, &mut |_| ())).transpose()
    }

    /// Asks about a picture of class `label`, which is `noisy` under noise of that level, and has its place among the densities.
    pub(super) fn at(
        model: &dyn JointModel,
        (clean, label): (&Picture, usize),
        noisy: Option<(&Picture, f32)>,
        densities: Option<(&Density, usize)>,
        smoothing: Smoothing,
        cancel: &Cancel,
    ) -> Result<Self> {
        let seed = smoothing.seed;
        let constants = densities.map(|(density, _)| density);
        let beneath = noisy.map(|(noisy, sigma)| beneath(model, clean, (noisy, sigma), constants, seed, cancel));
        let filled = filled(model, clean, seed, cancel)?;
        let turned = (model.classes().len() > 1).then(|| turned(model, clean, label, cancel));
        let evidence = (model.classes().len() > 1).then(|| {
            let (picture, classes) = (clean.clone(), vec![label]);
            let (from, to) = SCALES;
            let request = EvidenceRequest { picture, classes, from, to, levels: LEVELS, draws: DRAWS, seed };
            let found = evidence(model, &request, cancel, &mut |_| ())?;
            Ok::<_, Error>((found.classes[0].softmax, found.classes[0].denoisers))
        });
        let bits = densities.map(|(density, place)| density.pictures[place].bits);
        let drawn = drawn(model, (model.classes().len() > 1).then_some(label), smoothing, cancel)?;
        let attacks = model.classes().len() > 1 && model.abilities().gradients.missing().is_none();
        let bracket = attacks.then(|| bracketed(model, clean, smoothing, cancel));
        Ok(Self {
            beneath: beneath.transpose()?,
            filled,
            drawn,
            turned: turned.transpose()?,
            evidence: evidence.transpose()?,
            bits,
            bracket: bracket.transpose()?,
        })
    }

    /// The smoothing of picture `number`'s bracket at one of the levels that are certified, or the usual one.
    pub(super) fn smoothing(sigmas: &[f32], seed: u64, number: usize) -> Smoothing {
        let sigma = sigmas.first().copied().unwrap_or(SMOOTHING);
        Smoothing { samples: VOTES, alpha: ALPHA, seed, number: number as u64, ..Smoothing::new(sigma) }
    }
}

fn beneath(
    model: &dyn JointModel,
    clean: &Picture,
    (noisy, sigma): (&Picture, f32),
    constants: Option<&Density>,
    seed: u64,
    cancel: &Cancel,
) -> Result<Beneath> {
    let subject = UncertaintyRequest::of(Subject::Noisy(noisy.clone()));
    let (probes, assumed_sigma) = (Probes::Random(PROBES), Some(sigma));
    let filter = Some((noisy.shape().width / 2, noisy.shape().height / 2));
    let request = UncertaintyRequest { assumed_sigma, probes, components: 1, filter, seed, ..subject };
    let found = uncertainty(model, &request, cancel, &mut |_| ())?;
    let [classes, _, total] = found.doubt.means();
    let first = found.components.as_ref().and_then(|components| components.list.first());
    let component = first.map(|first| ([-2.0, 2.0].map(|far| first.walk(&found.denoised, far)), first.deviation));
    let counted = (model.classes().len() > 1).then(|| {
        let (count, steps) = RESTORED;
        let request = SampleRequest {
            start: Start::Noisy(noisy.clone(), sigma),
            count,
            guidance: None,
            levels: usual_levels(model.sigma_range(), Some(sigma)),
            steps,
            way: Way::Flow { churn: 0.0 },
            corrections: 0,
            frames: 0,
            seed,
        };
        Ok::<_, Error>(sample(model, &request, cancel, &mut |_, _| ())?.counts())
    });
    let knows = model.abilities().density.missing().is_none();
    let health = knows.then(|| {
        let (draws, probes) = AUDIT;
        let request =
            AuditRequest { sigmas: vec![sigma], draws, probes, seed, ..AuditRequest::of(vec![clean.clone()]) };
        let level = audit(model, &request, cancel, &mut |_, _| ())?.levels.swap_remove(0);
        let worst = level.residuals.iter().max_by(|a, b| a.severity().total_cmp(&b.severity()));
        Ok::<_, Error>(worst.map(|worst| (worst.residual.title, Measured::severity(worst))))
    });
    let doubt = (deviation(&found.doubt.total()), if total > 0.0 { classes / total } else { 0.0 });
    let noise = constants.map(|constants| noise_level(constants, model, noisy, cancel)).transpose()?;
    let filter = found.filter;
    let attacked = model.abilities().gradients.missing().is_none().then(|| {
        let epsilon = DenoiserSettings::usual_epsilon(Norm::L2);
        let settings = DenoiserSettings { seed, ..DenoiserSettings::new(Objective::Change, Norm::L2, epsilon, sigma) };
        let found = attack_denoiser(model, noisy, Some(clean), &settings, cancel, &mut |_| ())?;
        let most = found.loss.last().copied().unwrap_or_default();
        Ok::<_, Error>((found.after, [most, found.control]))
    });
    Ok(Beneath {
        doubt,
        component,
        filter,
        noise,
        counted: counted.transpose()?,
        attacked: attacked.transpose()?,
        health: health.transpose()?.flatten(),
    })
}

/// The middle quarter taken out and filled in.
fn filled(model: &dyn JointModel, clean: &Picture, seed: u64, cancel: &Cancel) -> Result<Picture> {
    let Shape { height, width, .. } = clean.shape();
    let hole = Region { x: width / 4, y: height / 4, width: width.div_ceil(2), height: height.div_ceil(2) };
    let (steps, corrections, candidates) = FILL;
    // A model without a density has nothing to correct the steps and to weigh candidates by.
    let knows = model.abilities().density.missing().is_none();
    let (corrections, candidates) = if knows { (corrections, candidates) } else { (0, 1) };
    let request = InpaintRequest {
        picture: clean.clone(),
        measurement: Measurement::around("--lab", clean.shape(), hole)?,
        has_truth: true,
        count: 1,
        guidance: None,
        levels: usual_levels(model.sigma_range(), None),
        way: FillWay::Annealed { steps, corrections, candidates },
        frames: 0,
        seed,
    };
    Ok(inpaint(model, &request, cancel, &mut |_, _| ())?.list.swap_remove(0).picture)
}

/// A picture out of nothing by the stochastic ascent, as a class where there are several.
fn drawn(
    model: &dyn JointModel,
    class: Option<usize>,
    smoothing: Smoothing,
    cancel: &Cancel,
) -> Result<Option<Picture>> {
    let request = SampleRequest {
        start: Start::Nothing,
        count: 1,
        guidance: class.map(|class| Guidance { class, weight: 1.0 }),
        levels: usual_levels(model.sigma_range(), None),
        steps: RESTORED.1,
        way: Way::Ascent { beta: BETA },
        corrections: 0,
        frames: 0,
        // Examples of one class are not drawn alike.
        seed: smoothing.seed.wrapping_add(smoothing.number),
    };
    match sample(model, &request, cancel, &mut |_, _| ()) {
        Ok(mut found) => Ok(Some(found.list.swap_remove(0).picture)),
        // It lost its way, or took too many steps.
        Err(Error::Compute(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The smallest change to the most probable other class.
fn turned(model: &dyn JointModel, clean: &Picture, label: usize, cancel: &Cancel) -> Result<(usize, Option<Turned>)> {
    let (positions, steps, sigma, radius) = TURNS;
    let forward = model.forward(&crate::picture::Batch::of([clean]), &[model.sigma_range().clamp(sigma)])?;
    let order = ranked(&forward.posterior_of(0));
    let target = order.into_iter().find(|class| *class != label).unwrap_or(label);
    let radii = DialRequest::evenly(radius, positions);
    let request = DialRequest { picture: clean.clone(), target, radii, tolerance: 0.0, sigma, steps };
    Ok((target, dial(model, &request, cancel, &mut |_, _| ())?.smallest))
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
    in_colours(map.shape(), map.values().iter().map(|v| v / most.max(1e-6)), &SEQUENTIAL)
}

fn in_colours(shape: Shape, values: impl Iterator<Item = f32>, map: &ColourMap) -> Picture {
    let colours: Vec<[f32; 3]> = values.map(|v| map.at(v)).collect();
    let values = (0..3).flat_map(|c| colours.iter().map(move |colour| colour[c])).collect();
    Picture::new(Shape::new(3, shape.height, shape.width), values)
}

impl Beneath {
    /// The filter's weights, the mean over the channels: negative blue, positive orange.
    pub(super) fn weights(filter: &Filter) -> Picture {
        let Shape { channels, height, width } = filter.weights.shape();
        let pixels = height * width;
        let mean = |at: usize| (0..channels).map(|c| filter.weights.values()[c * pixels + at]).sum::<f32>();
        let largest = (0..pixels).map(|at| mean(at).abs()).fold(1e-9, f32::max);
        in_colours(Shape::new(1, height, width), (0..pixels).map(|at| mean(at) / largest), &DIVERGING)
    }

    /// p(c, σ | y), the most probable black to yellow: classes across, the likeliest where there are many, noise levels up.
    pub(super) fn heat(noise: &NoiseLevel) -> Picture {
        let (levels, by_class) = (noise.sigmas.len(), noise.classes());
        let mut order = ranked(&by_class);
        order.truncate(COLUMNS);
        order.sort_unstable();
        let wide = (levels / order.len()).max(1);
        let shape = Shape::new(1, levels, wide * order.len());
        let largest = noise.joint.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let at = |row: usize, column: usize| noise.joint[(levels - 1 - row) * by_class.len() + order[column / wide]];
        let all = (0..shape.height).flat_map(|row| (0..shape.width).map(move |column| (row, column)));
        in_colours(shape, all.map(|(row, column)| (at(row, column) / largest) as f32), &SEQUENTIAL)
    }
}
