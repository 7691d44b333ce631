//! What a method is called, where it comes from and what it takes: data, so that menus and help list it by themselves.

use std::fmt;
use std::str::FromStr;

use super::Norm;
use super::registry;
use crate::{Error, Result, limits};

/// An attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// One step along the gradient (Goodfellow et al. 2015).
    Fgsm,
    /// Many small steps from the picture itself (Kurakin et al. 2017).
    Bim,
    /// Many small steps from a random start (Madry et al. 2018).
    Pgd,
    /// Many small steps along a running mean of gradients (Dong et al. 2018).
    MiFgsm,
    /// Steps that adapt their size, on cross-entropy (Croce & Hein 2020).
    ApgdCe,
    /// The same on the difference-of-logits ratio.
    ApgdDlr,
    /// The same on the targeted ratio, one target after the other.
    ApgdT,
    /// Steps on the margin between probabilities (Xie et al. 2025).
    Pma,
    /// Nearest linearised boundary, again and again (Moosavi-Dezfooli et al. 2016).
    Deepfool,
    /// The shortest perturbation by optimisation (Carlini & Wagner 2017).
    CarliniWagner,
    /// Projections onto the linearised boundary, drawn back to the picture (Croce & Hein 2020).
    Fab,
    /// Random squares, no gradient (Andriushchenko et al. 2020).
    Square,
    /// APGD-CE, then targeted APGD-DLR, then FAB, then Square.
    Autoattack,
    /// Plain noise of the same budget: the control.
    GaussianNoise,
}

impl Method {
    /// Every method, in the order of menus.
    pub const ALL: [Self; 14] = [
        Self::Fgsm,
        Self::Bim,
        Self::Pgd,
        Self::MiFgsm,
        Self::ApgdCe,
        Self::ApgdDlr,
        Self::ApgdT,
        Self::Pma,
        Self::Deepfool,
        Self::CarliniWagner,
        Self::Fab,
        Self::Square,
        Self::Autoattack,
        Self::GaussianNoise,
    ];

    /// Its entry in the registry.
    #[must_use]
    pub fn description(self) -> &'static Description {
        registry::describe(self)
    }

    /// Its name on the command line and in files, kebab-case.
    #[must_use]
    pub fn id(self) -> &'static str {
        self.description().id
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for Method {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|method| method.id() == text.to_ascii_lowercase()).ok_or_else(|| {
            let ids: Vec<_> = Self::ALL.iter().map(|m| m.id()).collect();
            Error::option("--method", format!("'{text}' is none of {}", ids.join(", ")))
        })
    }
}

/// A method's entry in the registry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Description {
    /// The name on the command line and in files, kebab-case.
    pub id: &'static str,
    /// The name on screen.
    pub title: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// The paper, and whose defaults these are.
    pub source: &'static str,
    /// The norms that it takes, the usual one first, each with its usual budget.
    pub norms: &'static [(Norm, f64)],
    /// Whether it uses gradients of the model.
    pub gradient: bool,
    /// Whether it looks for the smallest perturbation that succeeds, so that ε does not bound it.
    pub minimal: bool,
    /// The fewest classes that its loss is defined for.
    pub min_classes: usize,
    /// What else it takes.
    pub parameters: &'static [Parameter],
}

impl Description {
    /// The parameter with this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&'static Parameter> {
        self.parameters.iter().find(|p| p.name == name)
    }

    /// The usual budget in `norm`, if the method takes that norm.
    #[must_use]
    pub fn epsilon(&self, norm: Norm) -> Option<f64> {
        self.norms.iter().find(|(n, _)| *n == norm).map(|(_, epsilon)| *epsilon)
    }
}

/// One number that a method takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// Its name, kebab-case: `--step-size` on the command line.
    pub name: &'static str,
    /// What numbers it takes.
    pub kind: Kind,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
    /// The default, by norm: L∞, L2.
    pub default: [f64; 2],
    /// One sentence for help and tooltips.
    pub help: &'static str,
}

impl Parameter {
    /// The default under `norm`.
    #[must_use]
    pub fn default(&self, norm: Norm) -> f64 {
        self.default[norm as usize]
    }

    /// `value`, if the parameter takes it.
    pub fn check(&self, value: f64) -> Result<f64> {
        let whole = self.kind == Kind::Real || value.fract() == 0.0;
        if (self.min..=self.max).contains(&value) && whole {
            return Ok(value);
        }
        let what = if self.kind == Kind::Real { "a number" } else { "a whole number" };
        let reason = format!("takes {what} from {} to {}, not {}", self.min, self.max, limits::typed(value));
        Err(Error::option(format!("--{}", self.name), reason))
    }
}

/// What numbers a [`Parameter`] takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers.
    Count,
    /// Any number in the range.
    Real,
    /// 0 for off, 1 for on.
    Switch,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_described_under_its_own_name() {
        for method in Method::ALL {
            let entry = method.description();
            assert_eq!(entry.id.parse::<Method>().unwrap(), method);
            assert_eq!(serde_json::to_value(method).unwrap(), entry.id);
            assert!(!entry.norms.is_empty());
            for parameter in entry.parameters {
                for norm in Norm::ALL {
                    parameter.check(parameter.default(norm)).unwrap();
                }
            }
        }
    }

    #[test]
    fn wrong_values_name_the_option_and_the_range() {
        let steps = Method::Pgd.description().parameter("steps").unwrap();
        let message = steps.check(2.5).unwrap_err().to_string();
        assert!(message.contains("--steps") && message.contains("whole number"), "{message}");
        assert!("pdg".parse::<Method>().unwrap_err().to_string().contains("mi-fgsm"));
    }
}
