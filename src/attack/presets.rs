//! Settings as other libraries have them by default, named after their source.

use super::{Method, Norm, Settings, parameters};
use crate::{Error, Result};

/// Somebody's settings for one method.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preset {
    /// The name on the command line and in files, kebab-case: the source first.
    pub id: &'static str,
    /// The name on screen.
    pub title: &'static str,
    /// Whose settings these are.
    pub source: &'static str,
    /// What differs from the source, or where the budget comes from. Empty if there is nothing to say.
    pub note: &'static str,
    /// The method.
    pub method: Method,
    /// The norm.
    pub norm: Norm,
    /// The budget on the [0, 1] scale.
    pub epsilon: f64,
    /// The parameters that differ from the registry's defaults.
    pub values: &'static [(&'static str, f64)],
}

impl Preset {
    /// Every preset, by source.
    pub const ALL: &'static [Self] = PRESETS;

    /// The preset with this name.
    pub fn find(id: &str) -> Result<&'static Self> {
        Self::ALL.iter().find(|preset| preset.id == id).ok_or_else(|| {
            let ids: Vec<_> = Self::ALL.iter().map(|p| p.id).collect();
            Error::option("--preset", format!("'{id}' is none of {}", ids.join(", ")))
        })
    }

    /// Its settings, against p(c | x) at `sigma`.
    #[must_use]
    pub fn settings(&self, sigma: f32) -> Settings {
        let values = self.values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Settings { values, ..Settings::new(self.method, sigma).within(self.norm, self.epsilon) }
    }
}

const EIGHT: f64 = 8.0 / 255.0;
const FOUR: f64 = 4.0 / 255.0;

const NO_BUDGET: &str = "minimal: it looks for the smallest perturbation, ε does not bound it";
const FOOLBOX_BUDGET: &str = "Foolbox leaves the budget to the caller; its relative step is taken of this one";

const fn preset(id: &'static str, title: &'static str, source: &'static str, method: Method) -> Preset {
    Preset { id, title, source, note: "", method, norm: Norm::Linf, epsilon: EIGHT, values: &[] }
}

impl Preset {
    const fn in_l2(self, epsilon: f64) -> Self {
        Self { norm: Norm::L2, epsilon, ..self }
    }

    const fn within(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    const fn with(self, values: &'static [(&'static str, f64)]) -> Self {
        Self { values, ..self }
    }

    const fn noting(self, note: &'static str) -> Self {
        Self { note, ..self }
    }
}

const TORCHATTACKS: &str = "torchattacks 3";
const FOOLBOX: &str = "Foolbox 3";
const AUTOATTACK: &str = "AutoAttack, standard version";
const ROBUSTBENCH: &str = "RobustBench";

const PRESETS: &[Preset] = &[
    preset("torchattacks-fgsm", "FGSM", TORCHATTACKS, Method::Fgsm),
    preset("torchattacks-bim", "BIM", TORCHATTACKS, Method::Bim),
    preset("torchattacks-pgd", "PGD", TORCHATTACKS, Method::Pgd),
    preset("torchattacks-pgdl2", "PGDL2", TORCHATTACKS, Method::Pgd).in_l2(1.0),
    preset("torchattacks-mifgsm", "MIFGSM", TORCHATTACKS, Method::MiFgsm),
    preset("torchattacks-apgd", "APGD", TORCHATTACKS, Method::ApgdCe)
        .with(&[(parameters::STEPS, 10.0), (parameters::EARLY_STOP, 0.0)]),
    preset("torchattacks-apgdt", "APGDT", TORCHATTACKS, Method::ApgdT)
        .with(&[(parameters::STEPS, 10.0), (parameters::EARLY_STOP, 0.0)]),
    preset("torchattacks-deepfool", "DeepFool", TORCHATTACKS, Method::Deepfool).in_l2(0.5).noting(NO_BUDGET),
    preset("torchattacks-cw", "CW", TORCHATTACKS, Method::CarliniWagner).in_l2(0.5).noting(NO_BUDGET),
    preset("torchattacks-fab", "FAB", TORCHATTACKS, Method::Fab)
        .with(&[(parameters::STEPS, 10.0), (parameters::TARGETS, 0.0)])
        .noting(NO_BUDGET),
    preset("torchattacks-square", "Square", TORCHATTACKS, Method::Square),
    preset("foolbox-fgsm", "LinfFastGradientAttack", FOOLBOX, Method::Fgsm).noting(FOOLBOX_BUDGET),
    preset("foolbox-bim", "LinfBasicIterativeAttack", FOOLBOX, Method::Bim)
        .with(&[(parameters::STEPS, 10.0), (parameters::STEP_SIZE, 0.2 * EIGHT)])
        .noting(FOOLBOX_BUDGET),
    preset("foolbox-pgd", "LinfPGD", FOOLBOX, Method::Pgd)
        .with(&[(parameters::STEPS, 40.0), (parameters::STEP_SIZE, EIGHT / 30.0)])
        .noting(FOOLBOX_BUDGET),
    preset("foolbox-pgdl2", "L2PGD", FOOLBOX, Method::Pgd)
        .in_l2(0.5)
        .with(&[(parameters::STEPS, 50.0), (parameters::STEP_SIZE, 0.025 * 0.5)])
        .noting(FOOLBOX_BUDGET),
    preset("foolbox-deepfool", "L2DeepFoolAttack", FOOLBOX, Method::Deepfool).in_l2(0.5).noting(NO_BUDGET),
    preset("foolbox-cw", "L2CarliniWagnerAttack", FOOLBOX, Method::CarliniWagner)
        .in_l2(0.5)
        .with(&[(parameters::STEPS, 10_000.0), (parameters::SEARCH_STEPS, 9.0), (parameters::C, 1e-3)])
        .noting(NO_BUDGET),
    preset("autoattack-linf", "AutoAttack L∞ 8/255", AUTOATTACK, Method::Autoattack),
    preset("autoattack-l2", "AutoAttack L2 0.5", AUTOATTACK, Method::Autoattack).in_l2(0.5),
    preset("robustbench-cifar10-linf", "CIFAR-10 and CIFAR-100, L∞ 8/255", ROBUSTBENCH, Method::Autoattack),
    preset("robustbench-cifar10-l2", "CIFAR-10, L2 0.5", ROBUSTBENCH, Method::Autoattack).in_l2(0.5),
    preset("robustbench-imagenet-linf", "ImageNet, L∞ 4/255", ROBUSTBENCH, Method::Autoattack).within(FOUR),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_preset_is_one_that_its_method_takes() {
        for preset in Preset::ALL {
            preset.settings(0.1).check_for(10, crate::picture::Shape::new(3, 32, 32)).unwrap();
            assert_eq!(Preset::find(preset.id).unwrap(), preset);
        }
        let ids: BTreeSet<_> = Preset::ALL.iter().map(|p| p.id).collect();
        assert_eq!(ids.len(), Preset::ALL.len(), "no two of one name");
    }
}
