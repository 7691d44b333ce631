//! An attack of an evaluation, as people type it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::attack::{Defence, Method, Norm, Preset, Settings, Target};
use crate::joint::JointModel;
use crate::study::level;
use crate::{Error, Result};

/// An attack of an evaluation: `pgd`, `pgd:l2`, `pgd:linf:8/255`, `square:linf:0.1:queries=1000:sigma=0.1`,
/// `pgd:l2:2.5:target=random` or a preset's name, with what is usual for the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct AttackPlan {
    /// The attack.
    pub method: Method,
    /// The norm of its budget.
    pub norm: Norm,
    /// Its budget on the [0, 1] scale.
    pub epsilon: f64,
    /// The noise level that the attacked classifier assumes; the model's smallest, at least 1/255, if not given.
    pub sigma: Option<f32>,
    /// What stands before the classifier; the attack knows it.
    pub defence: Defence,
    /// What each picture is to be taken for: any other class, one drawn at random, or the least likely.
    pub target: Target,
    /// The method's parameters by name, where they differ from its defaults.
    pub parameters: BTreeMap<String, f64>,
}

impl AttackPlan {
    /// A method's attack as it usually is.
    #[must_use]
    pub fn new(method: Method) -> Self {
        Self::of(&Settings::new(method, 1.0), None)
    }

    /// The attack of some settings, on the classifier at `sigma`.
    #[must_use]
    pub fn of(settings: &Settings, sigma: Option<f32>) -> Self {
        let Settings { method, norm, epsilon, defence, target, values, .. } = settings;
        Self {
            method: *method,
            norm: *norm,
            epsilon: *epsilon,
            sigma,
            defence: *defence,
            target: *target,
            parameters: values.clone(),
        }
    }

    /// Every attack against every defence, an attack's own together.
    #[must_use]
    pub fn against(attacks: &[Self], defences: &[Defence]) -> Vec<Self> {
        let of_attack = |attack: &Self| {
            let against = |&defence: &Defence| Self { defence, ..attack.clone() };
            defences.iter().map(against).collect::<Vec<_>>()
        };
        attacks.iter().flat_map(of_attack).collect()
    }

    /// What to run on `model`.
    #[must_use]
    pub fn settings(&self, model: &dyn JointModel, seed: u64) -> Settings {
        let sigma = self.sigma.unwrap_or(model.sigma_range().near_clean());
        Settings {
            defence: self.defence,
            target: self.target,
            values: self.parameters.clone(),
            seed,
            ..Settings::new(self.method, sigma).within(self.norm, self.epsilon)
        }
    }
}

impl FromStr for AttackPlan {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.trim().split(':');
        let name = parts.next().unwrap_or_default();
        let (parameters, places): (Vec<_>, Vec<_>) = parts.partition(|part| part.contains('='));
        let usual = match Preset::find(name) {
            Ok(preset) => preset.settings(1.0),
            Err(_) => Settings::new(name.parse()?, 1.0),
        };
        let method = usual.method;
        let norm = places.first().map_or(Ok(usual.norm), |text| text.parse())?;
        let usual_budget = method
            .description()
            .epsilon(norm)
            .ok_or_else(|| Error::option("--attacks", format!("{method} does not take the norm {norm}")))?;
        let epsilon = match places.get(1) {
            Some(text) => level::parse_exact("--attacks", text)?,
            None if norm == usual.norm => usual.epsilon,
            None => usual_budget,
        };
        if let Some(extra) = places.get(2) {
            let reason = format!("{extra:?} in {text:?} is none of norm, budget and NAME=VALUE");
            return Err(Error::option("--attacks", reason));
        }
        let mut settings = usual.within(norm, epsilon);
        let mut sigma = None;
        for parameter in parameters {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            if name.trim() == "target" {
                // A class by its name would be every picture's own once.
                settings.target = match value.trim() {
                    "random" => Target::Random,
                    "least-likely" => Target::LeastLikely,
                    other => {
                        let reason = format!("the target {other:?} is neither random nor least-likely");
                        return Err(Error::option("--attacks", reason));
                    }
                };
                continue;
            }
            let value = level::parse_exact("--attacks", value)?;
            match name.trim() {
                "sigma" => sigma = Some(value as f32),
                name => settings.set(name, value)?,
            }
        }
        Ok(Self::of(&settings, sigma))
    }
}

impl fmt::Display for AttackPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = aimed(self.method.id(), self.target);
        write!(f, "{method} {} {}", self.norm.title(), level::describe(self.epsilon as f32))?;
        for (name, value) in &self.parameters {
            write!(f, ", {name} {value}")?;
        }
        if let Some(sigma) = self.sigma {
            write!(f, " at σ {}", level::describe(sigma))?;
        }
        if self.defence != Defence::None {
            write!(f, " against {}", self.defence)?;
        }
        Ok(())
    }
}

/// An attack's name with what it aims at.
pub(super) fn aimed(name: &str, target: Target) -> String {
    match target {
        Target::None => name.to_owned(),
        Target::Class(_) => format!("{name} towards one class"),
        Target::Random => format!("{name} towards a random class"),
        Target::LeastLikely => format!("{name} towards the least likely class"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::parameters;

    #[test]
    fn an_attack_is_read_with_what_is_usual_for_the_rest() {
        let plan: AttackPlan = "pgd".parse().unwrap();
        assert!(plan.norm == Norm::Linf && (plan.epsilon - 8.0 / 255.0).abs() < 1e-6);
        let plan: AttackPlan = "fgsm:l2:0.5".parse().unwrap();
        assert!(plan.method == Method::Fgsm && plan.norm == Norm::L2 && (plan.epsilon - 0.5).abs() < 1e-6);
        for wrong in ["", "pdg", "pgd:l3", "pgd:linf:x", "deepfool:linf", "pgd:linf:0.1:5", "pgd:queries=5"] {
            assert!(wrong.parse::<AttackPlan>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn parameters_and_presets_are_read_in_any_place() {
        let plan: AttackPlan = "square:linf:0.1:queries=1000".parse().unwrap();
        assert!((plan.epsilon - 0.1).abs() < 1e-12 && plan.parameters[parameters::QUERIES] == 1000.0);
        let plan: AttackPlan = "pgd:steps=7:l2".parse().unwrap();
        assert!(
            plan.norm == Norm::L2 && (plan.epsilon - 1.0).abs() < 1e-12 && plan.parameters[parameters::STEPS] == 7.0
        );
        let plan: AttackPlan = "pgd:target=random:l2:2.5".parse().unwrap();
        assert!(plan.target == Target::Random && plan.epsilon == 2.5);
        assert!(plan.to_string().starts_with("pgd towards a random class L2"), "{plan}");
        let refusal = "pgd:target=cat".parse::<AttackPlan>().unwrap_err().to_string();
        assert!(refusal.contains("neither random nor least-likely"), "{refusal}");
        let plan: AttackPlan = "fgsm:sigma=0.25".parse().unwrap();
        assert_eq!(plan.sigma, Some(0.25));
        let plan: AttackPlan = "foolbox-pgdl2".parse().unwrap();
        assert!(
            plan.norm == Norm::L2 && (plan.epsilon - 0.5).abs() < 1e-12 && plan.parameters[parameters::STEPS] == 50.0
        );
        let plan: AttackPlan = "foolbox-pgdl2:linf".parse().unwrap();
        assert!((plan.epsilon - 8.0 / 255.0).abs() < 1e-12, "the method's usual one in another norm");
        assert_eq!(plan.to_string(), "pgd L∞ 0.0314 (8/255), step-size 0.0125, steps 50");
    }
}
