//! Numbers as the window writes them.

/// A level on 0–255, one decimal.
#[must_use]
pub fn of_255(level: f32) -> String {
    let level = level * 255.0;
    if (level - level.round()).abs() < 0.05 { format!("{level:.0}") } else { format!("{level:.1}") }
}

/// A probability for people: `97 %`, `0.3 %`, `<0.1 %`.
#[must_use]
pub fn percent(probability: f64) -> String {
    let percent = probability * 100.0;
    if percent >= 99.95 {
        "100 %".to_owned()
    } else if percent >= 9.95 {
        format!("{percent:.0} %")
    } else if percent >= 0.05 {
        format!("{percent:.1} %")
    } else {
        "<0.1 %".to_owned()
    }
}

/// A span of time for people: `42 s`, `3 min`, `2 h 05 min`.
#[must_use]
pub fn time_words(time: std::time::Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    match seconds {
        0..100 => format!("{seconds} s"),
        100..5400 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A small value with two significant digits.
#[must_use]
pub fn small(value: f32) -> String {
    let size = value.abs();
    if size == 0.0 || !size.is_finite() {
        return format!("{value}");
    }
    if size < 1e-3 {
        return format!("{value:.0e}");
    }
    let digits = (1 - size.log10().floor() as i32).clamp(0, 6) as usize;
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(percent(0.9999), "100 %");
        assert_eq!(percent(0.973), "97 %");
        assert_eq!(percent(0.0312), "3.1 %");
        assert_eq!(percent(1e-5), "<0.1 %");
        assert_eq!(small(0.04321), "0.043");
        assert_eq!(small(3.21), "3.2");
        assert_eq!(small(0.000_41), "4e-4");
        assert_eq!(of_255(25.0 / 255.0), "25");
        assert_eq!(of_255(0.1), "25.5");
        let words = |seconds| time_words(std::time::Duration::from_secs(seconds));
        assert_eq!([words(42), words(200), words(7500)], ["42 s", "3 min", "2 h 05 min"]);
    }
}
