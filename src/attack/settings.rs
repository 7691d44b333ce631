//! What a person asks for: a method with its budget, goal and parameters.

use std::collections::BTreeMap;

use super::{Defence, Kind, Method, Norm};
use crate::joint::{JointModel, require_classes};
use crate::picture::Shape;
use crate::{Error, Result, limits};

/// Names of the parameters in the registry.
pub mod parameters {
    /// How many steps.
    pub const STEPS: &str = "steps";
    /// Length of one step.
    pub const STEP_SIZE: &str = "step-size";
    /// Whether to begin at a random point.
    pub const RANDOM_START: &str = "random-start";
    /// Whether to stop at the first success.
    pub const EARLY_STOP: &str = "early-stop";
    /// How many random starts.
    pub const RESTARTS: &str = "restarts";
    /// MI-FGSM's weight of earlier gradients.
    pub const DECAY: &str = "decay";
    /// APGD's threshold on the share of rising steps.
    pub const RHO: &str = "rho";
    /// How many target classes are tried.
    pub const TARGETS: &str = "targets";
    /// FAB's largest pull towards the clean picture's projection.
    pub const ALPHA_MAX: &str = "alpha-max";
    /// FAB's share of a perturbation that is kept after a success.
    pub const BETA: &str = "beta";
    /// `DeepFool`'s and FAB's overshoot.
    pub const OVERSHOOT: &str = "overshoot";
    /// Carlini–Wagner's weight of the margin.
    pub const C: &str = "c";
    /// Carlini–Wagner's number of values of c.
    pub const SEARCH_STEPS: &str = "search-steps";
    /// Carlini–Wagner's confidence.
    pub const KAPPA: &str = "kappa";
    /// Carlini–Wagner's learning rate.
    pub const LEARNING_RATE: &str = "learning-rate";
    /// Square's number of queries.
    pub const QUERIES: &str = "queries";
    /// Square's first share of the picture.
    pub const P_INIT: &str = "p-init";
}

/// What the model is to be made to say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Anything but the label.
    #[default]
    None,
    /// This class.
    Class(usize),
    /// A class other than the label, drawn from the picture's seed.
    Random,
    /// The class that is least probable on the clean picture.
    LeastLikely,
}

/// Whether the budget is given or looked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The given ε.
    #[default]
    Fixed,
    /// The smallest ε with which the attack succeeds, by bisection; the given ε is where the bracket starts. Steps
    /// keep their length relative to ε. A method that is minimal by itself is bisected along its perturbation.
    Smallest,
}

/// Everything that an attack depends on, besides the model and the pictures.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Settings {
    /// The attack.
    pub method: Method,
    /// The norm of the budget.
    pub norm: Norm,
    /// The budget on the [0, 1] scale. A minimal method ([`super::Description::minimal`]) does not use it.
    pub epsilon: f64,
    /// Fixed budget, or the smallest that succeeds.
    #[serde(default)]
    pub mode: Mode,
    /// What the model is to say.
    #[serde(default)]
    pub target: Target,
    /// The noise level that the classifier p(c | x) assumes, on the [0, 1] scale.
    pub sigma: f32,
    /// What stands between the picture and the posterior; attacks know it.
    #[serde(default)]
    pub defence: Defence,
    /// Seed of everything random.
    #[serde(default)]
    pub seed: u64,
    /// The number, in its whole set, of the first picture given: picture i draws from stream `first + i` of the seed,
    /// so that a set gives the same results whatever batches it is cut into.
    #[serde(default)]
    pub first: u64,
    /// Whether to keep the pictures of the steps, of many steps some ([`super::Timeline`]).
    #[serde(default)]
    pub keep_trajectory: bool,
    /// Parameters by name, where they differ from the registry's defaults; [`Settings::set`] checks what it puts here.
    #[serde(default)]
    pub values: BTreeMap<String, f64>,
}

impl Settings {
    /// How many pictures the search asks the model about, at most and about: what its counts multiply to. None where it is not known
    /// before: of an ensemble, and of a search for the smallest budget.
    #[must_use]
    pub fn work(&self) -> Option<usize> {
        if self.mode == Mode::Smallest || self.method == Method::Autoattack {
            return None;
        }
        let counts = self.method.description().parameters.iter().filter(|p| p.kind == Kind::Count);
        Some(counts.map(|p| self.count(p.name).max(1)).fold(1, usize::saturating_mul))
    }

