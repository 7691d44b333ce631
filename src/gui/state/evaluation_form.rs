//! What is to be measured of the model, as the person filled it in.

use super::mend::in_range;
use crate::attack::{Defence, LARGEST_ATTEMPTS};
use crate::picture::NoiseKind;
use crate::study::evaluation::{AttackPlan, CertifyPlan, Plan};
use crate::study::level;
use crate::{Error, Result};

/// Pictures that the saved page shows.
const EXAMPLES: usize = 8;

/// What is to be measured, as the person filled it in.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct EvaluationForm {
    /// The data set's path.
    pub data: String,
    /// Pictures of another kind, or nothing.
    pub others: String,
    /// Noise levels, separated by commas.
    pub sigmas: String,
    /// The kinds of noise.
    pub noises: Vec<NoiseKind>,
    /// Attacks as the command line takes them, separated by commas.
    pub attacks: String,
    /// Defences as the command line takes them, separated by spaces, each attacked by every attack; nothing for none.
    pub defences: String,
    /// Noise levels of the smoothing at which to certify, separated by commas; nothing for no certificates.
    pub certify: String,
    /// How many attacks close in on the radius of each certified picture from above; 0 for none.
    pub attempts: usize,
    /// How many pictures at most.
    pub limit: usize,
    /// The person said that classes are to be matched by number where no name agrees.
    pub by_number: bool,
}

impl Default for EvaluationForm {
    fn default() -> Self {
        Self {
            data: String::new(),
            others: String::new(),
            sigmas: "1/255, 25/255, 50/255".to_owned(),
            noises: vec![NoiseKind::Gaussian],
            attacks: "pgd:linf:8/255".to_owned(),
            defences: String::new(),
            certify: String::new(),
            attempts: 0,
            limit: 500,
            by_number: false,
        }
    }
}

impl EvaluationForm {
    /// The plan.
    ///
    /// # Errors
    /// [`Error::Option`] naming what cannot be read.
    pub fn plan(&self) -> Result<Plan> {
        let parts = |text: &str| -> Vec<String> {
            text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        let levels = |text: &str| -> Result<Vec<f32>> {
            let levels: Vec<f32> =
                parts(text).iter().map(|text| level::parse("noise levels", text)).collect::<Result<_>>()?;
            if levels.contains(&0.0) {
                return Err(Error::option("noise levels", "take numbers above 0"));
            }
            Ok(levels)
        };
        in_range("pictures at most", self.limit as f64, 1.0, 1e6)?;
        let sigmas = levels(&self.sigmas)?;
        in_range("attacks a bracket", self.attempts as f64, 0.0, LARGEST_ATTEMPTS as f64)?;
        let certify = CertifyPlan { sigmas: levels(&self.certify)?, attempts: self.attempts, ..CertifyPlan::default() };
        let attacks: Vec<AttackPlan> = parts(&self.attacks).iter().map(|text| text.parse()).collect::<Result<_>>()?;
        let named: Vec<Defence> = self.defences.split_whitespace().map(str::parse).collect::<Result<_>>()?;
        let defences = if named.is_empty() { vec![Defence::None] } else { named };
        let attacks = AttackPlan::against(&attacks, &defences);
        if attacks.is_empty() && certify.sigmas.is_empty() && (sigmas.is_empty() || self.noises.is_empty()) {
            return Err(Error::option("noise levels", "are missing, and there is no attack: nothing to measure"));
        }
        Ok(Plan { sigmas, noises: self.noises.clone(), attacks, certify, examples: EXAMPLES, ..Plan::default() })
    }
}
