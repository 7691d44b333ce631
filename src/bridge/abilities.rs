//! What a script's model can give, and in which sense.

use crate::joint::{Abilities, Ability};

/// Of a model that has these functions. `gradient` says why there is none.
pub(super) fn abilities(roles: &[String], takes_sigma: bool, gradient: Option<&str>) -> Abilities {
    let has = |role: &str| roles.iter().any(|r| r == role);
    let mut abilities = Abilities::default();
    match (has("logits"), has("denoise")) {
        (true, false) => {
            abilities.density = Ability::Noted(
                "gives logits alone: their logsumexp is taken for log p(y), which is JEM's density (Grathwohl et al. \
                 2020), and its denoisers follow from that"
                    .to_owned(),
            );
        }
        (true, true) => {
            abilities.density = Ability::Missing(
                "is a classifier and a denoiser: D_c = D + σ²∇log p(c | y), but neither gives log p(y)".to_owned(),
            );
        }
        (false, true) => {
            abilities.density = Ability::Missing("is a denoiser alone: it gives D, and no log p(y)".to_owned());
        }
        (false, false) => {}
    }
    if !takes_sigma {
        abilities.sigma = Ability::Missing("ignores σ: its logits(x) are not told the noise level".to_owned());
    }
    if let Some(reason) = gradient {
        abilities.gradients = Ability::Missing(format!("gives no gradients: {reason}"));
    }
    abilities
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_follows_from_what_there_is() {
        let of = |roles: &[&str], sigma, gradient| {
            abilities(&roles.iter().map(|role| (*role).to_owned()).collect::<Vec<_>>(), sigma, gradient)
        };
        assert_eq!(of(&["log_joint"], true, None), Abilities::default());
        let classifier = of(&["logits"], false, None);
        assert!(classifier.density.missing().is_none() && classifier.density.note().unwrap().contains("JEM"));
        assert!(classifier.sigma.missing().unwrap().contains("ignores σ"));
        assert!(of(&["logits", "denoise"], true, None).density.missing().is_some());
        assert!(of(&["denoise"], true, None).density.missing().unwrap().contains("denoiser alone"));
        let blind = of(&["logits"], true, Some("numpy gives none"));
        assert!(blind.gradients.missing().unwrap().contains("numpy gives none"));
    }
}
