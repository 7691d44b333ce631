//! Numbers as people read them, for the window, the command line, the sheet and the report alike. Levels have
//! [`super::level`], metrics [`crate::picture::Metric`].

use std::time::Duration;

/// A number with `digits` decimals and a true minus sign.
#[must_use]
pub fn number(value: f64, digits: usize) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "∞" } else { "−∞" }.to_owned();
    }
    format!("{value:.digits$}").replace('-', "−")
}

/// A number of at most four decimals, none of them needless, with a true minus sign.
#[must_use]
pub fn plain(value: f64) -> String {
    let text = number(value, 4);
    let short = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if short == "−0" { "0".to_owned() } else { short.to_owned() }
}

/// Whole bits, with a true minus sign: `1 bit`, `−763 bits`.
#[must_use]
pub fn whole_bits(bits: f64) -> String {
    // Not −0.
    let figure = number(bits.round() + 0.0, 0);
    let unit = if matches!(figure.trim_start_matches('−'), "1") { "bit" } else { "bits" };
    format!("{figure} {unit}")
}

/// A small value with two significant digits: `0.043`, `4e-4`.
#[must_use]
pub fn significant(value: f32) -> String {
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

/// A small positive number as a power of ten: `3 × 10⁻⁷`.
#[must_use]
pub fn scientific(value: f64) -> String {
    let text = format!("{value:.0e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let raised: String = exponent
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            digit => ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][digit.to_digit(10).unwrap_or(0) as usize],
        })
        .collect();
    if value == 0.0 { "0".to_owned() } else { format!("{mantissa} × 10{raised}") }
}

/// A whole number with its thousands set apart by narrow spaces: `1 234 567`.
#[must_use]
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut words = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            words.push('\u{202f}');
        }
        words.push(digit);
    }
    words
}

/// A probability at a glance, never rounded to a certainty that it is not: `97 %`, `99.5 %`, `> 99.9 %`, `0.3 %`, `< 0.1 %`.
#[must_use]
pub fn percent(probability: f64) -> String {
    match probability * 100.0 {
        p if (9.95..98.5).contains(&p) => format!("{p:.0} %"),
        p if p == 0.0 || p >= 100.0 => format!("{p:.0} %"),
        _ => percent_in_print(probability),
    }
}

/// A probability in print, never rounded to a certainty that it is not: `97.3 %`, `> 99.9 %`.
#[must_use]
pub fn percent_in_print(probability: f64) -> String {
    match probability * 100.0 {
        p if p > 0.0 && p < 0.1 => "< 0.1 %".to_owned(),
        p if p < 100.0 && p > 99.9 => "> 99.9 %".to_owned(),
        p => format!("{p:.1} %"),
    }
}

/// A probability within words, where the sign of `> 99.9 %` would read as a comparison with what stands before it: `over 99.9 %`.
#[must_use]
pub fn in_words(percent: &str) -> String {
    match (percent.strip_prefix("> "), percent.strip_prefix("< ")) {
        (Some(most), _) => format!("over {most}"),
        (_, Some(least)) => format!("under {least}"),
        _ => percent.to_owned(),
    }
}

/// A class and how much it is believed in, at a glance: `frog 97 %`, `frog, over 99.9 %`.
#[must_use]
pub fn believed(class: &str, probability: f64) -> String {
    beside(class, &percent(probability))
}

/// The same in print: `frog 97.3 %`, `frog, over 99.9 %`.
#[must_use]
pub fn believed_in_print(class: &str, probability: f64) -> String {
    beside(class, &percent_in_print(probability))
}

fn beside(class: &str, percent: &str) -> String {
    let words = in_words(percent);
    format!("{class}{} {words}", if words == percent { "" } else { "," })
}

/// A measured share, to be read closely: `97.31 %`.
#[must_use]
pub fn share(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// A span of time: `42 s`, `3 min`, `2 h 05 min`.
#[must_use]
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    match seconds {
        0..100 => format!("{seconds} s"),
        100..5400 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// The least round number (1, 2 or 5 times a power of ten) that is no smaller than a positive value, but for rounding.
#[must_use]
pub fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|&round| round >= value * (1.0 - 1e-6)).unwrap_or(value)
}

