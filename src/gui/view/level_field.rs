//! A field for a level of noise or of perturbation, on one of the two scales that people write them on.

use eframe::egui::{DragValue, Response, Slider, SliderClamping, Ui};

use crate::gui::view::explain::Explain as _;
use crate::study::level;

/// Which numbers a field shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// 0–1, as the model computes.
    Unit,
    /// 0–255, as 8-bit files count.
    Bytes,
}

impl Scale {
    /// What 1 on the [0, 1] scale is here.
    fn one(self) -> f64 {
        match self {
            Self::Unit => 1.0,
            Self::Bytes => 255.0,
        }
    }

    /// Reads what was typed, up to `most` on the [0, 1] scale: a number on this scale, `0.1` or `12,5`, or on either scale a fraction
    /// such as `25/255`. The value on this scale, or why there is none, in words.
    pub fn read(self, text: &str, most: f64) -> Result<f64, String> {
        let one = if text.contains('/') { 1.0 } else { self.one() };
        let level = level::parse_exact("level", text).map_err(|_| {
            format!("{text:?} is no level: write {}, or 25/255", if self == Self::Unit { "0.1" } else { "25" })
        })? / one;
        if level <= most {
            return Ok(level * self.one());
        }
        let meant =
            if self == Self::Unit && level <= 255.0 { format!(": did you mean {level}/255?") } else { String::new() };
        Err(format!("{text} is more than {} here{meant}", level::typed(most * self.one())))
    }
}

/// A field that is dragged or typed in, with its tooltip; `level` is on the [0, 1] scale, as is `most`. What was refused is
/// returned in words, to be said.
pub fn level_field(ui: &mut Ui, level: &mut f64, scale: Scale, most: f64, hint: &str) -> (Response, Option<String>) {
    let refused = std::cell::RefCell::new(None);
    let mut shown = *level * scale.one();
    let (speed, decimals) = if scale == Scale::Unit { (0.001, 3) } else { (0.25, 1) };
    let field = DragValue::new(&mut shown)
        .range(0.0..=most * scale.one())
        .speed(speed)
        .max_decimals(decimals)
        .update_while_editing(false)
        .custom_parser(|text| match scale.read(text, most) {
            Ok(value) => Some(value),
            Err(words) => {
                refused.replace(Some(words));
                None
            }
        });
    let response = ui.add(field).explained(hint);
    if response.changed() {
        *level = shown / scale.one();
    }
    (response, refused.into_inner())
}

/// A slider whose figure takes what a [`level_field`] takes; `level` is on the [0, 1] scale, as is `range`. What is refused is said.
pub fn level_slider(level: &mut f64, scale: Scale, range: std::ops::RangeInclusive<f64>) -> Slider<'_> {
    let one = scale.one();
    let most = *range.end();
    Slider::from_get_set(range.start() * one..=most * one, move |set| {
        if let Some(set) = set {
            *level = set / one;
        }
        *level * one
    })
    .max_decimals(if scale == Scale::Unit { 3 } else { 1 })
    // A value from elsewhere stays what it is: only what is slid or typed is rounded and kept in the range.
    .clamping(SliderClamping::Edits)
    .update_while_editing(false)
    .custom_parser(move |text| scale.read(text, most).map_err(|words| tracing::warn!("{words}")).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_on_their_scale_and_refused_in_words() {
        let near = |value: Result<f64, String>, right: f64| assert!((value.unwrap() - right).abs() < 1e-9);
        near(Scale::Bytes.read("25", 1.0), 25.0);
        near(Scale::Bytes.read("12,5", 1.0), 12.5);
        near(Scale::Bytes.read("40 / 255", 1.0), 40.0);
        near(Scale::Unit.read("0.1", 1.0), 0.1);
        near(Scale::Unit.read("25/255", 1.0), 25.0 / 255.0);
        let words = Scale::Unit.read("12,5", 1.0).unwrap_err();
        assert!(words.contains("did you mean 12.5/255?"), "{words}");
        for wrong in ["", "ten", "-3", "nan", "1e400", "300"] {
            assert!(Scale::Bytes.read(wrong, 1.0).is_err(), "{wrong}");
        }
    }
}
