//! How large numbers may be: what a person types, or a form or a file holds, is held against these bounds before any work.

use std::time::Duration;

use crate::{Error, Result};

/// The largest noise level, on the [0, 1] scale of pictures: of a picture under it nothing is left to see.
pub const LARGEST_SIGMA: f32 = 10.0;

/// How many pictures go through a model together, at most.
pub const LARGEST_BATCH: usize = 4096;

/// How many values of pictures are held at once, at most: a GiB of them.
const LARGEST_MEMORY: usize = 1 << 28;

/// How many values of pictures a batch holds that may as well be cut smaller: 64 MiB of them.
const BATCH_MEMORY: usize = 1 << 24;

/// The longest time that anything is asked to take: a hundred years of 365 days.
const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);

/// Refuses a noise level that is negative, not finite or above [`LARGEST_SIGMA`].
///
/// # Errors
/// [`Error::Option`] naming `option`, with what was probably meant.
pub fn sigma(option: &str, sigma: f32) -> Result<()> {
    if sigma > LARGEST_SIGMA && sigma.is_finite() {
        let hint = of_255(f64::from(sigma), f64::from(LARGEST_SIGMA));
        let reason =
            format!("{sigma:?} is beyond {LARGEST_SIGMA}, where noise on the [0, 1] scale leaves nothing{hint}");
        return Err(Error::option(option, reason));
    }
    if sigma.is_finite() && sigma >= 0.0 {
        return Ok(());
    }
    Err(Error::option(option, format!("{sigma} is no standard deviation: it is finite and not negative")))
}

/// [`sigma`] that refuses 0 too.
///
/// # Errors
/// As for [`sigma`].
pub fn positive_sigma(option: &str, sigma: f32) -> Result<()> {
    self::sigma(option, sigma)?;
    if sigma > 0.0 { Ok(()) } else { Err(Error::option(option, format!("takes a positive number, not {sigma}"))) }
}

/// ": did you mean 8/255?", where that is what a person who thinks in 255ths meant by 8: no more than `largest`.
#[must_use]
pub fn of_255(value: f64, largest: f64) -> String {
    if value / 255.0 <= largest { format!(": did you mean {value}/255?") } else { String::new() }
}

/// A number as people type it: whole ones without decimals, very large and very small ones as `1e30`.
#[must_use]
pub fn typed(value: f64) -> String {
    let text = format!("{value:?}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// A bound as people type it, of five significant digits where it has more, rounded to where it still holds.
fn bound(value: f64, round: fn(f64) -> f64) -> String {
    let exact = typed(value);
    if exact.len() <= 8 || !value.is_finite() {
        return exact;
    }
    let unit = 10_f64.powf(value.abs().log10().floor() - 4.0);
    // The digits of the quotient are whole, and so those of the text are few.
    typed(format!("{:.4e}", round(value / unit) * unit).parse().unwrap_or(value))
}

/// Refuses a number outside of `least..=most`.
///
/// # Errors
/// [`Error::Option`] naming `option`.
pub fn number(option: &str, value: f64, least: f64, most: f64) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let (least, most) = (bound(least, f64::ceil), bound(most, f64::floor));
    Err(Error::option(option, format!("takes a number from {least} to {most}, not {}", typed(value))))
}

/// Refuses a whole number outside of `least..=most`.
///
/// # Errors
/// [`Error::Option`] naming `option`.
pub fn whole(option: &str, value: u64, least: u64, most: u64) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::option(option, format!("takes a whole number from {least} to {most}, not {value}")))
}

/// A time of so many seconds, above 0 and at most a hundred years.
///
/// # Errors
/// [`Error::Option`] naming `option`.
pub fn time(option: &str, seconds: f64) -> Result<Duration> {
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if seconds > 0.0 && time <= LONGEST => Ok(time),
        _ => Err(Error::option(option, "takes a positive time, of a hundred years at most")),
    }
}

/// Whether so many seconds are a time that something took: from 0 to a hundred years.
#[must_use]
pub fn is_time(seconds: f64) -> bool {
    Duration::try_from_secs_f64(seconds).is_ok_and(|time| time <= LONGEST)
}

/// Refuses work that would hold more than a GiB of pictures at once: `rows` of `values` numbers each.
///
/// # Errors
/// [`Error::Option`] naming `option`.
pub fn memory(option: &str, rows: usize, values: usize) -> Result<()> {
    if rows.checked_mul(values).is_some_and(|all| all <= LARGEST_MEMORY) {
        return Ok(());
    }
    let most = LARGEST_MEMORY / values.max(1);
    Err(Error::option(option, format!("asks for {rows} pictures at once; of this size {most} fit into the memory")))
}

/// How many pictures of `values` numbers go through a model together where a person allows `batch` and the result does not
/// depend on it: fewer where they are large, at least one.
#[must_use]
pub fn batch(batch: usize, values: usize) -> usize {
    batch.min(BATCH_MEMORY / values.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_finite_not_negative_and_on_the_right_scale() {
        for fine in [0.0, 1e-30, 0.5, 10.0] {
            sigma("--sigma", fine).unwrap();
        }
        for wrong in [-1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 10.5, 1e30] {
            let message = sigma("--sigma", wrong).unwrap_err().to_string();
            assert!(message.starts_with("--sigma: ") && !message.contains('\n'), "{message}");
        }
        assert!(sigma("--sigma", 25.0).unwrap_err().to_string().ends_with("did you mean 25/255?"));
        assert!(!sigma("--sigma", 1e30).unwrap_err().to_string().contains("did you mean"));
        assert!(positive_sigma("--sigma", 0.0).is_err() && positive_sigma("--sigma", -0.0).is_err());
    }

    #[test]
    fn times_and_numbers_have_ends() {
        assert_eq!(time("--seconds", 1.5).unwrap(), Duration::from_millis(1500));
        for wrong in [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, 1e20, 1e30, f64::MAX] {
            assert!(time("--seconds", wrong).is_err(), "{wrong}");
        }
        assert!(number("--x", f64::NAN, 0.0, 1.0).is_err() && number("--x", 1.0, 0.0, 1.0).is_ok());
        assert!(whole("--n", 0, 1, 9).is_err() && whole("--n", 9, 1, 9).is_ok());
        let said = |value: f64, least: f64, most: f64| number("--x", value, least, most).unwrap_err().to_string();
        assert_eq!(said(99.0, 1e-6, 3072_f64.sqrt()), "--x: takes a number from 1e-6 to 55.425, not 99");
        assert_eq!(said(-0.5, 1.0 / 3.0, 1e30), "--x: takes a number from 0.33334 to 1e30, not -0.5");
    }

    #[test]
    fn pictures_at_once_are_bounded_by_their_size() {
        memory("--batch", 4096, 3072).unwrap();
        assert!(memory("--batch", usize::MAX, 3072).is_err() && memory("--batch", 1 << 20, 3072).is_err());
        assert_eq!((batch(100, 3072), batch(100, 1 << 20), batch(100, 1 << 30)), (100, 16, 1));
    }
}