    /// The method's defaults, in the norm that it is usually used with, against p(c | x) at `sigma`.
    #[must_use]
    pub fn new(method: Method, sigma: f32) -> Self {
        let (norm, epsilon) = method.description().norms[0];
        Self {
            method,
            norm,
            epsilon,
            mode: Mode::Fixed,
            target: Target::None,
            sigma,
            defence: Defence::None,
            seed: 0,
            first: 0,
            keep_trajectory: false,
            values: BTreeMap::new(),
        }
    }

    /// The same under `norm` with budget `epsilon`.
    #[must_use]
    pub fn within(self, norm: Norm, epsilon: f64) -> Self {
        Self { norm, epsilon, ..self }
    }

    /// The value of a parameter: what was set, or the registry's default; 0 for one that the method does not have.
    #[must_use]
    pub fn value(&self, name: &str) -> f64 {
        let default = || self.method.description().parameter(name).map_or(0.0, |p| p.default(self.norm));
        self.values.get(name).copied().unwrap_or_else(default)
    }

    /// Sets a parameter, if the method has it and takes the value.
    pub fn set(&mut self, name: &str, value: f64) -> Result<()> {
        let description = self.method.description();
        let Some(parameter) = description.parameter(name) else {
            let known: Vec<_> = description.parameters.iter().map(|p| p.name).collect();
            let list = if known.is_empty() { "no parameters".to_owned() } else { known.join(", ") };
            return Err(Error::option(format!("--{name}"), format!("{} takes {list}", description.id)));
        };
        self.values.insert(name.to_owned(), parameter.check(value)?);
        Ok(())
    }

    /// [`Settings::set`], for chains.
    pub fn with(mut self, name: &str, value: f64) -> Result<Self> {
        self.set(name, value)?;
        Ok(self)
    }

    /// Puts a parameter back to the registry's default.
    pub fn reset(&mut self, name: &str) {
        self.values.remove(name);
    }

