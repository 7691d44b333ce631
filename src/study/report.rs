//! Results as JSON: the elements that `--json` prints.

use std::path::Path;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::{Attacked, Conditional, Study, Timings, Written};
use crate::attack::{
    Bracketing, Certificate, Defence, DenoiserOutcome, DenoiserSettings, Distance, Method, Norm, Smoothing,
};
use crate::joint::JointModel;
use crate::picture::{Fidelity, METRICS, Metric, Noise, NoiseKind, Picture, decibels};

/// A class and its probability.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassProbability {
    /// The class name.
    pub class: String,
    /// `p(c | y)`.
    pub probability: f64,
}

/// Values by class name, written in their own order; an infinite one, the PSNR of identical pictures, as null.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ByClass(pub Vec<(String, f64)>);

impl Serialize for ByClass {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (class, value) in &self.0 {
            map.serialize_entry(class, &decibels::finite(*value))?;
        }
        map.end()
    }
}

/// One metric's values: how near pictures are to the clean one; null for the infinite PSNR of identical pictures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Nearness {
    /// Of the noisy picture.
    #[serde(serialize_with = "decibels::serialize")]
    pub noisy: f64,
    /// Of D(y).
    #[serde(serialize_with = "decibels::serialize")]
    pub denoised: f64,
    /// Of each computed `D_c(y)`, by class; absent for a metric that is too slow for all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditional: Option<ByClass>,
}

/// What each metric says, under its name: null without a clean picture.
#[derive(Debug, Clone, PartialEq)]
pub struct ByMetric(pub Vec<(&'static Metric, Option<Nearness>)>);

impl Serialize for ByMetric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(metric, nearness)| (metric.id, nearness)))
    }
}

impl ByMetric {
    fn of(study: &Study) -> Self {
        let fidelities = study.noisy_fidelity.zip(study.denoised_fidelity);
        let by_class = |metric: &Metric| {
            let value = |c: &Conditional| Some((study.model.classes[c.class].clone(), c.fidelity?.get(metric)?));
            metric.is_quick.then(|| ByClass(study.conditionals.iter().filter_map(value).collect()))
        };
        let nearness = |metric: &Metric| {
            let (noisy, denoised) = fidelities?;
            Some(Nearness { noisy: noisy.get(metric)?, denoised: denoised.get(metric)?, conditional: by_class(metric) })
        };
        Self(METRICS.into_iter().map(|metric| (metric, nearness(metric))).collect())
    }
}

/// All classes that were not computed one by one, as one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RestReport {
    /// How many classes they are.
    pub classes: usize,
    /// The sum of their `p(c | y)`.
    pub probability: f64,
    /// How near their denoiser is, by the quick metrics; absent without a clean picture.
    #[serde(flatten)]
    pub fidelity: Option<Fidelity>,
}

/// The picture at its own size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NativeReport {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// How near the noisy one is; absent without a clean picture.
    pub noisy: Option<Fidelity>,
    /// How near the denoised one is; absent without a clean picture.
    pub denoised: Option<Fidelity>,
}

/// One element of what `analyze --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Analysis {
    /// The file, as it was named.
    pub image: String,
    /// The model's name.
    pub model: String,
    /// Where it computed.
    pub device: String,
    /// The standard deviation that the model was told, on the [0, 1] scale.
    pub sigma: f32,
    /// What it computed with, inside its trained range.
    pub sigma_used: f32,
    /// Whether `sigma` is an estimate from the picture.
    pub sigma_estimated: bool,
    /// The seed of the added noise; null for a picture with noise of its own.
    pub seed: Option<u64>,
    /// The kind of the added noise; null for a picture with noise of its own.
    pub noise: Option<NoiseKind>,
    /// What was done to fit the file's picture to the model, in words.
    pub fit: String,
    /// `p(c | y)`, the most probable class first.
    pub posterior: Vec<ClassProbability>,
    /// `log p_σ(y)` up to a constant that does not depend on y; null for a model without a density.
    pub log_density: Option<f64>,
    /// w of the classes' denoisers `D + w(D_c − D)`, to which their figures belong; left out where it is 1.
    #[serde(skip_serializing_if = "is_one")]
    pub guidance: f64,
    /// `psnr_db`, `ssim` and so on, each null without a clean picture.
    #[serde(flatten)]
    pub fidelity: ByMetric,
    /// The classes that were not asked for, as one; null where none is left or none was asked for.
    pub rest: Option<RestReport>,
    /// `max |D − Σ_c p(c | y) D_c|`, the rest as one class; null where some class is in neither.
    pub identity_error: Option<f64>,
    /// Null unless it was asked for.
    pub native: Option<NativeReport>,
    /// What a person should know to read the numbers rightly.
    pub notes: Vec<String>,
    /// Milliseconds.
    pub timings_ms: Timings,
}

