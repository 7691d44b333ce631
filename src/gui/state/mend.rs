//! A document from elsewhere, a session file or another model, made one that this model can be asked about.

use super::document::Document;
use crate::attack::{Defence, DenoiserSettings, Method, Settings, Target};
use crate::joint::JointModel;
use crate::picture::Fit;
use crate::study::LARGEST_GUIDANCE;
use crate::{Error, Result};

/// Puts what is out of range back to what is usual and returns words for each; `model` is the one in use.
#[must_use]
pub fn mend(document: &mut Document, model: Option<&dyn JointModel>) -> Vec<String> {
    let usual = Document::default();
    let mut words = Vec::new();
    document.current = document.current.min(document.pictures.len().saturating_sub(1));
    if !(0.0..=1.0).contains(&document.noise.sigma) {
        words
            .push(format!("The noise level {} is not between 0 and 1; it is the usual one now.", document.noise.sigma));
        document.noise.sigma = usual.noise.sigma;
    }
    if !(0.0..=LARGEST_GUIDANCE).contains(&document.guidance) {
        words.push(format!("The guidance {} is not between 0 and {LARGEST_GUIDANCE}; it is 1 now.", document.guidance));
        document.guidance = usual.guidance;
    }
    for entry in &mut document.pictures {
        if !is_sound(entry.fit) {
            words.push(format!("The part of {} that is shown makes no sense; it is the middle now.", entry.name));
            entry.fit = Fit::Centre;
        }
    }
    let Some(model) = model else { return words };
    // Its level is the noise's, which is mended above.
    let on_denoiser = DenoiserSettings { sigma: 0.1, ..document.denoiser_attack };
    if model.abilities().gradients.missing().is_none()
        && let Err(error) = on_denoiser.check(model)
    {
        let reason = reason(&error);
        words.push(format!("The attack on the denoiser cannot be made: {reason}; it is the usual one now."));
        document.denoiser_attack = usual.denoiser_attack;
    }
    let classes = model.classes().len();
    document.pinned.retain(|&class| class < classes);
    if matches!(document.attack.target, Target::Class(class) if class >= classes) {
        document.attack.target = Target::None;
    }
    // A model of one class is attacked and certified in no way; its panes say so.
    if classes > 1 {
        if model.abilities().gradients.missing().is_some() {
            words.extend(without_gradients(&mut document.attack));
        }
        if let Err(error) = document.attack.check(model) {
            words.push(format!("The attack cannot be made: {}; it is the usual one now.", reason(&error)));
            document.attack = usual.attack;
        }
        if let Err(error) = document.smoothing.check() {
            words.push(format!("The certificate cannot be made: {}; it is the usual one now.", reason(&error)));
            document.smoothing = usual.smoothing;
        }
    }
    words
}

/// Makes an attack one that asks for no gradients, which the model does not give; words if it was another.
fn without_gradients(attack: &mut Settings) -> Option<String> {
    let before = attack.clone();
    if attack.method.description().gradient {
        let square = Settings::new(Method::Square, attack.sigma);
        *attack = Settings { seed: attack.seed, target: attack.target, defence: attack.defence, ..square };
    }
    if let Defence::Purification { .. } = attack.defence {
        attack.defence = Defence::None;
    }
    let title = attack.method.description().title;
    (*attack != before).then(|| format!("The model gives no gradients: the attack is {title} now, which needs none."))
}

/// Whether a picture can be fitted so.
#[must_use]
pub fn is_sound(fit: Fit) -> bool {
    let Fit::Crop(crop) = fit else { return true };
    [crop.x, crop.y, crop.width, crop.height].iter().all(|v| v.is_finite() && v.abs() < LARGEST_CROP)
}

/// No picture has sides as long as this.
const LARGEST_CROP: f32 = 1e6;

/// What is wrong, without the command line's name for it.
fn reason(error: &Error) -> String {
    match error {
        Error::Option { option, reason } => format!("{} {reason}", option.trim_start_matches('-')),
        other => other.to_string(),
    }
}

/// Refuses a form's number that is out of range, by the name that the form has for it.
///
/// # Errors
/// [`Error::Option`] naming the field.
pub fn in_range(field: &str, value: f64, least: f64, most: f64) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::option(field, format!("takes a number from {least} to {most}, not {value}")))
}