/// Round numbers inside a range, evenly apart by a [`round_up`] step, about five of them.
#[must_use]
pub fn ticks((low, high): (f64, f64)) -> Vec<f64> {
    if high <= low {
        return Vec::new();
    }
    let step = round_up((high - low) / 5.0);
    let first = (low / step - 1e-9).ceil() as i64;
    (first..).map(|i| i as f64 * step).take_while(|&tick| tick <= high + step * 1e-9).take(20).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_true_signs_and_no_needless_digits() {
        assert_eq!([number(-2.345, 1), number(f64::INFINITY, 2), number(3.0, 0)], ["−2.3", "∞", "3"]);
        assert_eq!([scientific(2.6e-7), scientific(0.0)], ["3 × 10⁻⁷", "0"]);
        assert_eq!([plain(0.25), plain(-3.0), plain(-1e-9), plain(200.0)], ["0.25", "−3", "0", "200"]);
        assert_eq!([1.2, -0.9, -0.2, 763.4].map(whole_bits), ["1 bit", "−1 bit", "0 bits", "763 bits"]);
        assert_eq!([0.043_21, 3.21, 0.000_41].map(significant), ["0.043", "3.2", "4e-4"]);
        assert_eq!([thousands(1_234_567), thousands(42)], ["1\u{202f}234\u{202f}567", "42"]);
    }

    #[test]
    fn probabilities_are_said_at_a_glance_in_print_and_closely() {
        assert_eq!([0.973, 0.984, 0.0312, 1e-5].map(percent), ["97 %", "98 %", "3.1 %", "< 0.1 %"]);
        assert_eq!(
            [0.9951, 0.9996, 1.0, 0.0, 0.000_77].map(percent),
            ["99.5 %", "> 99.9 %", "100 %", "0 %", "< 0.1 %"]
        );
        assert_eq!([0.99999, 1.0, 0.0001, 0.0].map(percent_in_print), ["> 99.9 %", "100.0 %", "< 0.1 %", "0.0 %"]);
        assert_eq!(share(0.973_14), "97.31 %");
    }

    /// "frog > 99.9 %" would say that a frog is more than that.
    #[test]
    fn a_class_beside_its_probability_is_no_comparison() {
        assert_eq!(
            [0.973, 0.9996, 1e-5, 1.0].map(|p| believed("frog", p)),
            ["frog 97 %", "frog, over 99.9 %", "frog, under 0.1 %", "frog 100 %"]
        );
        assert_eq!(
            [0.973, 0.9996, 1e-5].map(|p| believed_in_print("7", p)),
            ["7 97.3 %", "7, over 99.9 %", "7, under 0.1 %"]
        );
        for p in [0.0, 1e-9, 0.3, 1.0 - 1e-9, 1.0] {
            let words = [believed("a", p), believed_in_print("a", p), in_words(&percent(p))];
            assert!(words.iter().all(|words| !words.contains(['<', '>'])), "{words:?}");
        }
    }

    #[test]
    fn times_are_said_in_seconds_minutes_or_hours() {
        let words = |seconds| duration(Duration::from_secs(seconds));
        assert_eq!([words(42), words(200), words(7500)], ["42 s", "3 min", "2 h 05 min"]);
    }

    #[test]
    fn round_numbers_are_the_next_ones_up() {
        for (value, round) in
            [(0.13, 0.2), (0.2, 0.2), (f64::from(0.2_f32), 0.2), (0.03, 0.05), (7.0, 10.0), (1.0, 1.0)]
        {
            assert!((round_up(value) - round).abs() < 1e-12, "{value}: {}", round_up(value));
        }
    }

    #[test]
    fn ticks_are_round_and_inside() {
        let text = |range| ticks(range).into_iter().map(plain).collect::<Vec<_>>().join(" ");
        assert_eq!(text((0.0, 1.0)), "0 0.2 0.4 0.6 0.8 1");
        assert_eq!(text((-3.0, 7.0)), "−2 0 2 4 6");
        assert_eq!(text((0.031, 0.044)), "0.035 0.04");
        assert!(ticks((1.0, 1.0)).is_empty());
    }
}