impl Analysis {
    /// The report of a study of the picture in `image`, which was fitted as `fit` says.
    #[must_use]
    pub fn of(study: &Study, image: &Path, fit: &str) -> Self {
        Self {
            image: image.display().to_string(),
            model: study.model.name.clone(),
            device: study.model.device.clone(),
            sigma: study.sigma,
            sigma_used: study.sigma_used,
            sigma_estimated: study.sigma_estimated,
            seed: study.noise.map(|n| n.seed),
            noise: study.noise.map(|n| n.kind),
            fit: fit.to_owned(),
            posterior: posterior(&study.posterior, &study.model.classes),
            log_density: study.log_density,
            guidance: study.guidance,
            fidelity: ByMetric::of(study),
            rest: study.rest.as_ref().map(|rest| RestReport {
                classes: rest.classes,
                probability: rest.probability,
                fidelity: rest.fidelity,
            }),
            identity_error: study.identity_error,
            native: study.native.as_ref().map(|native| NativeReport {
                width: native.denoised.shape().width,
                height: native.denoised.shape().height,
                noisy: native.noisy_fidelity,
                denoised: native.denoised_fidelity,
            }),
            notes: study.notes.clone(),
            timings_ms: study.timings,
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's form
fn is_one(guidance: &f64) -> bool {
    *guidance == 1.0
}

/// A posterior with class names, the most probable first.
#[must_use]
pub fn posterior(probabilities: &[f64], classes: &[String]) -> Vec<ClassProbability> {
    let ranked = super::request::ranked(probabilities).into_iter();
    ranked.map(|c| ClassProbability { class: classes[c].clone(), probability: probabilities[c] }).collect()
}

/// One element of what `attack --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttackReport {
    /// The file, as it was named.
    pub image: String,
    /// The model's name.
    pub model: String,
    /// Where it computed.
    pub device: String,
    /// The attack.
    pub method: Method,
    /// The norm of its budget.
    pub norm: Norm,
    /// The requested budget; null where the smallest perturbation is looked for.
    pub epsilon: Option<f64>,
    /// The noise level that the attacked classifier assumes.
    pub sigma: f32,
    /// What stood before the classifier.
    pub defence: Defence,
    /// The seed of everything random in the attack.
    pub seed: u64,
    /// What was done to fit the file's picture to the model, in words.
    pub fit: String,
    /// How far the picture was moved.
    pub achieved: Distance,
    /// The class that it is to be no longer taken for.
    pub label: String,
    /// The class that it is to be taken for; null if any other will do.
    pub target: Option<String>,
    /// The most probable class before.
    pub predicted_before: String,
    /// The most probable class after.
    pub predicted_after: String,
    /// `p(c | x)` before, the most probable class first.
    pub posterior_before: Vec<ClassProbability>,
    /// `p(c | x)` after, the most probable class first.
    pub posterior_after: Vec<ClassProbability>,
    /// Whether the attack reached its goal.
    pub success: bool,
    /// How many steps were made.
    pub steps: usize,
    /// The loss that the attack raises, at each step.
    pub loss: Vec<f64>,
    /// How often the model was asked for its probabilities.
    pub queries: usize,
    /// What a person should know before trusting the result.
    pub warnings: Vec<String>,
    /// The file that the attacked picture was written to, measured as it is there; null if none was.
    pub written: Option<WrittenReport>,
}

/// An attacked picture in a file: rounded to 8 bits, or compressed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WrittenReport {
    /// The file.
    pub file: String,
    /// How far the file's picture lies from the clean one.
    pub achieved: Distance,
    /// Its most probable class.
    pub predicted: String,
    /// `p(c | x)` of it, the most probable class first.
    pub posterior: Vec<ClassProbability>,
    /// Whether it still reaches the attack's goal.
    pub success: bool,
    /// Whether it lies within the budget; null where the smallest perturbation was looked for.
    pub within_budget: Option<bool>,
}

impl WrittenReport {
    /// The report of what is in `file`, for a model of these classes.
    #[must_use]
    pub fn of(written: &Written, file: &Path, classes: &[String]) -> Self {
        Self {
            file: file.display().to_string(),
            achieved: written.achieved,
            predicted: classes[written.predicted].clone(),
            posterior: posterior(&written.posterior, classes),
            success: written.success,
            within_budget: written.within_budget,
        }
    }
}

impl AttackReport {
    /// The report of an attack on the picture in `image`, which was fitted as `fit` says.
    #[must_use]
    pub fn of(attacked: &Attacked, image: &Path, fit: &str) -> Self {
        let Attacked { model, settings, outcome, .. } = attacked;
        let name = |class: usize| model.classes[class].clone();
        Self {
            image: image.display().to_string(),
            model: model.name.clone(),
            device: model.device.clone(),
            method: settings.method,
            norm: settings.norm,
            epsilon: outcome.epsilon,
            sigma: settings.sigma,
            defence: settings.defence,
            seed: settings.seed,
            fit: fit.to_owned(),
            achieved: outcome.achieved,
            label: name(outcome.label),
            target: outcome.target.map(name),
            predicted_before: name(outcome.predicted_before),
            predicted_after: name(outcome.predicted_after),
            posterior_before: posterior(&outcome.posterior_before, &model.classes),
            posterior_after: posterior(&outcome.posterior_after, &model.classes),
            success: outcome.success,
            steps: outcome.steps,
            loss: outcome.loss.clone(),
            queries: outcome.queries,
            warnings: outcome.warnings.iter().map(ToString::to_string).collect(),
            written: None,
        }
    }
}

/// A certificate by randomised smoothing, for JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CertificateReport {
    /// The file, as it was named.
    pub image: String,
    /// The model's name.
    pub model: String,
    /// Where it computed.
    pub device: String,
    /// What was done to fit the file's picture to the model, in words.
    pub fit: String,
    /// Standard deviation of the noise.
    pub sigma: f32,
    /// The seed of the noise.
    pub seed: u64,
    /// How many votes chose the class before.
    pub selection: u64,
    /// The probability that the certificate is wrong, whyever its count was stopped.
    pub alpha: f64,
    /// The class that the smoothed classifier is certified to say; null if it abstains.
    pub class: Option<String>,
    /// Whether that is the given label; null without a label or a class.
    pub right: Option<bool>,
    /// The certified L2 radius on the [0, 1] scale; null if it abstains.
    pub radius: Option<f64>,
    /// Whether the count was stopped before its planned end, so that the radius is that of an earlier look.
    pub stopped: bool,
    /// How many votes were counted.
    pub samples: u64,
    /// How they fell, by class.
    pub votes: Vec<u64>,
    /// The nearest attack on the smoothed classifier, if it was looked for and found: then the true radius lies between `radius` and its
    /// `distance`, and `alpha` is the probability that it does not.
    pub attack: Option<FoundReport>,
    /// How many attacks were tried.
    pub attempts: usize,
}