    /// Whether ε bounds the perturbation: not where the smallest is looked for.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        self.mode == Mode::Fixed && !self.method.description().minimal
    }

    pub(super) fn count(&self, name: &str) -> usize {
        self.value(name) as usize
    }

    pub(super) fn is_on(&self, name: &str) -> bool {
        self.value(name) != 0.0
    }

    /// The fewest classes that the method's loss is defined for; towards a target, the difference-of-logits ratio takes its
    /// targeted form (Croce & Hein 2020, eq. 7), which is made of four logits and not of three.
    fn min_classes(&self) -> usize {
        match (self.method, self.target) {
            (Method::ApgdDlr, Target::Class(_) | Target::Random | Target::LeastLikely) => {
                Method::ApgdT.description().min_classes
            }
            _ => self.method.description().min_classes,
        }
    }

    /// Whether a model of so many classes can be attacked towards `target` by this method.
    #[must_use]
    pub fn takes_target(&self, target: Target, classes: usize) -> bool {
        Self { target, ..self.clone() }.min_classes() <= classes
    }

    /// Checks everything that does not depend on the pictures: what is refused here is refused before any work.
    ///
    /// # Errors
    /// [`Error::Option`] naming the option.
    pub fn check(&self, model: &dyn JointModel) -> Result<()> {
        self.check_for(model.classes().len(), model.shape())
    }

    /// [`Settings::check`] for a model of so many classes, over pictures of this shape.
    pub(super) fn check_for(&self, classes: usize, shape: Shape) -> Result<()> {
        require_classes(classes, "an attack")?;
        let description = self.method.description();
        if description.epsilon(self.norm).is_none() {
            return Err(Error::option("--norm", format!("{} does not take {}", description.id, self.norm)));
        }
        self.check_budget(shape)?;
        limits::positive_sigma("--sigma", self.sigma)?;
        self.defence.check(shape.len())?;
        let least = self.min_classes();
        if classes < least {
            let towards = if least > description.min_classes { " with a target" } else { "" };
            let id = description.id;
            let reason = format!("{id}{towards} needs {least} classes and the model has {classes}; try apgd-ce");
            return Err(Error::option("--method", reason));
        }
        if let Target::Class(class) = self.target
            && class >= classes
        {
            let reason = format!("class {class} does not exist: the model has {classes}, from 0 on");
            return Err(Error::option("--target", reason));
        }
        // Values may come from a file that nobody checked.
        for (name, value) in &self.values {
            match description.parameter(name) {
                Some(parameter) => parameter.check(*value)?,
                None => return Err(Error::option(format!("--{name}"), format!("is not for {}", description.id))),
            };
        }
        Ok(())
    }

    /// Refuses a budget beyond the distance from black to white: the scale was another.
    fn check_budget(&self, shape: Shape) -> Result<()> {
        let Self { epsilon, norm, .. } = *self;
        if !(epsilon.is_finite() && epsilon >= 0.0) {
            return Err(Error::option(
                "--epsilon",
                format!("takes a number from 0 up, not {}", limits::typed(epsilon)),
            ));
        }
        let farthest = match norm {
            Norm::Linf => 1.0,
            Norm::L2 => (shape.len() as f64).sqrt(),
        };
        if epsilon <= farthest {
            return Ok(());
        }
        let (hint, norm) = (limits::of_255(epsilon, farthest), norm.title());
        let reason = format!(
            "{} is beyond {farthest:.3}, the {norm} distance from black to white on the [0, 1] scale{hint}",
            limits::typed(epsilon)
        );
        Err(Error::option("--epsilon", reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_follow_the_norm_until_set() {
        let settings = Settings::new(Method::Pgd, 0.1);
        assert!((settings.value(parameters::STEP_SIZE) - 2.0 / 255.0).abs() < 1e-12);
        let mut settings = settings.within(Norm::L2, 1.0);
        assert!((settings.value(parameters::STEP_SIZE) - 0.2).abs() < 1e-12);
        settings.set(parameters::STEP_SIZE, 0.5).unwrap();
        assert!((settings.value(parameters::STEP_SIZE) - 0.5).abs() < 1e-12);
        settings.reset(parameters::STEP_SIZE);
        assert!((settings.value(parameters::STEP_SIZE) - 0.2).abs() < 1e-12);
    }

    #[test]
    fn wrong_settings_are_named() {
        let shape = Shape::new(1, 4, 4);
        let message = |settings: Settings, classes| settings.check_for(classes, shape).unwrap_err().to_string();
        assert!(message(Settings::new(Method::Deepfool, 0.1).within(Norm::Linf, 0.1), 10).contains("--norm"));
        assert!(message(Settings::new(Method::Fgsm, 0.1).within(Norm::L2, f64::NAN), 10).contains("--epsilon"));
        assert!(message(Settings::new(Method::Fgsm, 0.0), 10).contains("--sigma"));
        assert!(message(Settings::new(Method::ApgdT, 0.1), 2).contains("apgd-t"));
        let dlr = Settings::new(Method::ApgdDlr, 0.1);
        dlr.check_for(3, shape).unwrap();
        for target in [Target::Class(0), Target::Random, Target::LeastLikely] {
            let dlr = Settings { target, ..dlr.clone() };
            assert!(message(dlr.clone(), 3).contains("apgd-dlr with a target needs 4 classes"));
            dlr.check_for(4, shape).unwrap();
        }
        assert!(message(Settings::new(Method::Fgsm, 0.1), 1).contains("denoiser"));
        let targeted = Settings { target: Target::Class(10), ..Settings::new(Method::Fgsm, 0.1) };
        assert!(message(targeted, 10).contains("--target"));
        let error = Settings::new(Method::Fgsm, 0.1).with(parameters::STEPS, 3.0).unwrap_err();
        assert!(error.to_string().contains("--steps"));
    }

    #[test]
    fn levels_typed_in_255ths_are_asked_about() {
        let shape = Shape::new(1, 4, 4);
        let check = |norm, epsilon| Settings::new(Method::Fgsm, 0.1).within(norm, epsilon).check_for(2, shape);
        assert!(check(Norm::Linf, 8.0).unwrap_err().to_string().ends_with("did you mean 8/255?"));
        assert!(check(Norm::L2, 128.0).unwrap_err().to_string().ends_with("did you mean 128/255?"));
        check(Norm::Linf, 1.0).unwrap();
        // Sixteen values from black to white.
        check(Norm::L2, 4.0).unwrap();
        let error = Settings::new(Method::Fgsm, 25.0).check_for(2, shape).unwrap_err().to_string();
        assert!(error.starts_with("--sigma") && error.ends_with("did you mean 25/255?"), "{error}");
    }

    #[test]
    fn settings_survive_a_file() {
        let settings = Settings::new(Method::MiFgsm, 0.1).with(parameters::DECAY, 0.5).unwrap();
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), settings);
    }
}
