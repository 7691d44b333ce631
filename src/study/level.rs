//! Levels of noise and of perturbation as people type and read them: `0.1`, or `25/255`.

use crate::{Error, Result};

/// Reads a level on the [0, 1] scale from `0.1` or from a fraction such as `25/255`.
///
/// # Errors
/// [`Error::Option`] naming `option` if the text is neither, or if the level is negative or not finite.
pub fn parse(option: &str, text: &str) -> Result<f32> {
    parse_exact(option, text).map(|level| level as f32)
}

/// [`parse`] in double precision, as budgets are kept.
///
/// # Errors
/// As for [`parse`].
pub fn parse_exact(option: &str, text: &str) -> Result<f64> {
    // With a decimal comma too.
    let number = |part: &str| part.trim().replacen(',', ".", 1).parse::<f64>().ok();
    let level = match text.split_once('/') {
        Some((part, whole)) => number(part).zip(number(whole)).map(|(part, whole)| part / whole),
        None => number(text),
    };
    match level {
        Some(level) if level.is_finite() && level >= 0.0 && (level as f32).is_finite() => Ok(level),
        _ => Err(Error::option(option, format!("{text:?} is no level: write 0.1, or 25/255"))),
    }
}

/// A level on both scales: `0.098 (25/255)`.
#[must_use]
pub fn describe(level: f32) -> String {
    let of_255 = f64::from(level) * 255.0;
    let nearest = of_255.round();
    if (of_255 - nearest).abs() < 0.005 {
        format!("{} ({nearest}/255)", short(level))
    } else {
        format!("{} ({of_255:.1}/255)", short(level))
    }
}

/// A level on 0–255 with at most one decimal: `25`, `25.5`.
#[must_use]
pub fn of_255(level: f32) -> String {
    let level = level * 255.0;
    if (level - level.round()).abs() < 0.05 { format!("{level:.0}") } else { format!("{level:.1}") }
}

/// A budget or a parameter as people type it: small whole 255ths as `8/255`, every other number as it is.
#[must_use]
pub fn typed(value: f64) -> String {
    let of_255 = value * 255.0;
    let is_level = value < 0.2 && of_255 > 0.5 && (of_255 - of_255.round()).abs() < 1e-9;
    if is_level { format!("{}/255", of_255.round()) } else { format!("{value}") }
}

/// A level to be typed, in 255ths if `same` says that it is the same number, else with as many digits as that needs.
#[must_use]
pub fn exact(level: f64, same: impl Fn(f64) -> bool) -> String {
    let nearest = (level * 255.0).round();
    if same(nearest / 255.0) {
        return format!("{nearest}/255");
    }
    let short = (level as f32).to_string();
    if short.parse().is_ok_and(&same) { short } else { level.to_string() }
}

/// A level with three significant digits and no trailing zeros.
fn short(level: f32) -> String {
    let digits = if level > 0.0 { (2 - level.log10().floor() as i32).clamp(0, 6) as usize } else { 0 };
    let text = format!("{level:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_a_level_are_read() {
        assert!((parse("--sigma", "0.1").unwrap() - 0.1).abs() < 1e-9);
        assert!((parse("--sigma", "25/255").unwrap() - 25.0 / 255.0).abs() < 1e-9);
        assert!((parse("--sigma", " 8 / 255 ").unwrap() - 8.0 / 255.0).abs() < 1e-9);
        assert!(parse("--sigma", "0").unwrap().abs() < 1e-9);
    }

    #[test]
    fn what_is_no_level_is_refused_by_the_name_of_its_option() {
        for text in ["", "x", "-0.1", "nan", "inf", "1/0", "0/0", "1/2/3", "25/", "1e60"] {
            let message = parse("--sigma", text).unwrap_err().to_string();
            assert!(message.starts_with("--sigma: "), "{text}: {message}");
        }
    }

    #[test]
    fn a_level_is_said_on_both_scales() {
        assert_eq!(describe(25.0 / 255.0), "0.098 (25/255)");
        assert_eq!(describe(0.5), "0.5 (127.5/255)");
        assert_eq!(describe(1.0), "1 (255/255)");
        assert_eq!(describe(0.0), "0 (0/255)");
        assert_eq!(describe(0.0123), "0.0123 (3.1/255)");
        assert_eq!([of_255(25.0 / 255.0), of_255(0.1)], ["25", "25.5"]);
    }

    #[test]
    fn a_level_is_typed_as_people_do() {
        assert_eq!([8.0 / 255.0, 0.0, 0.2, 0.03, 5000.0].map(typed), ["8/255", "0", "0.2", "0.03", "5000"]);
    }

    #[test]
    fn levels_are_written_without_loss() {
        let sigma = |s: f32| exact(f64::from(s), |l| l as f32 == s);
        assert_eq!(sigma((25.0_f64 / 255.0) as f32), "25/255");
        assert_eq!(sigma(0.123_456_7), "0.1234567");
        let budget = |e: f64| exact(e, |l| l == e);
        assert_eq!(budget(8.0 / 255.0), "8/255");
        assert_eq!(budget(0.3), "0.3");
        for value in [0.1 + 0.2, 1.0 / 3.0, 8.3 / 255.0] {
            assert_eq!(parse_exact("", &budget(value)).unwrap().to_bits(), value.to_bits());
        }
    }
}