/// A picture that the smoothed classifier takes for another class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FoundReport {
    /// How far it lies from the clean one, in L2.
    pub distance: f64,
    /// The class that has more votes there.
    pub class: String,
    /// How many votes were for it.
    pub votes: u64,
    /// How many were for the certified class.
    pub against: u64,
}

impl CertificateReport {
    /// The report of a certificate by `smoothing` of the picture in `image`, which was fitted as `fit` says.
    #[must_use]
    pub fn of(
        certificate: &Certificate,
        smoothing: &Smoothing,
        model: &dyn JointModel,
        label: Option<usize>,
        image: &Path,
        fit: &str,
    ) -> Self {
        let radius = certificate.radius();
        Self {
            image: image.display().to_string(),
            model: model.name().to_owned(),
            device: model.device(),
            fit: fit.to_owned(),
            sigma: certificate.sigma,
            seed: smoothing.seed,
            selection: smoothing.selection,
            alpha: certificate.alpha,
            class: radius.map(|_| model.classes()[certificate.class].clone()),
            right: radius.and(label).map(|label| label == certificate.class),
            radius,
            stopped: !certificate.is_complete(),
            samples: certificate.samples(),
            votes: certificate.votes.clone(),
            attack: None,
            attempts: 0,
        }
    }

    /// With what was found from above, at the α of both together.
    #[must_use]
    pub fn within(self, bracket: &Bracketing, alpha: f64, model: &dyn JointModel) -> Self {
        let attack = bracket.found().map(|found| FoundReport {
            distance: found.distance,
            class: model.classes()[found.class].clone(),
            votes: found.votes,
            against: found.against,
        });
        Self { attack, attempts: bracket.attempts(), alpha, ..self }
    }
}

