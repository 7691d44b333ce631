//! Several attacks side by side on one picture: which, and what came of each.

use std::sync::Arc;

use crate::attack::{Method, Mode, Outcome, Settings};
use crate::gui::gpu::Content;

/// What the pane shows of each attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shown {
    /// The attacked picture.
    #[default]
    Attacked,
    /// What was added to it.
    Perturbation,
    /// The figures, in a table.
    Figures,
}

/// What came of one attack.
#[derive(Debug, Clone)]
pub struct Trial {
    /// How it attacked.
    pub settings: Settings,
    /// What came of it, or why it could not be tried.
    pub ending: Result<Ending, String>,
}

/// What an attack ended with.
#[derive(Debug, Clone)]
pub struct Ending {
    /// The whole result.
    pub outcome: Arc<Outcome>,
    /// The attacked picture.
    pub attacked: Content,
    /// How long it took, in milliseconds.
    pub took: f64,
}

/// Several attacks.
pub struct Trials {
    /// The methods to try, in the order of menus.
    pub methods: Vec<Method>,
    /// What is shown of each.
    pub shown: Shown,
    /// The clean picture that was attacked.
    pub clean: Option<Content>,
    /// What was planned last.
    pub planned: Vec<Settings>,
    /// What came of the first of them.
    pub found: Vec<Trial>,
    /// Steps made by the one that goes on, of about how many.
    pub progress: (usize, usize),
}

impl Default for Trials {
    fn default() -> Self {
        Self {
            methods: USUAL.to_vec(),
            shown: Shown::default(),
            clean: None,
            planned: Vec::new(),
            found: Vec::new(),
            progress: (0, 1),
        }
    }
}

/// Quick ones of every kind, and plain noise as the control.
const USUAL: [Method; 6] =
    [Method::Fgsm, Method::Pgd, Method::ApgdCe, Method::Pma, Method::Deepfool, Method::GaussianNoise];

impl Trials {
    /// Lets go of what was found; what is chosen stays.
    pub fn forget(&mut self) {
        *self = Self { methods: std::mem::take(&mut self.methods), shown: self.shown, ..Self::default() };
    }

    /// Tries a method too, or no longer.
    pub fn toggle(&mut self, method: Method) {
        let chosen = |m: &Method| self.methods.contains(m) != (*m == method);
        self.methods = Method::ALL.into_iter().filter(chosen).collect();
    }

    /// What came of the attack at this place.
    #[must_use]
    pub fn ending(&self, index: usize) -> Option<&Ending> {
        self.found.get(index)?.ending.as_ref().ok()
    }

    /// How each of the chosen methods attacks: under the adversary pane's σ, seed, target and defence, and within its norm and budget
    /// where the method takes them, so that what is compared is the methods. The pane's own method goes as it is set there.
    #[must_use]
    pub fn plan(&self, pane: &Settings) -> Vec<Settings> {
        self.methods.iter().map(|&method| like(pane, method)).collect()
    }
}

fn like(pane: &Settings, method: Method) -> Settings {
    if method == pane.method {
        return pane.clone();
    }
    let description = method.description();
    let usual = Settings::new(method, pane.sigma);
    let mut settings = Settings { seed: pane.seed, target: pane.target, defence: pane.defence, ..usual };
    if let Some(epsilon) = description.epsilon(pane.norm) {
        settings.norm = pane.norm;
        // A method that looks for the smallest perturbation has no budget to share.
        settings.epsilon = if pane.method.description().minimal { epsilon } else { pane.epsilon };
        settings.mode = if description.minimal { Mode::Fixed } else { pane.mode };
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::{Defence, Norm, Target};

    #[test]
    fn all_have_the_budget_of_the_adversary_pane_and_its_own_method_its_parameters() {
        let mut pane = Settings::new(Method::Pgd, 0.1).within(Norm::L2, 0.7);
        (pane.seed, pane.target, pane.defence) = (5, Target::Class(2), Defence::VOTE);
        pane.set("steps", 7.0).unwrap();
        let mut trials = Trials::default();
        trials.toggle(Method::Bim);
        trials.toggle(Method::Fgsm);
        let plan = trials.plan(&pane);
        let methods: Vec<Method> = plan.iter().map(|settings| settings.method).collect();
        let in_order = [Method::Bim, Method::Pgd, Method::ApgdCe, Method::Pma, Method::Deepfool, Method::GaussianNoise];
        assert_eq!(methods, in_order);
        assert_eq!(plan[1], pane);
        for settings in &plan {
            assert_eq!((settings.sigma, settings.seed, settings.target), (0.1, 5, Target::Class(2)));
            assert_eq!(settings.defence, Defence::VOTE);
            if settings.is_bounded() && settings.method.description().epsilon(Norm::L2).is_some() {
                assert_eq!((settings.norm, settings.epsilon), (Norm::L2, 0.7), "{}", settings.method);
            }
        }
        trials.toggle(Method::Bim);
        assert!(!trials.methods.contains(&Method::Bim));
    }
}