/// One element of what `attack --objective --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DenoiserAttackReport {
    /// The file, as it was named.
    pub image: String,
    /// The model's name.
    pub model: String,
    /// Where it computed.
    pub device: String,
    /// What was done to fit the file's picture to the model, in words.
    pub fit: String,
    /// How the denoiser was attacked.
    #[serde(flatten)]
    pub settings: DenoiserSettings,
    /// The noise that was put on the picture; none where it had its own.
    pub noise: Option<Noise>,
    /// How large the change of the noisy picture is.
    pub achieved: Distance,
    /// The root mean square of what the attack makes large: at the start, at each step, and last at the outcome.
    pub loss: Vec<f64>,
    /// The same without a change.
    pub without: f64,
    /// The same for plain noise of that size, the mean over some draws.
    pub control: f64,
    /// L2 of the change of the restored picture by that of the noisy one.
    pub gain: f64,
    /// Whether products with the Jacobian are `exact` or `differences` of the denoiser.
    pub products: &'static str,
    /// The PSNR of the restored picture before; none where the clean picture is not known, or is what was restored.
    pub psnr_before_db: Option<f64>,
    /// The PSNR of the restored picture after.
    pub psnr_after_db: Option<f64>,
    /// `p(c | y)` before, the most probable class first.
    pub posterior_before: Vec<ClassProbability>,
    /// `p(c | y)` after.
    pub posterior_after: Vec<ClassProbability>,
}

impl DenoiserAttackReport {
    /// The report of the picture in `image`, which was fitted as `fit` says; with the clean picture, where it is known, and the noise
    /// that was put on it.
    #[must_use]
    pub fn of(
        outcome: &DenoiserOutcome,
        settings: &DenoiserSettings,
        model: &dyn JointModel,
        (clean, noise): (Option<&Picture>, Option<Noise>),
        (image, fit): (&Path, &str),
    ) -> Self {
        let names = model.classes();
        let psnr = |picture: &Picture| decibels::finite(Fidelity::of(picture, clean?).psnr_db());
        Self {
            image: image.display().to_string(),
            model: model.name().to_owned(),
            device: model.device(),
            fit: fit.to_owned(),
            settings: *settings,
            noise,
            achieved: outcome.achieved,
            loss: outcome.loss.clone(),
            without: outcome.without,
            control: outcome.control,
            gain: outcome.gain,
            products: if outcome.is_exact { "exact" } else { "differences" },
            psnr_before_db: psnr(&outcome.before),
            psnr_after_db: psnr(&outcome.after),
            posterior_before: posterior(&outcome.posterior_before, names),
            posterior_after: posterior(&outcome.posterior_after, names),
        }
    }
}
